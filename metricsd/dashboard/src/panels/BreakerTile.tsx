import type { ReactNode } from "react";

import { clock, count } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive, useNow } from "../live";
import { Badge, type Tone } from "../parts/Badge";
import { Card } from "../parts/Card";
import { Countdown } from "../parts/Countdown";
import { Stat, Stats } from "../parts/Stat";
import { isUp } from "../processes";
import { reasons, reasonText } from "../reasons";
import type { BreakerView } from "../state";

const text = {
  en: {
    title: "Circuit breaker", closed: "closed", half_open: "half-open", open: "open", tripped: "by an operator",
    failures: "failures in a row", of: (n: string, max: string) => `${n} / ${max}`, opened: "times opened",
    last: "last failure", none: "none yet", probe: "next probe in", since: (at: string) => `open since ${at}`, due: "with the next request",
    trying: "one request tries now", away: "The fetcher is away: it alone knows.", untold: "The fetcher has not told its breaker yet.",
  },
  pt: {
    title: "Disjuntor", closed: "fechado", half_open: "meio aberto", open: "aberto", tripped: "por um operador",
    failures: "falhas seguidas", of: (n: string, max: string) => `${n} / ${max}`, opened: "vezes aberto",
    last: "última falha", none: "nenhuma ainda", probe: "próximo teste em", since: (at: string) => `aberto desde ${at}`, due: "com a próxima requisição",
    trying: "uma requisição está testando", away: "O fetcher está fora do ar: só ele sabe.", untold: "O fetcher ainda não contou o disjuntor.",
  },
};

const tones: Record<BreakerView["state"], Tone> = { closed: "good", half_open: "warn", open: "bad" };

/** `controls`: trip and reset. */
export function BreakerTile({ controls, className = "" }: { controls?: ReactNode; className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const view = state?.views["fetcher.breaker"];

  if (!state)
    return null;
  return (
    <Card title={t.title} className={className} extra={view && <Badge tone={tones[view.state]}>{t[view.state]}</Badge>}>
      {view ? (
        <Stats>
          <Stat label={t.failures} value={t.of(count(language, view.failures), count(language, view.fail_max))} />
          <Stat label={t.opened} value={count(language, state.values["fetcher.breaker_opened_total"])} />
          {view.state === "closed" ? null : <Probe view={view} />}
        </Stats>
      ) : <p className="text-sm text-faint">{isUp(state, "fetcher") ? t.untold : t.away}</p>}
      {view && (
        <p className="mt-1 text-xs text-faint">
          {t.last}: {view.last_reason === null || view.last_reason === "none" ? t.none : reasonText(reasons[language], view.last_reason)}
        </p>
      )}
      {controls && <div className="mt-2 flex flex-wrap gap-2">{controls}</div>}
    </Card>
  );
}

function Probe({ view }: { view: BreakerView }) {
  const t = useText(text);
  const now_us = useNow();
  const hint = view.opened_at_us === null ? undefined : t.since(clock(view.opened_at_us)) + (view.tripped ? `, ${t.tripped}` : "");
  const running = view.probe_at_us !== null && view.probe_at_us > now_us;
  const value = view.state === "half_open" ? t.trying : running ? <Countdown until_us={view.probe_at_us ?? 0} /> : t.due;

  return <Stat label={t.probe} value={value} hint={hint} />;
}
