import { describe, expect, test } from "vitest";

import { languages } from "./i18n";
import { madeEvent, madeProcess, madeState, NOW } from "./made";
import type { BreakerView, EventInfo, QueueView, Send, State } from "./state";
import { holdOf, nextSlot, whyCauses, whyText, type Kind } from "./why";

const quiet = madeState();
const S = 1e6;

function queue(total: number, change: Partial<QueueView> = {}): QueueView {
  const requests = Array.from({ length: Math.min(total, 50) }, (_, i) => ({
    id: String(i), client: "c", priority: 10, position: i + 1, age_ms: 0, eta_ms: 500 + 1000 * i, shared: false,
  }));
  return { policy: "fifo", policies: ["fifo"], paused: false, window_ms: 1000, total, requests, ...change };
}

function breaker(change: Partial<BreakerView>): BreakerView {
  return { state: "closed", failures: 0, fail_max: 3, last_reason: null, opened_at_us: null, probe_at_us: null, tripped: false, ...change };
}

const send = (ago: number, outcome: Send["outcome"] = "answered"): Send => ({ at_us: NOW - ago, gap_us: null, late_us: 0, attempt: 1, outcome });
const event = (name: string, ago: number, change: Partial<EventInfo> = {}): EventInfo => ({ ...madeEvent(1), event: name, at_us: NOW - ago, ...change });
const without = (name: string) => quiet.processes.map((one) => (one.process === name ? madeProcess(name, { up: false, silent_us: 4 * S }) : one));
const values = (more: State["values"]) => ({ ...quiet.values, ...more });

interface Story {
  name: string;
  change: Partial<State>;
  causes: Kind[];
  until?: number | null; // from now
  english: string | RegExp; // of the first cause: its title and detail
  portuguese: string | RegExp;
}

