import { useCallback, useEffect, useState, type FormEvent } from "react";

import { useAsked } from "../asked";
import { isOver, orderOf, type Burst, type BurstForm, type BurstResult, type FormError, type Kind } from "../burst";
import { makeCpf, readCpf, readCpfs } from "../cpf";
import { count, duration, percent } from "../format";
import { useLanguage, useText } from "../i18n";
import { useLive } from "../live";
import { Said, TokenNote, useOrder, useOrders } from "../orders";
import { Badge, type Tone } from "../parts/Badge";
import { Button } from "../parts/Button";
import { Card } from "../parts/Card";
import { Choice } from "../parts/Choice";
import { Field, TextArea } from "../parts/Field";
import { Table } from "../parts/Table";
import { reasons, reasonText } from "../reasons";

const text = {
  en: {
    title: "Bursts", intro: "The gateway itself makes the requests, all at once if need be, by the same way as every client's: the six connections of a browser are no matter.",
    what: "Of which CPFs", kinds: { list: "A list", repeat: "One, repeated", made: "Made-up ones" },
    list: "One CPF a line", file: "From a .txt file", fileBad: "That file cannot be read as text, or is larger than 1 MB.",
    lines: (good: string, bad: string, where: string) => `${good} good, ${bad} not (lines ${where}); those that are not are left out`, linesGood: (good: string) => `${good} CPFs`,
    cpf: "CPF", repeat: "How often", made: "How many", client: "Client id", priority: "Priority", priorityHint: "0 to 99; several with commas: each request takes the next in turn",
    concurrency: "At once at most", rate: "A second at most", optional: "empty: no limit of its own", clientHint: "empty: the gateway's own",
    start: "Start", cancel: "Stop it", cancelled: "It goes no further.", started: "It runs.",
    errors: {
      empty: (most: string) => `from 1 to ${most} good CPFs`, cpf: () => "eleven digits, of which the last two are to check the others", count: (most: string) => `a whole number from 1 to ${most}`,
      priority: () => "whole numbers from 0 to 99, at most 16 of them", concurrency: () => "a whole number from 1 to 10000", rate: () => "a number from 0.001 to 10000",
    } as Record<FormError, (most: string) => string>,
    states: { running: "runs", stopping: "is being ended", done: "done", cancelled: "stopped" },
    progress: "Progress", ended: "ended", inFlight: "on their way", waiting: "not begun", successful: "successful", failed: "failed", dropped: "dropped", elapsed: "for",
    sources: { upstream: "from the provider", cache: "from the cache", stale: "stale from the cache" } as Record<string, string>, total: "Request to answer",
    results: "Results", index: "no.", masked: "CPF", class: "class", status: "status", source: "from", wait: "waited", took: "took", why: "why", id: "request",
    resultStates: { waiting: "not begun", in_flight: "on its way", ended: "ended", not_made: "not made" },
    more: "More", earlier: "Bursts of this gateway", look: "List them", open: (n: string) => `Show the burst of ${n}`, show: "Show", requests: "requests", none: "None yet.", of: (n: string, all: string) => `${n} of ${all}`,
  },
  pt: {
    title: "Rajadas", intro: "O próprio gateway faz as requisições, todas de uma vez se preciso, pelo mesmo caminho das de qualquer cliente: as seis conexões do navegador não atrapalham.",
    what: "De quais CPFs", kinds: { list: "Uma lista", repeat: "Um, repetido", made: "Fictícios" },
    list: "Um CPF por linha", file: "De um arquivo .txt", fileBad: "Não foi possível ler esse arquivo como texto, ou ele tem mais de 1 MB.",
    lines: (good: string, bad: string, where: string) => `${good} bons, ${bad} não (linhas ${where}); esses ficam de fora`, linesGood: (good: string) => `${good} CPFs`,
    cpf: "CPF", repeat: "Quantas vezes", made: "Quantos", client: "Client id", priority: "Prioridade", priorityHint: "0 a 99; várias com vírgulas: cada requisição pega a próxima da vez",
    concurrency: "Ao mesmo tempo, no máximo", rate: "Por segundo, no máximo", optional: "vazio: sem limite próprio", clientHint: "vazio: o do próprio gateway",
    start: "Iniciar", cancel: "Parar", cancelled: "Não vai adiante.", started: "Está em andamento.",
    errors: {
      empty: (most: string) => `de 1 a ${most} CPFs bons`, cpf: () => "onze dígitos, dos quais os dois últimos conferem os outros", count: (most: string) => `um número inteiro de 1 a ${most}`,
      priority: () => "números inteiros de 0 a 99, no máximo 16", concurrency: () => "um número inteiro de 1 a 10000", rate: () => "um número de 0.001 a 10000",
    } as Record<FormError, (most: string) => string>,
    states: { running: "em andamento", stopping: "sendo encerrada", done: "pronta", cancelled: "parada" },
    progress: "Progresso", ended: "terminadas", inFlight: "a caminho", waiting: "não iniciadas", successful: "com sucesso", failed: "com falha", dropped: "descartadas", elapsed: "há",
    sources: { upstream: "do provedor", cache: "do cache", stale: "vencidas do cache" } as Record<string, string>, total: "Da requisição à resposta",
    results: "Resultados", index: "nº", masked: "CPF", class: "classe", status: "status", source: "de onde", wait: "esperou", took: "levou", why: "por quê", id: "requisição",
    resultStates: { waiting: "não iniciada", in_flight: "a caminho", ended: "terminada", not_made: "não feita" },
    more: "Mais", earlier: "Rajadas deste gateway", look: "Listar", open: (n: string) => `Mostrar a rajada de ${n}`, show: "Mostrar", requests: "requisições", none: "Nenhuma ainda.", of: (n: string, all: string) => `${n} de ${all}`,
  },
};

