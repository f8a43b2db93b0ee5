import { useState } from "react";

import { useAsked } from "../asked";
import { activeFaults, NO_FAULTS, presetIds, presetOf, presetPath, readSimulator, type Faults, type PresetId, type SimulatorState } from "../faults";
import { count, exact } from "../format";
import { call } from "../gateway";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Said, type Word } from "../orders";
import { Badge } from "../parts/Badge";
import { Button } from "../parts/Button";
import { Card } from "../parts/Card";
import { Choice } from "../parts/Choice";
import { Stat, Stats } from "../parts/Stat";

const spans = ["on", "1", "5", "20"] as const;
type Span = (typeof spans)[number];

const presets = {
  en: {
    slow: ["Slow", "every answer takes 5 s"], unavailable: ["503", "the provider is overloaded"], limited: ["429", "too early, and come again after 30 s"],
    stall: ["Stall", "it reads, and never answers"], cut: ["Cut", "the connection ends within the answer"], jitter: ["Jitter", "up to 80 ms more, there and back"],
  } satisfies Record<PresetId, [string, string]>,
  pt: {
    slow: ["Lento", "cada resposta leva 5 s"], unavailable: ["503", "o provedor está sobrecarregado"], limited: ["429", "cedo demais: volte depois de 30 s"],
    stall: ["Mudo", "lê e nunca responde"], cut: ["Corte", "a conexão cai no meio da resposta"], jitter: ["Variação", "até 80 ms a mais, na ida e na volta"],
  } satisfies Record<PresetId, [string, string]>,
};
const text = {
  en: {
    title: "Simulator, the provider's stand-in", sees: "As the provider sees it", arrivals: "arrived", accepted: "took a slot", violations: "violations", gap: "smallest gap", window: "window",
    progress: "on their way", misbehave: "Let it misbehave", span: "For how many requests", spans: { on: "Until changed", 1: "The next", 5: "The next 5", 20: "The next 20" } satisfies Record<Span, string>,
    now: "Now", nothing: "no faults", left: (n: string) => `for the next ${n} requests`, well: "Behave again",
    set: (name: string) => `The provider does it now: ${name}.`, unset: "The provider behaves again.", clear: "Count anew", cleared: "Its log, counters and windows are empty.",
    absent: (at: string) => `The simulator does not answer at ${at}. Does it run there, and does this page come from this host (localhost)? SIMULATOR_URL tells the page another address.`,
    refused: (status: number) => `The simulator has refused that (${status}).`, good: "no violation", bad: (early: string, blocked: string) => `${early} too early, ${blocked} in the block after that`,
  },
  pt: {
    title: "Simulador, no lugar do provedor", sees: "Como o provedor vê", arrivals: "chegaram", accepted: "contaram no limite", violations: "violações", gap: "menor intervalo", window: "janela",
    progress: "em andamento", misbehave: "Fazê-lo falhar", span: "Em quantas requisições", spans: { on: "Até mudar", 1: "Na próxima", 5: "Nas próximas 5", 20: "Nas próximas 20" } satisfies Record<Span, string>,
    now: "Agora", nothing: "sem falhas", left: (n: string) => `nas próximas ${n} requisições`, well: "Voltar ao normal",
    set: (name: string) => `O provedor agora faz isto: ${name}.`, unset: "O provedor voltou ao normal.", clear: "Zerar a contagem", cleared: "O log, os contadores e as janelas dele estão vazios.",
    absent: (at: string) => `O simulador não responde em ${at}. Ele está no ar ali, e esta página vem desta máquina (localhost)? SIMULATOR_URL informa outro endereço à página.`,
    refused: (status: number) => `O simulador recusou isso (${status}).`, good: "nenhuma violação", bad: (early: string, blocked: string) => `${early} cedo demais, ${blocked} no bloqueio seguinte`,
  },
};

async function askState(base: string): Promise<SimulatorState> {
  const state = readSimulator((await call(base, "/control/state", { timeout_ms: 5000 })).text);
  if (state === null)
    throw new Error("no simulator");
  return state;
}

/** Only where the provider is the simulator: what it has seen, and faults to order from it. */
export function Simulator() {
  const base = useLive().state?.links.simulator;

  return base && <At base={base} />;
}