const stories: Story[] = [
  {
    name: "nothing at all", change: {}, causes: ["idle"], until: null,
    english: "Nobody waits. A request that comes now is sent at once. The provider allows one in 1 s.",
    portuguese: "Ninguém está esperando. Uma requisição que chegar agora é enviada na hora. O provedor aceita uma a cada 1 s.",
  },
  {
    name: "one on its way", change: { slots: { ...quiet.slots, sent: [send(0.2 * S, "flying")] } }, causes: ["flying"],
    english: "Nobody waits for a slot. One request is at the provider.",
    portuguese: "Ninguém espera a vez. Há uma requisição no provedor.",
  },
  {
    name: "only the pace", change: { views: { "scheduler.queue": queue(14) }, slots: { ...quiet.slots, sent: [send(0.3 * S)] } },
    causes: ["pace"], until: 0.7 * S,
    english: "14 requests wait for their slot. Only the pace: the provider allows one request in 1 s. The last of them is answered in about 14 s.",
    portuguese: "14 requisições esperam a sua vez. É só o ritmo: o provedor aceita uma requisição a cada 1 s. A última delas é respondida em cerca de 14 s.",
  },
  {
    name: "one waits, and its slot is due", change: { views: { "scheduler.queue": queue(1) }, slots: { ...quiet.slots, sent: [send(3 * S)] } },
    causes: ["pace"], until: 0,
    english: /^One request waits for its slot\. .* in about 500 ms\.$/, portuguese: /^Uma requisição espera a sua vez\. /,
  },
  {
    name: "more wait than are listed", change: { views: { "scheduler.queue": queue(90) } }, causes: ["pace"],
    english: /^90 requests wait .* in about 1 min 30 s\.$/, portuguese: /^90 requisições .* 1 min 30 s\.$/,
  },
  {
    name: "a window of 250 ms, three at once",
    change: { views: { "scheduler.queue": queue(3) }, slots: { ...quiet.slots, window_us: 0.25 * S, burst: 3, sent: [send(0.1 * S), send(0.05 * S), send(0.01 * S)] } },
    causes: ["pace"], until: 0.15 * S,
    english: /allows one request in 0\.25 s/, portuguese: /uma requisição a cada 0,25 s/,
  },
  {
    name: "the queue is full", change: { views: { "scheduler.queue": queue(100) }, values: values({ "scheduler.queue_length": 100 }), slots: { ...quiet.slots, sent: [send(0.6 * S)] } },
    causes: ["full", "pace"], until: 0.4 * S,
    english: "The queue is full. 100 of 100 places are taken. Who comes now gets a stale answer, or a 503 that says when to come again. The next slot frees a place.",
    portuguese: /^A fila está cheia\. 100 de 100 lugares ocupados\./,
  },
  {
    name: "full under another policy", change: { views: { "scheduler.queue": queue(100, { policy: "priority" }) }, values: values({ "scheduler.queue_length": 100 }) },
    causes: ["full", "pace"],
    english: /takes another's place where the policy puts it first/, portuguese: /toma o lugar de outra se a política a puser na frente/,
  },
  {
    name: "paused, by whom it was told", change: { views: { "scheduler.queue": queue(2, { paused: true }) }, events: [event("control_pause", 9 * S, { note: "pause by loopback" })] },
    causes: ["paused"], until: null,
    english: "An operator has paused the sends. 2 requests wait until somebody resumes. Who comes now waits, too; the cache still answers. Paused by somebody on the gateway's host.",
    portuguese: /^Um operador pausou os envios\. 2 requisições esperam até alguém retomar\. .* Pausado por alguém na máquina do gateway\.$/,
  },
  {
    name: "paused before anybody looked, no view yet", change: { values: values({ "scheduler.paused": 1 }) }, causes: ["paused"],
    english: /^An operator has paused the sends\. Nobody waits until/, portuguese: /^Um operador pausou os envios\. Ninguém espera/,
  },
  {
    name: "the breaker is open", change: { views: { "scheduler.queue": queue(0), "fetcher.breaker": breaker({ state: "open", failures: 3, last_reason: "upstream_timeout", probe_at_us: NOW + 21 * S }) } },
    causes: ["breaker"], until: 21 * S,
    english: "The provider is failing: the breaker is open. Nothing is sent; who asks gets a stale answer from the cache, or a 503 at once. 3 failures in a row, the last: the provider did not answer in time. Then one request may try.",
    portuguese: /^O provedor está falhando: o disjuntor está aberto\. .* 3 falhas seguidas, a última: o provedor não respondeu a tempo\. Depois, uma requisição pode tentar\.$/,
  },
  {
    name: "the breaker's time is over, and nobody has asked yet", change: { views: { "fetcher.breaker": breaker({ state: "open", probe_at_us: NOW - S }) } },
    causes: ["breaker"], until: null, english: /Then one request may try\.$/, portuguese: /Depois, uma requisição pode tentar\.$/,
  },
  {
    name: "tripped", change: { views: { "fetcher.breaker": breaker({ state: "open", tripped: true, failures: 1, probe_at_us: NOW + 600 * S }) } },
    causes: ["breaker"], until: 600 * S,
    english: /^The breaker was opened by an operator\. Nothing is sent; [^0-9]*503 at once\. Then/, portuguese: /^O disjuntor foi aberto por um operador\./,
  },
  {
    name: "open by the gauge alone", change: { values: values({ "fetcher.breaker_state": 2, "fetcher.breaker_failures": 5 }) }, causes: ["breaker"],
    english: /5 failures in a row/, portuguese: /5 falhas seguidas/,
  },
  {
    name: "the probe is on its way", change: { views: { "scheduler.queue": queue(4), "fetcher.breaker": breaker({ state: "half_open", last_reason: "upstream_error" }) } },
    causes: ["probe"], until: null,
    english: "One request tries whether the provider is well again. If it is answered, the breaker closes and the others follow; if not, it opens again. 4 requests wait. The last failure: the provider answered with an error of its own.",
    portuguese: /^Uma requisição está testando se o provedor se recuperou\./,
  },
  {
    name: "a hold after a 429", change: { views: { "scheduler.queue": queue(5) }, values: values({ "scheduler.limiter_hold_seconds": 27.4 * S }), events: [event("hold", 3 * S, { reason: "hold", value: 30 * S })] },
    causes: ["hold"], until: 27 * S,
    english: "The provider has asked to wait. It rejected a request as too early (429) and told how long to wait. 5 requests wait; who cannot wait that long is told so at once.",
    portuguese: /^O provedor pediu para esperar\. Ele rejeitou uma requisição como adiantada \(429\)/,
  },
  {
    name: "a hold with an error", change: { values: values({ "scheduler.limiter_hold_seconds": 9 * S }), events: [event("hold", S, { reason: "upstream_error", value: 10 * S })] },
    causes: ["hold"], until: 9 * S, english: /with an error: the provider answered with an error of its own\. Nobody waits;/, portuguese: /junto com um erro: o provedor respondeu com um erro próprio\./,
  },
  {
    name: "a hold on a success", change: { values: values({ "scheduler.limiter_hold_seconds": 9 * S }), events: [event("hold", S, { reason: "none", value: 10 * S })] },
    causes: ["hold"], english: /nothing is left of the quota/, portuguese: /a cota acabou/,
  },
  {
    name: "a hold from before the page: its end, not its cause", change: { values: values({ "scheduler.limiter_hold_seconds": 12 * S }) },
    causes: ["hold"], until: 12 * S, english: "The provider has asked to wait. Nobody waits; who cannot wait that long is told so at once.", portuguese: /^O provedor pediu para esperar\. Ninguém espera;/,
  },
  {
    name: "a hold that is over counts no more", change: { values: values({ "scheduler.limiter_hold_seconds": 0 }), events: [event("hold_over", S), event("hold", 30 * S, { reason: "hold", value: 29 * S })] },
    causes: ["idle"], english: /^Nobody waits/, portuguese: /^Ninguém está esperando/,
  },
  {
    name: "paused within an open breaker and a hold, in a full queue: what binds first is first",
    change: {
      views: { "scheduler.queue": queue(100, { paused: true }), "fetcher.breaker": breaker({ state: "open", probe_at_us: NOW + S }) },
      values: values({ "scheduler.limiter_hold_seconds": 5 * S, "scheduler.queue_length": 100 }),
    },
    causes: ["paused", "breaker", "hold", "full"], english: /^An operator/, portuguese: /^Um operador/,
  },
  {
    name: "the fetcher is gone", change: { processes: without("fetcher"), values: values({ "scheduler.fetcher_up": 0 }), views: { "scheduler.queue": queue(3) } },
    causes: ["fetcher_gone"], until: null, english: /^No fetcher is connected\. 3 requests wait: nothing can be sent/, portuguese: /^Nenhum fetcher está conectado\. 3 requisições esperam/,
  },
  {
    name: "the fetcher lives, but is not connected", change: { values: values({ "scheduler.fetcher_up": 0 }) }, causes: ["fetcher_gone"], english: /^No fetcher is connected/, portuguese: /^Nenhum fetcher/,
  },
  {
    name: "the scheduler is gone: the gateways know how many wait", change: { processes: without("scheduler"), values: values({ "gateway.requests_waiting": 7, "scheduler.paused": 1 }) },
    causes: ["scheduler_gone"], english: /^The scheduler is away\. 7 requests wait: the gateways keep them/, portuguese: /^O scheduler está fora do ar\. 7 requisições esperam/,
  },
  {
    name: "no gateway", change: { processes: without("gateway") }, causes: ["gateway_gone"], english: /^No gateway is running/, portuguese: /^Nenhum gateway está no ar/,
  },
  {
    name: "one gateway of two is gone", change: { processes: [...quiet.processes, madeProcess("gateway", { instance: 1, up: false })] }, causes: ["idle"], english: /^Nobody waits/, portuguese: /^Ninguém/,
  },
];