const FILE_BYTES = 1_000_000;
const LOOK_MS = 500;
const PAGE = 100;
const tones: Record<Burst["state"], Tone> = { running: "accent", stopping: "warn", done: "good", cancelled: "faint" };

export function Bursts() {
  const most = Number(useLive().state?.views["gateway.configuration"]?.options["BURST_REQUESTS_MAX"] ?? 1000);
  const { order, busy, word } = useOrder();
  const [shown, show] = useState<string | null>(null); // the address of a burst
  const t = useText(text);

  const start = async (body: object) => {
    const answer = await order("/admin/bursts", { method: "POST", body }, t.started);
    if (answer)
      show((JSON.parse(answer.text) as Burst).href);
  };
  return (
    <div className="grid gap-3">
      <Card title={t.title}>
        <p className="mb-3 text-sm text-faint">{t.intro}</p>
        <OrderForm most={most} busy={busy} start={(body) => void start(body)} />
        <Said word={word} />
        <TokenNote />
      </Card>
      {shown && <Shown key={shown} href={shown} />}
      <Earlier show={show} shown={shown} />
    </div>
  );
}

const empty: BurstForm = { kind: "made", list: [], cpf: null, repeat: "20", made: "20", client: "", priority: "10", concurrency: "", rate: "" };

function OrderForm({ most, busy, start }: { most: number; busy: boolean; start: (body: object) => void }) {
  const { language } = useLanguage();
  const t = useText(text);
  const [form, setForm] = useState(empty);
  const [lines, setLines] = useState("");
  const [cpf, setCpf] = useState("");
  const [checked, check] = useState(false);
  const [fileBad, setFileBad] = useState(false);
  const read = readCpfs(lines);
  const order = orderOf({ ...form, list: read.good, cpf: readCpf(cpf) }, most, (number) => makeCpf(number + 1000));
  const error = (name: FormError) => (checked && Array.isArray(order) && order.includes(name) ? t.errors[name](count(language, most)) : null);
  const set = (name: keyof BurstForm) => (event: { target: { value: string } }) => setForm({ ...form, [name]: event.target.value });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    check(true);
    if (!Array.isArray(order))
      start(order);
  };
  const load = async (file: File | undefined) => {
    const told = file && file.size <= FILE_BYTES ? await file.text().catch(() => null) : null;
    setFileBad(file !== undefined && (told === null || told.includes("\0")));
    if (told !== null && !told.includes("\0"))
      setLines(told);
  };
  return (
    <form onSubmit={submit} noValidate className="grid gap-3">
      <div><Choice<Kind> label={t.what} values={["made", "repeat", "list"]} value={form.kind} choose={(kind) => setForm({ ...form, kind })} words={t.kinds} /></div>
      <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-6">
        {form.kind === "made" && <Field label={t.made} value={form.made} onChange={set("made")} error={error("count")} inputMode="numeric" frame="lg:col-span-2" />}
        {form.kind === "repeat" && <Field label={t.cpf} value={cpf} onChange={(event) => setCpf(event.target.value)} error={error("cpf")} inputMode="numeric" autoComplete="off" />}
        {form.kind === "repeat" && <Field label={t.repeat} value={form.repeat} onChange={set("repeat")} error={error("count")} inputMode="numeric" />}
        {form.kind === "list" && (
          <div className="grid gap-2 lg:col-span-2">
            <TextArea label={t.list} rows={4} value={lines} onChange={(event) => setLines(event.target.value)} error={error("empty")} spellCheck={false}
              hint={read.bad.length > 0 ? t.lines(count(language, read.good.length), count(language, read.bad.length), read.bad.slice(0, 5).map((bad) => bad.line).join(", ")) : t.linesGood(count(language, read.good.length))} />
            <Field label={t.file} type="file" accept=".txt,text/plain" error={fileBad ? t.fileBad : null} onChange={(event) => void load(event.target.files?.[0])} />
          </div>
        )}
        <Field label={t.priority} hint={t.priorityHint} value={form.priority} onChange={set("priority")} error={error("priority")} />
        <Field label={t.client} hint={t.clientHint} value={form.client} onChange={set("client")} maxLength={128} autoComplete="off" />
        <Field label={t.concurrency} hint={t.optional} value={form.concurrency} onChange={set("concurrency")} error={error("concurrency")} inputMode="numeric" />
        <Field label={t.rate} hint={t.optional} value={form.rate} onChange={set("rate")} error={error("rate")} inputMode="decimal" />
      </div>
      <div><Button kind="primary" type="submit" disabled={busy}>{t.start}</Button></div>
    </form>
  );
}

