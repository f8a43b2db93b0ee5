// latency.ts - the rows of the latency table: which durations, over which time. Pure.
import type { State } from "./state";

export const latencyNames = [
  "gateway.request_seconds",
  "gateway.hit_seconds",
  "scheduler.queue_wait_seconds",
  "fetcher.upstream_seconds",
  "scheduler.dispatch_lateness_seconds",
] as const;
export type LatencyName = (typeof latencyNames)[number];

export const spans = ["1m", "15m", "all"] as const;
export type Span = (typeof spans)[number];

export interface LatencyRow {
  name: LatencyName;
  count: number | null;
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
}

const SCALE = [1e-5, 100].map((seconds) => Math.log10(seconds * 1e6)) as [number, number];

/** Where a duration stands between 10 us (0) and 100 s (1), each tenfold as wide. */
export function placeOf(us: number): number {
  const [low, high] = SCALE;
  return Math.min(1, Math.max(0, (Math.log10(Math.max(us, 1)) - low) / (high - low)));
}

/** A duration that was not measured in that time has no quantiles, whatever they were before. */
export function latencyRows(state: State, span: Span): LatencyRow[] {
  const from = span === "all" ? state.quantiles : state.windows[span];
  const counts = span === "all" ? state.values : from;

  return latencyNames.map((name) => {
    const count = counts[`${name}.count`] ?? null;
    const pick = (quantile: string) => (count === 0 ? null : from[`${name}.${quantile}`] ?? null);
    return { name, count, p50: pick("p50"), p90: pick("p90"), p95: pick("p95"), p99: pick("p99") };
  });
}
