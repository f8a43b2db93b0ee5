import { useState, type FormEvent } from "react";

import { decimal, typed } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Said, TokenNote, useOrder } from "../orders";
import { Badge } from "../parts/Badge";
import { Button } from "../parts/Button";
import { Card } from "../parts/Card";
import { Dialog } from "../parts/Dialog";
import { Field } from "../parts/Field";

const text = {
  en: {
    title: "Policy, pace and cache", away: "The scheduler is away: nobody can be given orders.",
    policy: "Queue policy", policyDone: (name: string) => `The queue is served by ${name} now. Whoever waits keeps waiting.`,
    explain: { fifo: "first come, first served", priority: "the most urgent class first", fair: "clients take turns" } as Record<string, string>,
    pause: "Pause sending", resume: "Resume", paused: "paused", running: "sending", pauseDone: "Nothing is sent now. Requests wait, or expire.", resumeDone: "Sending again.",
    rate: "Window of the limit", rateHint: "seconds; at most RATE_LIMIT_BURST requests arrive in it", set: "Set", rateDone: (s: string) => `The window is ${s} s now, until the scheduler is started with other options.`,
    rateBad: "a number of seconds from 0.001 to 86400",
    purge: "Empty the cache", purgeAsk: "Remove all answers? Every request costs a slot then, until they have come again. Stale answers go, too, and cannot stand in for errors.",
    purgeDone: (n: number) => `${n} answers removed.`, cancel: "Leave it", send: "Pace", cache: "Cache",
  },
  pt: {
    title: "Política, ritmo e cache", away: "O scheduler está fora do ar: não há a quem dar ordens.",
    policy: "Política da fila", policyDone: (name: string) => `A fila agora é atendida por ${name}. Quem espera continua esperando.`,
    explain: { fifo: "por ordem de chegada", priority: "a classe mais urgente primeiro", fair: "um cliente de cada vez, em rodízio" } as Record<string, string>,
    pause: "Pausar os envios", resume: "Retomar", paused: "pausado", running: "enviando", pauseDone: "Nada é enviado agora. As requisições esperam, ou vencem.", resumeDone: "Enviando de novo.",
    rate: "Janela do limite", rateHint: "segundos; nela chegam no máximo RATE_LIMIT_BURST requisições", set: "Definir", rateDone: (s: string) => `A janela agora é de ${s} s, até o scheduler subir com outras opções.`,
    rateBad: "um número de segundos de 0.001 a 86400",
    purge: "Esvaziar o cache", purgeAsk: "Remover todas as respostas? Cada requisição vai gastar uma vez do provedor até que elas voltem. As vencidas também somem e não substituem mais erros.",
    purgeDone: (n: number) => `${n} respostas removidas.`, cancel: "Deixar", send: "Ritmo", cache: "Cache",
  },
};

/** The lane as a whole: who is next, whether and how fast anything is sent, and what the cache holds. */
export function LaneControls() {
  const view = useLive().state?.views["scheduler.queue"];
  const { order, busy, word } = useOrder();
  const t = useText(text);

  return (
    <Card title={t.title} className="lg:col-span-2">
      {view ? (
        <div className="grid gap-4 md:grid-cols-3">
          <fieldset disabled={busy} className="min-w-0">
            <legend className="text-xs text-faint">{t.policy}</legend>
            <div className="mt-1 grid gap-1">
              {view.policies.map((name) => (
                <label key={name} className="flex items-baseline gap-2 text-sm">
                  <input type="radio" name="policy" checked={name === view.policy}
                    onChange={() => void order("/admin/policy", { method: "PUT", body: { policy: name } }, t.policyDone(name))} />
                  <span><code>{name}</code> <span className="text-xs text-faint">{t.explain[name]}</span></span>
                </label>
              ))}
            </div>
          </fieldset>
          <div className="min-w-0">
            <p className="mb-1 flex items-center gap-2 text-xs text-faint">{t.send} <Badge tone={view.paused ? "warn" : "good"}>{view.paused ? t.paused : t.running}</Badge></p>
            <Button disabled={busy} onClick={() => void (view.paused
              ? order("/admin/resume", { method: "POST" }, t.resumeDone)
              : order("/admin/pause", { method: "POST" }, t.pauseDone))}>
              {view.paused ? t.resume : t.pause}
            </Button>
            <Rate window_ms={view.window_ms} busy={busy} set={(seconds, words) => void order("/admin/rate", { method: "PUT", body: { seconds } }, words)} />
          </div>
          <Purge busy={busy} purge={() => void order("/admin/cache", { method: "DELETE" }, (answer) => t.purgeDone(removedOf(answer.text)))} />
        </div>
      ) : <p className="text-sm text-faint">{t.away}</p>}
      <Said word={word} />
      <TokenNote />
    </Card>
  );
}

function removedOf(body: string): number {
  const told: unknown = JSON.parse(body);

  return typeof told === "object" && told !== null && "removed" in told ? Number(told.removed) : 0;
}

function Rate({ window_ms, busy, set }: { window_ms: number; busy: boolean; set: (seconds: number, words: string) => void }) {
  const { language } = useLanguage();
  const [wanted, setWanted] = useState<string | null>(null);
  const t = useText(text);
  const seconds = typed(wanted ?? "");
  const bad = wanted !== null && !(seconds >= 0.001 && seconds <= 86400);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wanted === null || bad)
      return;
    set(seconds, t.rateDone(decimal(language, seconds, 3)));
    setWanted(null);
  };
  return (
    <form onSubmit={submit} className="mt-3 flex items-start gap-2">
      <Field label={t.rate} hint={t.rateHint} error={bad ? t.rateBad : null} inputMode="decimal" value={wanted ?? String(window_ms / 1000)}
        onChange={(event) => setWanted(event.target.value)} />
      <Button type="submit" disabled={busy || wanted === null || bad} className="mt-4">{t.set}</Button>
    </form>
  );
}

function Purge({ busy, purge }: { busy: boolean; purge: () => void }) {
  const [asked, ask] = useState(false);
  const t = useText(text);

  return (
    <div className="min-w-0">
      <p className="mb-1 text-xs text-faint">{t.cache}</p>
      <Button kind="danger" disabled={busy} onClick={() => ask(true)}>{t.purge}</Button>
      {asked && (
        <Dialog title={t.purge} close={() => ask(false)}>
          <p className="text-sm">{t.purgeAsk}</p>
          <div className="mt-3 flex justify-end gap-2">
            <Button autoFocus onClick={() => ask(false)}>{t.cancel}</Button>
            <Button kind="danger" onClick={() => (ask(false), purge())}>{t.purge}</Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
