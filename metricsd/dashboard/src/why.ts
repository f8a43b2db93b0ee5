// why.ts - the answer that the whole page is for: why is mine waiting, and until when? Pure: `now_us` is metricsd's wall
// clock. whyCauses() says what keeps requests from being sent, the binding one first; whyText() says it in words.
import { count, decimal, duration } from "./format";
import type { Language, Texts } from "./i18n";
import type { Tone } from "./parts/Badge";
import { isUp } from "./processes";
import { reasons, reasonText } from "./reasons";
import type { EventInfo, State } from "./state";

export type Cause = {
  until_us: number | null; // wall clock; null: nobody knows, or nobody need wait
  tone: Tone;
} & (
  | { kind: "gateway_gone"; since_us: number | null }
  | { kind: "scheduler_gone"; since_us: number | null; waiting: number }
  | { kind: "fetcher_gone"; since_us: number | null; waiting: number }
  | { kind: "paused"; waiting: number; by: string | null; since_us: number | null }
  | { kind: "breaker"; waiting: number; tripped: boolean; reason: string | null; failures: number }
  | { kind: "probe"; waiting: number; reason: string | null }
  | { kind: "hold"; waiting: number; cause: "limited" | "failed" | "answered" | "unknown"; reason: string | null }
  | { kind: "full"; waiting: number; limit: number; reserve: boolean }
  | { kind: "pace"; waiting: number; window_us: number; last_us: number | null } // last_us: when the last is answered
  | { kind: "flying"; flying: number }
  | { kind: "idle"; window_us: number }
);

export type Kind = Cause["kind"];

const HOLD_SLACK_US = 2_500_000; // a gauge is up to two seconds old

/** When the last of its kind was heard of. */
function heard(state: State, process: string): number | null {
  const silent = state.processes.filter((one) => one.process === process).map((one) => one.silent_us);
  return silent.length ? state.at_us - Math.min(...silent) : null;
}

/** The latest event of these names. */
function latest(state: State, process: string, names: string[]): EventInfo | undefined {
  return state.events.find((event) => event.process === process && names.includes(event.event));
}

/** How many wait for a slot. While the scheduler is away, the gateways know best. */
export function waitingCount(state: State): number {
  if (!isUp(state, "scheduler"))
    return state.values["gateway.requests_waiting"] ?? 0;
  return state.views["scheduler.queue"]?.total ?? state.values["scheduler.queue_length"] ?? 0;
}

export const flyingCount = (state: State) => state.slots.sent.filter((send) => send.outcome === "flying").length;

const windowOf = (state: State) =>
  state.slots.window_us || state.values["scheduler.limiter_interval_seconds"] || 1_000_000;

/** Until when the provider's hold lasts, and why; null without one. The event tells it exactly, the gauge whether it still is. */
export function holdOf(state: State, now_us: number): { until_us: number; event: EventInfo | undefined } | null {
  const left = state.values["scheduler.limiter_hold_seconds"] ?? 0;
  const event = latest(state, "scheduler", ["hold", "hold_over"]);
  const told = event?.event === "hold" ? event.at_us + event.value : 0;
  const gauged = left > 0 ? state.at_us + left : 0;
  const agreed = gauged ? Math.abs(told - gauged) < HOLD_SLACK_US : now_us - (event?.at_us ?? 0) < HOLD_SLACK_US;
  const until_us = told && agreed ? told : gauged;

  if (until_us <= now_us)
    return null;
  return { until_us, event: until_us === told ? event : event?.event === "hold" ? event : undefined };
}

/** When the next send is allowed, as far as the pace and a hold go: now, if nothing is in the way. */
export function nextSlot(state: State, now_us: number): number {
  const { sent, burst } = state.slots;
  const before = sent[sent.length - Math.max(1, burst)];
  const paced = before ? before.at_us + windowOf(state) : 0;
  return Math.max(now_us, paced, holdOf(state, now_us)?.until_us ?? 0);
}

/** When the last of those who wait now will be answered. */
function lastAnswer(state: State, now_us: number, waiting: number): number | null {
  const rows = state.views["scheduler.queue"]?.requests ?? [];
  const last = rows.at(-1);

  if (!last)
    return nextSlot(state, now_us) + Math.max(0, waiting - 1) * windowOf(state);
  if (last.eta_ms === null)
    return null;
  const unseen = Math.max(0, waiting - rows.length) / Math.max(1, state.slots.burst);
  return now_us + last.eta_ms * 1000 + unseen * windowOf(state);
}