function At({ base }: { base: string }) {
  const t = useText(text);
  const { value: state, failed, again } = useAsked(base, 1000, () => askState(base));
  const [word, setWord] = useState<Word | null>(null);

  const order = async (path: string, done: string) => {
    try {
      const answer = await call(base, path, { method: "POST", timeout_ms: 5000 });
      setWord(answer.status === 200 ? { tone: "good", text: done } : { tone: "bad", text: t.refused(answer.status) });
    } catch {
      setWord({ tone: "bad", text: t.absent(base) });
    }
    again();
  };
  return (
    <Card title={t.title} extra={state && !failed && <Now state={state} />}>
      {failed || !state
        ? <p role="status" className="text-sm text-faint">{failed && t.absent(base)}</p>
        : <div className="grid gap-3"><Sees state={state} /><Misbehave state={state} order={order} /></div>}
      {!failed && <Said word={word} />}
    </Card>
  );
}

function Sees({ state }: { state: SimulatorState }) {
  const { language } = useLanguage();
  const t = text[language];
  const gap_us = state.min_gap_ns === null ? null : state.min_gap_ns / 1e3;
  const hint = state.rejected === 0 ? t.good : t.bad(count(language, state.verdicts["early"]), count(language, state.verdicts["blocked"]));

  return (
    <section aria-label={t.sees}>
      <Stats>
        <Stat label={t.arrivals} value={count(language, state.arrivals)} />
        <Stat label={t.accepted} value={count(language, state.accepted)} />
        <Stat label={t.violations} value={<span className={state.rejected === 0 ? "" : "text-bad"}>{count(language, state.rejected)}</span>} hint={hint} />
        <Stat label={t.gap} value={exact(language, gap_us)} hint={`${t.window}: ${exact(language, state.window_ms * 1e3)}`} />
        <Stat label={t.progress} value={count(language, state.in_progress)} />
      </Stats>
    </section>
  );
}

/** What it does wrong: the faults of the next few requests, where there are such, else the standing ones. */
function inForce(state: SimulatorState): Faults {
  return state.passing_faults ?? state.faults;
}

function Now({ state }: { state: SimulatorState }) {
  const { language } = useLanguage();
  const t = text[language];
  const faults = inForce(state);
  const preset = presetOf(faults);
  const names = preset ? presets[language][preset][0] : activeFaults(faults).map(([name, value]) => `${name}=${value}`).join(", ");

  return (
    <span className="flex flex-wrap items-center justify-end gap-2 text-xs text-faint">
      <Badge tone={names === "" ? "good" : "warn"}>{t.now}: {names === "" ? t.nothing : names}</Badge>
      {state.passing_faults && t.left(count(language, state.passing_left))}
    </span>
  );
}

function Misbehave({ state, order }: { state: SimulatorState; order: (path: string, done: string) => Promise<void> }) {
  const { language } = useLanguage();
  const t = text[language];
  const [span, setSpan] = useState<Span>("on");
  const preset = presetOf(inForce(state));

  return (
    <section aria-label={t.misbehave}>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <h3 className="text-xs text-faint">{t.misbehave}</h3>
        <Choice label={t.span} values={spans} value={span} choose={setSpan} words={t.spans} />
      </div>
      <ul className="grid gap-2 sm:grid-cols-2 xl:grid-cols-3">
        {presetIds.map((id) => {
          const [name, what] = presets[language][id];
          return (
            <li key={id} className="flex items-center gap-2 text-xs text-faint">
              <Button aria-pressed={id === preset} aria-describedby={`fault-${id}`} kind={id === preset ? "primary" : "plain"} className="min-w-20"
                onClick={() => void order(presetPath(id, span === "on" ? null : Number(span)), t.set(name))}>
                {name}
              </Button>
              <span id={`fault-${id}`}>{what}</span>
            </li>
          );
        })}
      </ul>
      <p className="mt-2 flex flex-wrap gap-2">
        <Button disabled={activeFaults(inForce(state)).length === 0} onClick={() => void order(NO_FAULTS, t.unset)}>{t.well}</Button>
        <Button onClick={() => void order("/control/reset", t.cleared)}>{t.clear}</Button>
      </p>
    </section>
  );
}
