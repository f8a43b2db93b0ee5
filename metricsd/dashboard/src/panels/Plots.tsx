import { useEffect, useState } from "react";

import { decimal, duration } from "../format";
import { noHistory, type History } from "../history";
import { useLanguage, useText } from "../i18n";
import { fetchHistory, useLive } from "../live";
import { Card } from "../parts/Card";
import { Choice } from "../parts/Choice";
import { Plot } from "../parts/Plot";

const text = {
  en: {
    latency: "Percentiles over time", throughput: "Throughput", load: "Queue and waiting", over: "over", which: "of",
    span: { "15m": "15 min", "24h": "24 h" },
    of: { "gateway.request_seconds": "total", "scheduler.queue_wait_seconds": "queue wait", "fetcher.upstream_seconds": "provider", "gateway.hit_seconds": "hit" },
    p50: "half within (p50)", p95: "95 % within (p95)", p99: "99 % within (p99)",
    requests: "requests", sent: "sent to the provider", hits: "cache hits", dropped: "dropped", failed: "failed",
    queue: "queue length", waiting: "requests that wait", per: { "15m": "per second", "24h": "per minute" },
  },
  pt: {
    latency: "Percentis ao longo do tempo", throughput: "Vazão", load: "Fila e espera", over: "no período", which: "de",
    span: { "15m": "15 min", "24h": "24 h" },
    of: { "gateway.request_seconds": "total", "scheduler.queue_wait_seconds": "espera na fila", "fetcher.upstream_seconds": "provedor", "gateway.hit_seconds": "acerto" },
    p50: "metade em até (p50)", p95: "95 % em até (p95)", p99: "99 % em até (p99)",
    requests: "requisições", sent: "enviadas ao provedor", hits: "acertos de cache", dropped: "descartadas", failed: "com falha",
    queue: "tamanho da fila", waiting: "requisições esperando", per: { "15m": "por segundo", "24h": "por minuto" },
  },
};

const spans = ["15m", "24h"] as const;
type Span = (typeof spans)[number];
const names = ["gateway.request_seconds", "scheduler.queue_wait_seconds", "fetcher.upstream_seconds", "gateway.hit_seconds"] as const;
const MINUTE_MS = 60_000;

/** The last 15 minutes come with the stream; the last 24 hours have one new point a minute, and are asked for as often. */
function useHistory(span: Span): History {
  const { history } = useLive();
  const [long, setLong] = useState(noHistory);

  useEffect(() => {
    let over = false;
    const load = () => fetchHistory("24h").then((answer) => over || setLong(answer), () => {});
    if (span === "15m")
      return;
    void load();
    const timer = setInterval(load, MINUTE_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [span]);
  return span === "15m" ? history : long;
}

/** What happened when: latency, throughput, load. */
export function Plots() {
  const { language } = useLanguage();
  const t = useText(text);
  const [span, setSpan] = useState<Span>("15m");
  const [name, setName] = useState<(typeof names)[number]>("gateway.request_seconds");
  const history = useHistory(span);
  const number = (value: number | null) => decimal(language, value);
  const choice = <Choice label={t.over} values={spans} value={span} choose={setSpan} words={t.span} />;

  return (
    <>
      <Card title={t.latency} extra={<span className="flex flex-wrap justify-end gap-2"><Choice label={t.which} values={names} value={name} choose={setName} words={t.of} />{choice}</span>}>
        <Plot title={t.latency} history={history} fold="max" format={(value) => duration(language, value)} lines={[
          { name: `${name}.p50`, label: t.p50, ink: "text-accent" },
          { name: `${name}.p95`, label: t.p95, ink: "text-warn", dash: [6, 3] },
          { name: `${name}.p99`, label: t.p99, ink: "text-bad", dash: [2, 3] },
        ]} />
      </Card>
      <Card title={`${t.throughput}, ${t.per[span]}`} extra={choice}>
        <Plot title={t.throughput} history={history} fold="sum" format={number} height={180} lines={[
          { name: "gateway.requests_total", label: t.requests, ink: "text-accent" },
          { name: "gateway.cache_hits_total", label: t.hits, ink: "text-good", dash: [8, 3] },
          { name: "fetcher.upstream_requests_total", label: t.sent, ink: "text-warn", dash: [4, 3] },
          { name: "gateway.requests_failed_total", label: t.failed, ink: "text-faint", dash: [2, 2] },
          { name: "gateway.requests_dropped_total", label: t.dropped, ink: "text-bad", dash: [2, 4] },
        ]} />
      </Card>
      <Card title={t.load} extra={choice}>
        <Plot title={t.load} history={history} fold="max" format={number} height={160} lines={[
          { name: "scheduler.queue_length", label: t.queue, ink: "text-accent" },
          { name: "gateway.requests_waiting", label: t.waiting, ink: "text-warn", dash: [4, 3] },
        ]} />
      </Card>
    </>
  );
}
