// history.ts - the series over time: what /api/history tells at the start, then the stream's points. Columns, as the
// plots want them. Pure.
import type { Point } from "./state";

export const POINTS_MAX = 900;

export interface History {
  step_us: number;
  times: number[]; // seconds, wall clock, oldest first
  series: Record<string, (number | null)[]>;
}

/** The answer of /api/history. */
export interface HistoryAnswer {
  step_us: number;
  end_at_us: number;
  series: Record<string, (number | null)[]>;
}

export const noHistory: History = { step_us: 1_000_000, times: [], series: {} };

export function historyOf(answer: HistoryAnswer): History {
  const length = Math.max(0, ...Object.values(answer.series).map((values) => values.length));
  const series: History["series"] = {};

  for (const [name, values] of Object.entries(answer.series))
    series[name] = [...Array<null>(length - values.length).fill(null), ...values];
  return {
    step_us: answer.step_us,
    times: Array.from({ length }, (_, i) => (answer.end_at_us - (length - 1 - i) * answer.step_us) / 1e6),
    series,
  };
}

/** With one more point, if it is newer than the last; a gap of more than two steps stays visible as one. */
export function withPoint(history: History, point: Point, most = POINTS_MAX): History {
  const last = history.times.at(-1);
  const at = point.at_us / 1e6;
  const step = history.step_us / 1e6;

  if (last !== undefined && at < last + step / 2)
    return history;
  const gap = last !== undefined && at > last + 2 * step ? [last + step] : [];
  const times = [...history.times, ...gap, at].slice(-most);
  const series: History["series"] = {};

  for (const name of new Set([...Object.keys(history.series), ...Object.keys(point.values)])) {
    const before = history.series[name] ?? Array<null>(history.times.length).fill(null);
    series[name] = [...before, ...gap.map(() => null), point.values[name] ?? null].slice(-most);
  }
  return { step_us: history.step_us, times, series };
}
