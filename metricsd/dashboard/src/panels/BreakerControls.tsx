import { useState } from "react";

import { typed } from "../format";
import { useText } from "../i18n";
import { useLive } from "../live";
import { Said, useOrder } from "../orders";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Field } from "../parts/Field";

const text = {
  en: {
    trip: "Open it", reset: "Close it", title: "Open the breaker", ask: "Nothing is sent to the provider until then. Requests get stale answers, or an error at once.",
    seconds: "for so many seconds", bad: "a number of seconds from 0.001 to 86400", cancel: "Leave it", tripped: "The breaker is open.", closed: "The breaker is closed.",
  },
  pt: {
    trip: "Abrir", reset: "Fechar", title: "Abrir o disjuntor", ask: "Nada é enviado ao provedor até lá. As requisições recebem respostas vencidas, ou um erro na hora.",
    seconds: "por quantos segundos", bad: "um número de segundos de 0.001 a 86400", cancel: "Deixar", tripped: "O disjuntor está aberto.", closed: "O disjuntor está fechado.",
  },
};

/** Trip and reset, for the breaker's tile. */
export function BreakerControls() {
  const state = useLive().state?.views["fetcher.breaker"]?.state;
  const { order, busy, word } = useOrder();
  const [asked, ask] = useState(false);
  const [seconds, setSeconds] = useState("600");
  const t = useText(text);
  const wanted = typed(seconds);
  const good = wanted >= 0.001 && wanted <= 86400;

  const trip = () => {
    ask(false);
    void order("/admin/breaker", { method: "POST", body: { action: "trip", seconds: wanted } }, t.tripped);
  };
  return (
    <>
      <Button small disabled={busy} onClick={() => ask(true)}>{t.trip}</Button>
      <Button small disabled={busy || state === "closed"} onClick={() => void order("/admin/breaker", { method: "POST", body: { action: "reset" } }, t.closed)}>{t.reset}</Button>
      <Said word={word} />
      {asked && (
        <Dialog title={t.title} close={() => ask(false)}>
          <form onSubmit={(event) => (event.preventDefault(), good && trip())} className="grid gap-3">
            <p className="text-sm">{t.ask}</p>
            <Field label={t.seconds} inputMode="decimal" value={seconds} error={good ? null : t.bad} onChange={(event) => setSeconds(event.target.value)} />
            <div className="flex justify-end gap-2">
              <Button onClick={() => ask(false)}>{t.cancel}</Button>
              <Button kind="danger" type="submit" disabled={!good}>{t.trip}</Button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}