function Shown({ href }: { href: string }) {
  const { language } = useLanguage();
  const { order, busy, word } = useOrder();
  const { send } = useOrders();
  const t = useText(text);
  const [limit, setLimit] = useState(PAGE);
  const { value: burst, again } = useAsked<Burst>(href, LOOK_MS, async () => {
    const answer = await send(`${href}?limit=${limit}`);
    return answer ? (JSON.parse(answer.text) as Burst) : Promise.reject(new Error("no token"));
  }, (told) => !isOver(told));

  useEffect(() => again(), [limit]); // more of it is wanted now

  if (!burst)
    return null;
  const stop = async () => {
    await order(href, { method: "DELETE" }, t.cancelled);
    again();
  };
  return (
    <Card title={t.progress} extra={<Badge tone={tones[burst.state]}>{t.states[burst.state]}</Badge>}>
      <progress className="progress" aria-label={t.progress} value={burst.ended} max={burst.requests} />
      <p role="status" className="mt-1 text-sm tabular-nums">
        {t.of(count(language, burst.ended), count(language, burst.requests))} {t.ended} ({percent(language, burst.ended / burst.requests)}), {count(language, burst.in_flight)} {t.inFlight}, {count(language, burst.waiting)} {t.waiting}
      </p>
      <Summary burst={burst} />
      {!isOver(burst) && <Button kind="danger" className="mt-2" disabled={busy} onClick={() => void stop()}>{t.cancel}</Button>}
      <Said word={word} />
      <div className="mt-3 max-h-96 overflow-auto" tabIndex={0} role="region" aria-label={t.results}><Results results={burst.results ?? []} /></div>
      {burst.next !== null && burst.next !== undefined && <Button small className="mt-2" onClick={() => setLimit(limit + PAGE)}>{t.more}</Button>}
    </Card>
  );
}

