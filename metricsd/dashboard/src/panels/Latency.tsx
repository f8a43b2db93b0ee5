import { useState } from "react";

import { count, duration } from "../format";
import { useLanguage, useText } from "../i18n";
import { latencyRows, placeOf, spans, type LatencyRow, type Span } from "../latency";
import { useLive } from "../live";
import { Card } from "../parts/Card";
import { Choice } from "../parts/Choice";
import { Scroll } from "../parts/Scroll";
import { Table, type Column } from "../parts/Table";

const text = {
  en: {
    title: "How long it takes", spread: "spread", which: "from … to …", count: "measured", over: "over",
    span: { "1m": "1 min", "15m": "15 min", all: "since start" },
    names: {
      "gateway.request_seconds": "total, without hits", "gateway.hit_seconds": "cache hit", "scheduler.queue_wait_seconds": "queue wait",
      "fetcher.upstream_seconds": "at the provider", "scheduler.dispatch_lateness_seconds": "dispatch lateness",
    },
  },
  pt: {
    title: "Quanto demora", spread: "distribuição", which: "de … até …", count: "medidas", over: "no período",
    span: { "1m": "1 min", "15m": "15 min", all: "desde o início" },
    names: {
      "gateway.request_seconds": "total, sem acertos", "gateway.hit_seconds": "acerto de cache", "scheduler.queue_wait_seconds": "espera na fila",
      "fetcher.upstream_seconds": "no provedor", "scheduler.dispatch_lateness_seconds": "atraso no envio",
    },
  },
};

const WIDTH = 420, HEIGHT = 16;
const MARKS = [["100 µs", 1e2], ["1 ms", 1e3], ["10 ms", 1e4], ["100 ms", 1e5], ["1 s", 1e6], ["10 s", 1e7]] as const;

/** The scale above the spreads: each step is ten times the one before. */
function Scale() {
  return (
    <svg aria-hidden="true" width={WIDTH} height={HEIGHT} className="ml-auto hidden fill-current text-[10px] lg:block">
      {MARKS.map(([name, us]) => <text key={name} x={placeOf(us) * WIDTH} y={HEIGHT - 3} textAnchor="middle">{name}</text>)}
    </svg>
  );
}

/** From p50 (thick) over p90 to p99 (thin): the numbers beside it, to be seen. */
function Spread({ row }: { row: LatencyRow }) {
  const at = (us: number) => placeOf(us) * WIDTH;
  const bar = (from: number, to: number, size: number) => <rect x={at(from)} y={(HEIGHT - size) / 2} width={Math.max(2, at(to) - at(from))} height={size} rx={1} />;

  return (
    <svg aria-hidden="true" width={WIDTH} height={HEIGHT} className="ml-auto hidden fill-accent lg:block">
      {MARKS.map(([name, us]) => <line key={name} x1={at(us)} x2={at(us)} y1={0} y2={HEIGHT} className="stroke-line" />)}
      {row.p50 !== null && row.p90 !== null && row.p99 !== null && <>{bar(row.p90, row.p99, 2)}{bar(row.p50, row.p90, 6)}{bar(row.p50, row.p50, 12)}</>}
    </svg>
  );
}

/** Percentiles; `full` has more of them, and how many were measured. */
export function Latency({ full = false, className = "" }: { full?: boolean; className?: string }) {
  const { state } = useLive();
  const { language } = useLanguage();
  const t = useText(text);
  const [span, setSpan] = useState<Span>("1m");
  const quantile = (head: "p50" | "p90" | "p95" | "p99"): Column<LatencyRow> => ({ head, number: true, cell: (row) => duration(language, row[head]) });

  if (!state)
    return null;
  return (
    <Card title={t.title} className={className} extra={<Choice label={t.over} values={spans} value={span} choose={setSpan} words={t.span} />}>
      <Scroll label={t.title}>
        <Table caption={`${t.title}, ${t.span[span]}`} rows={latencyRows(state, span)} rowKey={(row) => row.name} columns={[
          { head: <span className="sr-only">{t.which}</span>, rowHead: true, cell: (row) => t.names[row.name] },
          ...(full ? [{ head: t.count, number: true, cell: (row: LatencyRow) => count(language, row.count) }] : []),
          quantile("p50"),
          ...(full ? [quantile("p90")] : []),
          quantile("p95"),
          quantile("p99"),
          ...(full ? [{ head: <><span className="sr-only">{t.spread}</span><Scale /></>, cell: (row: LatencyRow) => <Spread row={row} /> }] : []),
        ]} />
      </Scroll>
    </Card>
  );
}
