import { useState, type FormEvent } from "react";

import { formatCpf, makeCpf, maskCpf, readCpf } from "../cpf";
import { explain, type Explained } from "../explain";
import { duration } from "../format";
import { call, GatewayError, troubleText, type Answer } from "../gateway";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Badge } from "../parts/Badge";
import { Button } from "../parts/Button";
import { Card } from "../parts/Card";
import { Field, Select } from "../parts/Field";
import { Table } from "../parts/Table";

const text = {
  en: {
    title: "Manual query", cpf: "CPF", cpfBad: "eleven digits, of which the last two are to check the others", make: "A made-up one", priority: "Priority", priorityHint: "0 most urgent, 99 least",
    client: "Client id", clientHint: "empty: the gateway's own", patience: "Wait at most", patienceHint: "seconds; empty: as long as the gateway does",
    cache: "Cache", caches: { "": "as usual", "no-cache": "ask the provider", "only-if-cached": "the cache alone" },
    ask: "Ask", asking: "waiting …", answer: "Answer", took: (d: string) => `after ${d}`, field: "Field", value: "Value", means: "Means",
    last: "Asked before", status: "Status", when: "took", source: "Cache",
  },
  pt: {
    title: "Consulta manual", cpf: "CPF", cpfBad: "onze dígitos, dos quais os dois últimos conferem os outros", make: "Um fictício", priority: "Prioridade", priorityHint: "0 mais urgente, 99 menos",
    client: "Client id", clientHint: "vazio: o do próprio gateway", patience: "Esperar no máximo", patienceHint: "segundos; vazio: tanto quanto o gateway",
    cache: "Cache", caches: { "": "como sempre", "no-cache": "perguntar ao provedor", "only-if-cached": "só o cache" },
    ask: "Consultar", asking: "esperando …", answer: "Resposta", took: (d: string) => `depois de ${d}`, field: "Campo", value: "Valor", means: "Significa",
    last: "Consultas anteriores", status: "Status", when: "levou", source: "Cache",
  },
};

const LAST = 10;
const PATIENCE_MS = 120_000; // longer than any gateway lets a request wait unless told otherwise

interface Asked {
  number: number;
  cpf: string; // masked
  status: number;
  took_ms: number;
  cache: string;
}

/** One request by the same way as every client's, and what its answer says about that way. */
export function Query() {
  const { language } = useLanguage();
  const base = useLive().state?.links.gateway ?? "";
  const t = useText(text);
  const [form, setForm] = useState({ cpf: "", priority: "10", client: "", patience: "", cache: "" });
  const [checked, check] = useState(false);
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [last, setLast] = useState<Asked[]>([]);
  const cpf = readCpf(form.cpf);

  const set = (name: keyof typeof form) => (event: { target: { value: string } }) => setForm({ ...form, [name]: event.target.value });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    check(true);
    if (cpf === null)
      return;
    setBusy(true);
    setTrouble(null);
    try {
      const got = await call(base, target(cpf, form), { headers: wishes(form), timeout_ms: PATIENCE_MS });
      setAnswer(got);
      setLast((before) => [{ number: (before[0]?.number ?? 0) + 1, cpf: maskCpf(cpf), status: got.status, took_ms: got.took_ms, cache: got.headers.get("Cache-Status") ?? "" }, ...before].slice(0, LAST));
    } catch (error) {
      if (!(error instanceof GatewayError))
        throw error;
      setTrouble(troubleText(language, error.trouble));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Card title={t.title}>
      <form onSubmit={(event) => void submit(event)} className="grid gap-3 sm:grid-cols-2 lg:grid-cols-6" noValidate>
        <Field label={t.cpf} value={form.cpf} onChange={set("cpf")} error={checked && cpf === null ? t.cpfBad : null} inputMode="numeric" autoComplete="off" frame="lg:col-span-2" />
        <Field label={t.priority} hint={t.priorityHint} value={form.priority} onChange={set("priority")} inputMode="numeric" />
        <Field label={t.client} hint={t.clientHint} value={form.client} onChange={set("client")} maxLength={128} autoComplete="off" />
        <Field label={t.patience} hint={t.patienceHint} value={form.patience} onChange={set("patience")} inputMode="decimal" />
        <Select label={t.cache} value={form.cache} onChange={set("cache")}>
          {Object.entries(t.caches).map(([value, words]) => <option key={value} value={value}>{words}</option>)}
        </Select>
        <div className="flex gap-2 sm:col-span-2 lg:col-span-6">
          <Button kind="primary" type="submit" disabled={busy}>{busy ? t.asking : t.ask}</Button>
          <Button onClick={() => setForm({ ...form, cpf: formatCpf(makeCpf(Math.floor(Math.random() * 1e6))) })}>{t.make}</Button>
        </div>
      </form>
      <div aria-live="polite" className="mt-3">
        {trouble && <p className="text-sm text-bad">{trouble}</p>}
        {answer && !trouble && <Shown answer={answer} />}
      </div>
      {last.length > 1 && (
        <details className="mt-3 text-sm">
          <summary className="cursor-pointer text-xs text-faint">{t.last}</summary>
          <Table caption={t.last} rows={last} rowKey={(row) => row.number} columns={[
            { head: t.cpf, rowHead: true, cell: (row) => row.cpf },
            { head: t.status, number: true, cell: (row) => row.status },
            { head: t.when, number: true, cell: (row) => duration(language, row.took_ms * 1000) },
            { head: t.source, cell: (row) => <code className="text-xs">{row.cache}</code> },
          ]} />
        </details>
      )}
    </Card>
  );
}

function target(cpf: string, form: { priority: string; client: string }): string {
  const query = new URLSearchParams({ cpf });

  if (form.priority.trim() !== "")
    query.set("priority", form.priority.trim());
  if (form.client.trim() !== "")
    query.set("client_id", form.client.trim());
  return `/proxy/score?${query}`;
}

function wishes(form: { patience: string; cache: string }): Record<string, string> {
  return {
    ...(form.patience.trim() === "" ? {} : { "Request-Timeout": form.patience.trim() }),
    ...(form.cache === "" ? {} : { "Cache-Control": form.cache }),
  };
}

function Shown({ answer }: { answer: Answer }) {
  const { language } = useLanguage();
  const t = useText(text);

  return (
    <div className="grid gap-2 lg:grid-cols-2">
      <div className="min-w-0">
        <h3 className="mb-1 flex items-center gap-2 text-xs font-semibold">
          {t.answer} <Badge tone={answer.status < 400 ? "good" : "bad"}>{answer.status}</Badge>
          <span className="font-normal text-faint">{t.took(duration(language, answer.took_ms * 1000))}</span>
        </h3>
        <pre tabIndex={0} className="overflow-auto rounded-md bg-ground p-2 font-mono text-xs whitespace-pre-wrap">{pretty(answer.text)}</pre>
      </div>
      <div className="min-w-0 overflow-x-auto" tabIndex={0} role="region" aria-label={t.means}>
        <Table<Explained> caption={t.means} rows={explain(language, answer.headers)} rowKey={(row) => row.field} columns={[
          { head: t.field, rowHead: true, cell: (row) => <code className="text-xs">{row.field}</code> },
          { head: t.value, cell: (row) => <code className="text-xs break-all">{row.value}</code> },
          { head: t.means, cell: (row) => row.words },
        ]} />
      </div>
    </div>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
