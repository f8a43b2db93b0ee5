import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { clock } from "../format";
import { useText } from "../i18n";
import type { History } from "../history";
import { seriesRows, type Fold } from "../series";
import { useTheme } from "../theme";
import { Table } from "./Table";
import { useWidth } from "./width";

const text = {
  en: { table: "as a table", until: "until", wait: "No history yet." },
  pt: { table: "em tabela", until: "até", wait: "Ainda sem histórico." },
};

export interface Line {
  name: string; // of the history's series
  label: string;
  ink: string; // a class that sets the colour
  dash?: number[];
}

/** Lines over time, with a legend and a table for who cannot see them. Drawn once it is looked at. */
export function Plot({ title, history, lines, fold, format, height = 220 }: {
  title: string;
  history: History;
  lines: Line[];
  fold: Fold;
  format: (value: number | null) => string;
  height?: number;
}) {
  const t = useText(text);
  const { dark } = useTheme();
  const [frame, width] = useWidth<HTMLDivElement>();
  const swatches = useRef<HTMLUListElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = columnsOf(history, lines);
  const shape = lines.map((line) => line.name + line.label).join() + dark;
  const empty = history.times.length === 0;

  useEffect(() => {
    if (!frame.current || !swatches.current || width === 0 || empty)
      return;
    plot.current = new uPlot(optionsOf(lines, swatches.current, format, width, height), data, frame.current);
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
    // the data follow below; a new shape or theme is a new plot
  }, [shape, empty, width > 0]);
  useEffect(() => plot.current?.setSize({ width, height }), [width, height]);
  useEffect(() => plot.current?.setData(data), [data]);

  return (
    <figure aria-label={title}>
      <ul ref={swatches} className="mb-1 flex flex-wrap gap-x-4 text-xs text-faint">
        {lines.map((line) => (
          <li key={line.name} className={`flex items-center gap-1.5 ${line.ink}`}>
            <svg aria-hidden="true" viewBox="0 0 24 4" className="h-1 w-6 stroke-current"><path d="M0 2H24" strokeWidth={3} strokeDasharray={line.dash?.join(" ")} /></svg>
            <span className="text-ink">{line.label}</span>
          </li>
        ))}
      </ul>
      <div ref={frame} aria-hidden="true" style={{ minHeight: height }}>{empty && <p className="text-sm text-faint">{t.wait}</p>}</div>
      <details className="text-xs text-faint">
        <summary className="cursor-pointer">{t.table}</summary>
        <Rows title={title} history={history} lines={lines} fold={fold} format={format} />
      </details>
    </figure>
  );
}

function Rows({ title, history, lines, fold, format }: { title: string; history: History; lines: Line[]; fold: Fold; format: (value: number | null) => string }) {
  const t = useText(text);

  return (
    <Table caption={title} rowKey={(row) => row.at_us} rows={seriesRows(history, lines.map((line) => line.name), fold)} columns={[
      { head: t.until, rowHead: true, cell: (row) => clock(row.at_us) },
      ...lines.map((line, i) => ({ head: line.label, number: true, cell: (row: { values: (number | null)[] }) => format(row.values[i] ?? null) })),
    ]} />
  );
}

function columnsOf(history: History, lines: Line[]): uPlot.AlignedData {
  return [history.times, ...lines.map((line) => history.series[line.name] ?? Array<null>(history.times.length).fill(null))];
}

/** Where little is asked, many a second has nothing to tell: a line is cut only where that lasts. */
const longGaps: uPlot.Series.GapsRefiner = (plot, _series, _from, _to, gaps) => {
  const steps = plot.data[0];
  const step = steps.length > 1 ? ((steps.at(-1) ?? 0) - (steps[0] ?? 0)) / (steps.length - 1) : 1;
  return gaps.filter(([from, to]) => plot.posToVal(to, "x", true) - plot.posToVal(from, "x", true) > 15 * step);
};

/** Canvas knows no classes: the colours are read off the legend. */
function optionsOf(lines: Line[], legend: HTMLElement, format: (value: number | null) => string, width: number, height: number): uPlot.Options {
  const colour = (element: Element | null) => (element ? getComputedStyle(element).color : "gray");
  const faint = colour(legend);
  const grid = { stroke: faint, width: 0.5, dash: [2, 4] };
  const axis = { stroke: faint, grid, ticks: { show: false }, font: "11px system-ui" };

  return {
    width, height,
    legend: { show: false },
    cursor: { show: true, points: { show: false }, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.08)] } },
    axes: [
      { ...axis, size: 28, values: (_plot, times, _axis, _space, step) => times.map((time) => clock(time * 1e6).slice(0, step < 60 ? 8 : 5)), space: 80 },
      { ...axis, size: 64, values: (_plot, values) => values.map((value) => (value === 0 ? "0" : format(value))) },
    ],
    series: [
      {},
      ...lines.map((line, i) => ({ stroke: colour(legend.children[i] ?? null), width: 1.5, points: { size: 4 }, gaps: longGaps, ...(line.dash ? { dash: line.dash } : {}) })),
    ],
  };
}
