// made.ts - states and events for the tests: quiet ones, of which a test changes what it is about.
import type { EventInfo, ProcessInfo, State } from "./state";

export const NOW = 1_800_000_000_000_000;

export function madeEvent(id: number): EventInfo {
  return { id, at_us: NOW, process: "scheduler", epoch: "1", seq: id, event: "granted", value: 0 };
}

export function madeProcess(process: string, change: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    process, instance: 0, epoch: process, pid: 1, up: true, uptime_us: 60e6, silent_us: 0, events: 0, events_lost: 0,
    ...change,
  };
}

/** All four processes are up, nobody waits, a send is allowed each second, and the last one is long ago. */
export function madeState(change: Partial<State> = {}): State {
  return {
    schema: 2,
    version: "0",
    epoch: "1",
    seq: 1,
    at_us: NOW,
    processes: ["gateway", "scheduler", "fetcher", "metricsd"].map((name) => madeProcess(name)),
    values: { "scheduler.fetcher_up": 1, "scheduler.queue_limit": 100, "scheduler.limiter_interval_seconds": 1e6 },
    quantiles: {},
    windows: { "1m": {}, "15m": {} },
    slots: { window_us: 1e6, burst: 1, sent: [], smallest_gap_us: null, violations: 0 },
    views: {},
    links: { gateway: null, simulator: null },
    events: [],
    ...change,
  };
}