function Summary({ burst }: { burst: Burst }) {
  const { language } = useLanguage();
  const t = useText(text);
  const { sources = {}, statuses = {}, reasons: whys = {}, total_us = null } = burst.summary ?? {};
  const pairs = (counts: Record<string, number>, say: (name: string) => string) =>
    Object.entries(counts).filter(([, n]) => n > 0).map(([name, n]) => `${count(language, n)} ${say(name)}`).join(", ");

  return (
    <ul className="mt-1 grid gap-0.5 text-sm text-faint">
      <li>{count(language, burst.successful)} {t.successful}, {count(language, burst.failed)} {t.failed}, {count(language, burst.dropped)} {t.dropped}; {t.elapsed} {duration(language, burst.elapsed_ms * 1000)}</li>
      <li>{[pairs(sources, (name) => t.sources[name] ?? name), pairs(statuses, (name) => `× ${name}`), pairs(whys, (name) => reasonText(reasons[language], name))].filter((words) => words !== "").join("; ")}</li>
      {total_us && <li>{t.total}: {["min", "p50", "p95", "p99", "max"].map((point) => `${point} ${duration(language, total_us[point])}`).join(", ")}</li>}
    </ul>
  );
}

function Results({ results }: { results: BurstResult[] }) {
  const { language } = useLanguage();
  const t = useText(text);

  return (
    <Table caption={t.results} rows={results} rowKey={(row) => row.index} columns={[
      { head: t.index, rowHead: true, number: true, cell: (row) => row.index + 1 },
      { head: t.masked, cell: (row) => <span className="whitespace-nowrap tabular-nums">{row.cpf ?? "–"}</span> },
      { head: t.class, number: true, cell: (row) => row.priority },
      { head: t.status, number: true, cell: (row) => row.status ?? t.resultStates[row.state] },
      { head: t.source, cell: (row) => (row.source ? t.sources[row.source] ?? row.source : "–") },
      { head: t.wait, number: true, cell: (row) => duration(language, row.wait_us) },
      { head: t.took, number: true, cell: (row) => duration(language, row.total_us) },
      { head: t.why, cell: (row) => (row.reason && row.reason !== "none" ? reasonText(reasons[language], row.reason) : "–") },
      { head: t.id, cell: (row) => <code className="text-xs">{row.request_id ?? "–"}</code> },
    ]} />
  );
}

function Earlier({ show, shown }: { show: (href: string) => void; shown: string | null }) {
  const { language } = useLanguage();
  const { order, busy, word } = useOrder();
  const t = useText(text);
  const [bursts, setBursts] = useState<Burst[] | null>(null);

  const look = useCallback(async () => {
    const answer = await order("/admin/bursts", {}, "");
    if (answer)
      setBursts((JSON.parse(answer.text) as { bursts: Burst[] }).bursts);
  }, [order]);
  return (
    <Card title={t.earlier} extra={<Button small disabled={busy} onClick={() => void look()}>{t.look}</Button>}>
      {bursts && (
        <Table caption={t.earlier} empty={t.none} rows={bursts} rowKey={(row) => row.id} columns={[
          { head: t.requests, number: true, rowHead: true, cell: (row) => t.of(count(language, row.ended), count(language, row.requests)) },
          { head: t.progress, cell: (row) => <Badge tone={tones[row.state]}>{t.states[row.state]}</Badge> },
          { head: t.successful, number: true, cell: (row) => count(language, row.successful) },
          { head: t.failed, number: true, cell: (row) => count(language, row.failed) },
          { head: t.dropped, number: true, cell: (row) => count(language, row.dropped) },
          { head: <span className="sr-only">{t.show}</span>, number: true, cell: (row) => <Button small disabled={row.href === shown} aria-label={t.open(count(language, row.requests))} onClick={() => show(row.href)}>{t.show}</Button> },
        ]} />
      )}
      <Said word={word} />
    </Card>
  );
}
