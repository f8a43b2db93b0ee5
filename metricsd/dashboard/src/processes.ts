// processes.ts - the table of processes, and each kind's health in a word. Pure.
import type { ProcessInfo, State } from "./state";

export interface ProcessRow extends ProcessInfo {
  name: string; // with its number where several of a kind are up
  restarts: number; // earlier lives at its place, as far as metricsd still knows them
}

const kinds = ["gateway", "scheduler", "fetcher", "metricsd"];
const DELAYED_US = 1_800_000; // each tells once a second

export const isDelayed = (process: ProcessInfo) => process.up && process.silent_us > DELAYED_US;

/** In the order of the way of a request; of each kind who is up first, then the latest gone. */
export function processRows(processes: ProcessInfo[]): ProcessRow[] {
  const place = (process: ProcessInfo) => (kinds.indexOf(process.process) + kinds.length + 1) % (kinds.length + 1);
  const several = (name: string) => processes.filter((one) => one.process === name && one.up).length > 1;

  return processes
    .map((process) => ({
      ...process,
      name: several(process.process) && process.up ? `${process.process} ${process.instance}` : process.process,
      restarts: process.up ? processes.filter((one) => one.process === process.process && one.instance === process.instance && !one.up).length : 0,
    }))
    .sort((a, b) => place(a) - place(b) || Number(b.up) - Number(a.up) || a.instance - b.instance || a.silent_us - b.silent_us);
}

export interface KindHealth {
  kind: string;
  up: number;
}

/** How many of each kind are up; metricsd is, as it speaks. */
export function kindHealth(state: State): KindHealth[] {
  return kinds.map((kind) => ({
    kind,
    up: Math.max(kind === "metricsd" ? 1 : 0, state.processes.filter((one) => one.process === kind && one.up).length),
  }));
}
