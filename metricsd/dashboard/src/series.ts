// series.ts - a plot's columns summed up in a few rows, for who cannot see it. Pure.
import type { History } from "./history";

export type Fold = "sum" | "max";

export interface SeriesRow {
  at_us: number; // the end of the row's span
  values: (number | null)[]; // one for each name
}

/** At most `rows` spans of equal length, the newest first; null where nothing is known of a span. */
export function seriesRows(history: History, names: readonly string[], fold: Fold, rows = 15): SeriesRow[] {
  const length = history.times.length;
  const size = Math.max(1, Math.ceil(length / rows));
  const found: SeriesRow[] = [];

  for (let end = length; end > 0; end -= size) {
    const start = Math.max(0, end - size);
    found.push({
      at_us: (history.times[end - 1] ?? 0) * 1e6,
      values: names.map((name) => folded((history.series[name] ?? []).slice(start, end), fold)),
    });
  }
  return found;
}

function folded(values: (number | null)[], fold: Fold): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0)
    return null;
  return fold === "sum" ? known.reduce((sum, value) => sum + value, 0) : Math.max(...known);
}