describe.each(stories)("$name", ({ change, causes, until, english, portuguese }) => {
  const found = whyCauses(madeState(change), NOW);

  test("causes", () => expect(found.map((cause) => cause.kind)).toEqual(causes));
  test("until", () => {
    const at = found[0]?.until_us;
    if (until !== undefined)
      expect(at === null || at === undefined ? null : at - NOW).toBe(until);
  });
  test.each(languages)("in words: %s", (language) => {
    const expected = language === "en" ? english : portuguese;
    const { title, detail } = whyText(found[0]!, language, NOW);
    const whole = `${title}. ${detail}`;

    if (typeof expected === "string")
      expect(whole).toBe(expected);
    else
      expect(whole).toMatch(expected);
    expect(whole).not.toMatch(/undefined|null|NaN| {2}/);
  });
});

test("who is gone is gone since the last word", () => {
  expect(whyCauses(madeState({ processes: without("scheduler") }), NOW)[0]).toMatchObject({ since_us: NOW - 4 * S });
});

test("a hold: the event says it exactly as long as the gauge agrees", () => {
  const told = [event("hold", S, { value: 10 * S })];
  const until = (gauge: number, events: EventInfo[]) =>
    holdOf(madeState({ values: { "scheduler.limiter_hold_seconds": gauge }, events }), NOW)?.until_us;

  expect(until(9.6 * S, told)).toBe(NOW + 9 * S);
  expect(until(60 * S, told)).toBe(NOW + 60 * S); // another hold, whose event was not told
  expect(until(0, told)).toBe(NOW + 9 * S); // the gauge does not know it yet
  expect(until(0, [event("hold", 4 * S, { value: 10 * S })])).toBeUndefined(); // it would, by now
  expect(until(0, [])).toBeUndefined();
});

test("the next slot: the pace or the hold, whichever is later, and never in the past", () => {
  const state = (ago: number, hold = 0) =>
    madeState({ slots: { ...quiet.slots, sent: [send(ago)] }, values: { "scheduler.limiter_hold_seconds": hold } });

  expect(nextSlot(state(0.4 * S), NOW)).toBe(NOW + 0.6 * S);
  expect(nextSlot(state(0.4 * S, 5 * S), NOW)).toBe(NOW + 5 * S);
  expect(nextSlot(state(40 * S), NOW)).toBe(NOW);
  expect(nextSlot(quiet, NOW)).toBe(NOW);
});
