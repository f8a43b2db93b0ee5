// rates.ts - how much a second, of the last seconds of the history. Pure.
import type { History } from "./history";

/** The mean increase a second over the last `seconds` points that are known; null when there is none. */
export function ratePerSecond(history: History, name: string, seconds = 10): number | null {
  const known = (history.series[name] ?? []).slice(-seconds).filter((value) => value !== null);
  if (known.length === 0)
    return null;
  return known.reduce((sum, value) => sum + value, 0) / known.length / (history.step_us / 1e6);
}