function gone(state: State, waiting: number): Cause | null {
  if (!isUp(state, "gateway"))
    return { kind: "gateway_gone", tone: "bad", until_us: null, since_us: heard(state, "gateway") };
  if (!isUp(state, "scheduler"))
    return { kind: "scheduler_gone", tone: "bad", until_us: null, since_us: heard(state, "scheduler"), waiting };
  if (!isUp(state, "fetcher") || state.values["scheduler.fetcher_up"] === 0)
    return { kind: "fetcher_gone", tone: "bad", until_us: null, since_us: isUp(state, "fetcher") ? null : heard(state, "fetcher"), waiting };
  return null;
}

function paused(state: State, waiting: number): Cause | null {
  const event = latest(state, "scheduler", ["control_pause", "control_resume"]);
  const told = event?.event === "control_pause" ? event : undefined;

  if (!(state.views["scheduler.queue"]?.paused ?? (state.values["scheduler.paused"] ?? 0) > 0))
    return null;
  return { kind: "paused", tone: "warn", until_us: null, waiting, by: / by (\w+)$/.exec(told?.note ?? "")?.[1] ?? null, since_us: told?.at_us ?? null };
}

function breaker(state: State, waiting: number, now_us: number): Cause | null {
  const view = state.views["fetcher.breaker"];
  const gauge = (["closed", "half_open", "open"] as const)[state.values["fetcher.breaker_state"] ?? 0];
  const stands = view?.state ?? gauge;
  const reason = view?.last_reason ?? null;

  if (stands === "half_open")
    return { kind: "probe", tone: "warn", until_us: null, waiting, reason };
  if (stands !== "open")
    return null;
  const probe = view?.probe_at_us ?? null;
  return {
    kind: "breaker", tone: "bad", until_us: probe && probe > now_us ? probe : null, waiting, reason,
    tripped: view?.tripped ?? false, failures: view?.failures ?? state.values["fetcher.breaker_failures"] ?? 0,
  };
}

function hold(state: State, waiting: number, now_us: number): Cause | null {
  const found = holdOf(state, now_us);
  const why = found?.event?.reason;

  if (!found)
    return null;
  const cause = !found.event ? "unknown" : why === "hold" ? "limited" : !why || why === "none" ? "answered" : "failed";
  return { kind: "hold", tone: "warn", until_us: found.until_us, waiting, cause, reason: cause === "failed" ? why ?? null : null };
}

function full(state: State, waiting: number, now_us: number): Cause | null {
  const limit = state.values["scheduler.queue_limit"] ?? 0;
  const policy = state.views["scheduler.queue"]?.policy ?? "fifo";

  if (limit === 0 || (state.values["scheduler.queue_length"] ?? waiting) < limit)
    return null;
  return { kind: "full", tone: "bad", until_us: nextSlot(state, now_us), waiting, limit, reserve: policy !== "fifo" };
}

function pace(state: State, waiting: number, now_us: number): Cause {
  const flying = flyingCount(state);
  const window_us = windowOf(state);

  if (waiting > 0)
    return { kind: "pace", tone: "accent", until_us: nextSlot(state, now_us), waiting, window_us, last_us: lastAnswer(state, now_us, waiting) };
  if (flying > 0)
    return { kind: "flying", tone: "good", until_us: null, flying };
  return { kind: "idle", tone: "good", until_us: null, window_us };
}

/** Never empty; what binds first is first. A later one binds when those before it are over, or who comes now. */
export function whyCauses(state: State, now_us: number): Cause[] {
  const waiting = waitingCount(state);
  const away = gone(state, waiting);
  const stops = away
    ? [away]
    : [paused(state, waiting), breaker(state, waiting, now_us), hold(state, waiting, now_us)].filter((cause) => cause !== null);
  const overflow = away ? null : full(state, waiting, now_us);
  const all = overflow ? [...stops, overflow] : stops;

  return stops.length ? all : [...all, pace(state, waiting, now_us)];
}

interface Words {
  title: string;
  detail: string;
}

type Write<K extends Kind> = (cause: Extract<Cause, { kind: K }>, say: Say) => Words;

interface Say {
  number: (value: number) => string;
  span: (us: number) => string;
  waiting: (value: number) => string; // "14 requests wait"
  reason: (name: string | null) => string;
  seconds: (us: number) => string;
  who: (by: string) => string;
}

