import type { ReactNode } from "react";

import { count, decimal, duration, percent } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive, useNow } from "../live";
import { Badge, type Tone } from "../parts/Badge";
import { Countdown } from "../parts/Countdown";
import { ratePerSecond } from "../rates";
import { flyingCount, holdOf, nextSlot, waitingCount, whyCauses } from "../why";

const text = {
  en: {
    title: "From the client to the provider",
    clients: "Clients", cache: "Cache", queue: "Queue", slot: "Slot", provider: "Provider",
    waiting: "wait for an answer", connections: (n: string) => `${n} connections`,
    hits: "hits", saved: (n: string) => `${n} slots saved`,
    of: (limit: string) => `of ${limit} places`, policy: (name: string) => `policy ${name}`,
    free: "free now", shut: "shut", until: "until the next", window: (span: string) => `one in ${span}`,
    flying: "at the provider now", median: (span: string) => `half within ${span}`,
    perSecond: "/s", paused: "paused", full: "full", hold: "hold", open: "breaker open", probe: "probe", away: "away", ok: "ok",
  },
  pt: {
    title: "Do cliente ao provedor",
    clients: "Clientes", cache: "Cache", queue: "Fila", slot: "Vaga", provider: "Provedor",
    waiting: "esperam resposta", connections: (n: string) => `${n} conexões`,
    hits: "acertos", saved: (n: string) => `${n} vagas poupadas`,
    of: (limit: string) => `de ${limit} lugares`, policy: (name: string) => `política ${name}`,
    free: "livre agora", shut: "fechada", until: "até a próxima", window: (span: string) => `uma a cada ${span}`,
    flying: "no provedor agora", median: (span: string) => `metade em até ${span}`,
    perSecond: "/s", paused: "pausada", full: "cheia", hold: "espera", open: "disjuntor aberto", probe: "teste", away: "fora do ar", ok: "ok",
  },
};

const stops = ["gateway_gone", "scheduler_gone", "fetcher_gone", "paused", "breaker", "probe"] as const;

/** Where a request goes, with the numbers of this moment. */
export function Pipeline() {
  const { state, history } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const now_us = useNow(500);

  if (!state)
    return null;
  const { values, quantiles, windows } = state;
  const rate = (name: string) => decimal(language, ratePerSecond(history, name), 1) + t.perSecond;
  const kinds = new Set(whyCauses(state, now_us).map((cause) => cause.kind));
  const next_us = nextSlot(state, now_us);
  const shut = stops.some((kind) => kinds.has(kind)); // whatever the limiter says, nothing is sent
  const limit = values["scheduler.queue_limit"] ?? 0;
  const waiting = waitingCount(state);
  const policy = state.views["scheduler.queue"]?.policy;
  const median = windows["1m"]["fetcher.upstream_seconds.p50"] ?? quantiles["fetcher.upstream_seconds.p50"];

  return (
    <section aria-label={t.title} className="rounded-lg border border-line bg-card p-3">
      <ol className="flex flex-col items-stretch gap-1 lg:flex-row lg:gap-0">
        <Node name={t.clients} value={count(language, values["gateway.requests_waiting"])} unit={t.waiting}
          note={t.connections(count(language, values["gateway.connections"]))}
          state={kinds.has("gateway_gone") ? ["bad", t.away] : undefined} />
        <Arrow rate={rate("gateway.requests_total")} />
        <Node name={t.cache} value={percent(language, (values["metricsd.cache_hit_ppm"] ?? 0) / 1e6)} unit={t.hits}
          note={t.saved(count(language, values["metricsd.slots_saved_total"]))} />
        <Arrow rate={null} />
        <Node name={t.queue} value={count(language, waiting)} unit={t.of(count(language, limit))} note={policy ? t.policy(policy) : ""}
          fill={limit ? Math.min(1, waiting / limit) : 0}
          state={kinds.has("scheduler_gone") ? ["bad", t.away] : kinds.has("full") ? ["bad", t.full] : kinds.has("paused") ? ["warn", t.paused] : undefined} />
        <Arrow rate={null} />
        <Node name={t.slot} value={shut ? t.shut : next_us > now_us ? <Countdown until_us={next_us} /> : t.free} unit={!shut && next_us > now_us ? t.until : ""}
          note={t.window(duration(language, state.slots.window_us))}
          fill={shut ? 0 : Math.min(1, Math.max(0, 1 - (next_us - now_us) / state.slots.window_us))}
          state={holdOf(state, now_us) ? ["warn", t.hold] : undefined} />
        <Arrow rate={rate("fetcher.upstream_requests_total")} />
        <Node name={t.provider} value={count(language, flyingCount(state))} unit={t.flying} note={median === undefined ? "" : t.median(duration(language, median))}
          state={kinds.has("fetcher_gone") ? ["bad", t.away] : kinds.has("breaker") ? ["bad", t.open] : kinds.has("probe") ? ["warn", t.probe] : ["good", t.ok]} />
      </ol>
    </section>
  );
}

function Node({ name, value, unit, note, fill, state }: {
  name: string;
  value: ReactNode;
  unit: string;
  note: string;
  fill?: number;
  state?: [Tone, string] | undefined;
}) {
  return (
    <li className="relative flex min-w-0 flex-1 flex-wrap items-baseline gap-x-2 overflow-hidden rounded-md border border-line bg-ground px-3 py-1.5 lg:block">
      <span className="flex w-full items-center justify-between gap-1 text-xs font-semibold text-faint">
        {name}
        {state && <Badge tone={state[0]}>{state[1]}</Badge>}
      </span>
      <span className="text-xl leading-7 font-semibold tabular-nums">{value}</span>{" "}
      <span className="text-xs text-faint">{unit}</span>
      <span className="block text-xs text-faint">{note || "\u00a0"}</span>
      {fill !== undefined && (
        <span aria-hidden="true" className="absolute inset-x-0 bottom-0 h-0.5 bg-line">
          <span className="block h-full origin-left bg-accent" style={{ transform: `scaleX(${fill})` }} />
        </span>
      )}
    </li>
  );
}

/** Between two nodes, with what goes that way each second. */
function Arrow({ rate }: { rate: string | null }) {
  return (
    <li className="flex shrink-0 items-center justify-center gap-1 text-xs text-faint tabular-nums lg:w-16 lg:flex-col lg:gap-0">
      {rate !== null && <span>{rate}</span>}
      <svg aria-hidden="true" viewBox="0 0 48 8" className="hidden h-2 w-12 stroke-current lg:block" fill="none">
        <path d="M2 4H45M41 1l4 3-4 3" />
      </svg>
      <span aria-hidden="true" className="lg:hidden">↓</span>
    </li>
  );
}