const en: { [K in Kind]: Write<K> } = {
  gateway_gone: () => ({
    title: "No gateway is running",
    detail: "Nobody can ask: clients are refused by the operating system. Start sluice-gateway again, or look at its log.",
  }),
  scheduler_gone: ({ waiting }, say) => ({
    title: "The scheduler is away",
    detail: `${say.waiting(waiting)}: the gateways keep them, and submit them again in their old order as soon as it is back. Nothing is lost; who reaches its deadline before that is told so. Its supervisor starts it again; if it stays away, look at its log.`,
  }),
  fetcher_gone: ({ waiting }, say) => ({
    title: "No fetcher is connected",
    detail: `${say.waiting(waiting)}: nothing can be sent to the provider until a fetcher is back. Its supervisor starts it again; if it stays away, look at its log.`,
  }),
  paused: ({ waiting, by }, say) => ({
    title: "An operator has paused the sends",
    detail: `${say.waiting(waiting)} until somebody resumes. Who comes now waits, too; the cache still answers.${by ? ` Paused by ${say.who(by)}.` : ""}`,
  }),
  breaker: ({ waiting, tripped, reason, failures }, say) => ({
    title: tripped ? "The breaker was opened by an operator" : "The provider is failing: the breaker is open",
    detail: `Nothing is sent; who asks gets a stale answer from the cache, or a 503 at once.${!tripped && failures ? ` ${say.number(failures)} failures in a row, the last: ${say.reason(reason)}.` : ""}${waiting ? ` ${say.waiting(waiting)}.` : ""} Then one request may try.`,
  }),
  probe: ({ waiting, reason }, say) => ({
    title: "One request tries whether the provider is well again",
    detail: `If it is answered, the breaker closes and the others follow; if not, it opens again. ${say.waiting(waiting)}.${reason ? ` The last failure: ${say.reason(reason)}.` : ""}`,
  }),
  hold: ({ waiting, cause, reason }, say) => ({
    title: "The provider has asked to wait",
    detail: `${
      { limited: "It rejected a request as too early (429) and told how long to wait.", failed: `It told so with an error: ${say.reason(reason)}.`, answered: "It told so with its last answer: nothing is left of the quota.", unknown: "" }[cause]
    } ${say.waiting(waiting)}; who cannot wait that long is told so at once.`.trim(),
  }),
  full: ({ waiting, limit, reserve }, say) => ({
    title: "The queue is full",
    detail: `${say.number(waiting)} of ${say.number(limit)} places are taken. ${reserve ? "Who comes now takes another's place where the policy puts it first; else it gets a stale answer" : "Who comes now gets a stale answer"}, or a 503 that says when to come again. The next slot frees a place.`,
  }),
  pace: ({ waiting, window_us, last_us }, say) => ({
    title: waiting === 1 ? "One request waits for its slot" : `${say.number(waiting)} requests wait for their slot`,
    detail: `Only the pace: the provider allows one request in ${say.seconds(window_us)}.${last_us === null ? "" : " The last of them is answered in about"}`,
  }),
  flying: ({ flying }, say) => ({
    title: "Nobody waits for a slot",
    detail: flying === 1 ? "One request is at the provider." : `${say.number(flying)} requests are at the provider.`,
  }),
  idle: ({ window_us }, say) => ({
    title: "Nobody waits",
    detail: `A request that comes now is sent at once. The provider allows one in ${say.seconds(window_us)}.`,
  }),
};

const pt: { [K in Kind]: Write<K> } = {
  gateway_gone: () => ({
    title: "Nenhum gateway está no ar",
    detail: "Ninguém consegue perguntar: o sistema operacional recusa os clientes. Inicie o sluice-gateway de novo ou veja o log dele.",
  }),
  scheduler_gone: ({ waiting }, say) => ({
    title: "O scheduler está fora do ar",
    detail: `${say.waiting(waiting)}: os gateways guardam as requisições e as reenviam na ordem original assim que ele voltar. Nada se perde; quem chegar ao prazo antes disso é avisado. O supervisor o reinicia; se não voltar, veja o log dele.`,
  }),
  fetcher_gone: ({ waiting }, say) => ({
    title: "Nenhum fetcher está conectado",
    detail: `${say.waiting(waiting)}: nada pode ser enviado ao provedor até um fetcher voltar. O supervisor o reinicia; se não voltar, veja o log dele.`,
  }),
  paused: ({ waiting, by }, say) => ({
    title: "Um operador pausou os envios",
    detail: `${say.waiting(waiting)} até alguém retomar. Quem chegar agora também espera; o cache continua respondendo.${by ? ` Pausado por ${say.who(by)}.` : ""}`,
  }),
  breaker: ({ waiting, tripped, reason, failures }, say) => ({
    title: tripped ? "O disjuntor foi aberto por um operador" : "O provedor está falhando: o disjuntor está aberto",
    detail: `Nada é enviado; quem pergunta recebe uma resposta antiga do cache ou um 503 na hora.${!tripped && failures ? ` ${say.number(failures)} falhas seguidas, a última: ${say.reason(reason)}.` : ""}${waiting ? ` ${say.waiting(waiting)}.` : ""} Depois, uma requisição pode tentar.`,
  }),
  probe: ({ waiting, reason }, say) => ({
    title: "Uma requisição está testando se o provedor se recuperou",
    detail: `Se ela for respondida, o disjuntor fecha e as outras seguem; se não, ele abre de novo. ${say.waiting(waiting)}.${reason ? ` A última falha: ${say.reason(reason)}.` : ""}`,
  }),
  hold: ({ waiting, cause, reason }, say) => ({
    title: "O provedor pediu para esperar",
    detail: `${
      { limited: "Ele rejeitou uma requisição como adiantada (429) e disse quanto esperar.", failed: `Ele disse isso junto com um erro: ${say.reason(reason)}.`, answered: "Ele disse isso na última resposta: a cota acabou.", unknown: "" }[cause]
    } ${say.waiting(waiting)}; quem não pode esperar tanto é avisado na hora.`.trim(),
  }),
  full: ({ waiting, limit, reserve }, say) => ({
    title: "A fila está cheia",
    detail: `${say.number(waiting)} de ${say.number(limit)} lugares ocupados. ${reserve ? "Quem chegar agora toma o lugar de outra se a política a puser na frente; senão, recebe uma resposta antiga do cache" : "Quem chegar agora recebe uma resposta antiga do cache"} ou um 503 que diz quando voltar. A próxima vaga de envio libera um lugar.`,
  }),
  pace: ({ waiting, window_us, last_us }, say) => ({
    title: waiting === 1 ? "Uma requisição espera a sua vez" : `${say.number(waiting)} requisições esperam a sua vez`,
    detail: `É só o ritmo: o provedor aceita uma requisição a cada ${say.seconds(window_us)}.${last_us === null ? "" : " A última delas é respondida em cerca de"}`,
  }),
  flying: ({ flying }, say) => ({
    title: "Ninguém espera a vez",
    detail: flying === 1 ? "Há uma requisição no provedor." : `Há ${say.number(flying)} requisições no provedor.`,
  }),
  idle: ({ window_us }, say) => ({
    title: "Ninguém está esperando",
    detail: `Uma requisição que chegar agora é enviada na hora. O provedor aceita uma a cada ${say.seconds(window_us)}.`,
  }),
};

const waitingWords: Texts<(value: number, number: string) => string> = {
  en: (value, number) => (value === 0 ? "Nobody waits" : value === 1 ? "One request waits" : `${number} requests wait`),
  pt: (value, number) => (value === 0 ? "Ninguém espera" : value === 1 ? "Uma requisição espera" : `${number} requisições esperam`),
};

const operators: Texts<Record<string, string>> = {
  en: { loopback: "somebody on the gateway's host", token: "somebody with the admin token" },
  pt: { loopback: "alguém na máquina do gateway", token: "alguém com o token de administração" },
};

/** What binds, in words. The end (`until_us`) is for the page to count down to. */
export function whyText(cause: Cause, language: Language, now_us: number): Words {
  const number = (value: number) => count(language, value);
  const say: Say = {
    number,
    span: (us) => duration(language, us),
    waiting: (value) => waitingWords[language](value, number(value)),
    reason: (name) => reasonText(reasons[language], name ?? "none"),
    who: (by) => operators[language][by] ?? by,
    seconds: (us) => `${decimal(language, us / 1e6, 3)} s`,
  };
  const write = (language === "pt" ? pt : en)[cause.kind] as Write<Kind>;
  const words = write(cause as never, say);

  if (cause.kind === "pace" && cause.last_us !== null)
    return { ...words, detail: `${words.detail} ${say.span(roundedSpan(cause.last_us - now_us))}.` };
  return words;
}

/** An expectation is no more exact than a tenth of a second, below ten, and a second above. */
function roundedSpan(us: number): number {
  const step = us < 10e6 ? 100_000 : 1_000_000;
  return Math.max(step, Math.ceil(us / step) * step);
}
