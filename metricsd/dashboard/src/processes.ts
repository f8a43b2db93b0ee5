// processes.ts - who is up, as soon as anybody knows; the table of processes. Pure.
import type { EventInfo, ProcessInfo, State } from "./state";

/** Who has lost whom: metricsd takes three seconds of silence for a death, its neighbours notice at once. */
const witnesses: Record<string, { process: string; lost: string; found: string }> = {
  gateway: { process: "scheduler", lost: "gateway_down", found: "gateway_up" },
  scheduler: { process: "gateway", lost: "scheduler_down", found: "scheduler_up" },
  fetcher: { process: "scheduler", lost: "fetcher_lost", found: "fetcher_ready" },
};

/** The processes, those not up that were lost after their last word. Of scheduler and fetcher only the newest is up. */
export function standing(state: State): ProcessInfo[] {
  return state.processes.map((process) => {
    const up = process.up && !isReplaced(state, process) && !isLost(state, process);
    return up === process.up ? process : { ...process, up };
  });
}

function isReplaced(state: State, process: ProcessInfo): boolean {
  const single = process.process === "scheduler" || process.process === "fetcher";
  return single && state.processes.some((other) => other.process === process.process && other.up && started(other) > started(process));
}

/** Before now, so negative; `uptime_us` is as of its last word. */
const started = (process: ProcessInfo) => -process.silent_us - process.uptime_us;

function isLost(state: State, process: ProcessInfo): boolean {
  const witness = witnesses[process.process];
  // Only a gateway is named by its epoch: of the others there is one.
  const about = (event: EventInfo) => process.process !== "gateway" || (event.note ?? "").startsWith(process.epoch);
  const last = witness && state.events.find((event) =>
    event.process === witness.process && (event.event === witness.lost || event.event === witness.found) && about(event));

  return last !== undefined && last.event === witness?.lost && last.at_us > state.at_us - process.silent_us;
}

export interface ProcessRow extends ProcessInfo {
  name: string; // with its number where several of a kind are up
  restarts: number; // earlier lives at its place, as far as metricsd still knows them
}

const kinds = ["gateway", "scheduler", "fetcher", "metricsd"];
const DELAYED_US = 1_250_000; // each tells once a second; as of metricsd's tick

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

export const isUp = (state: State, kind: string) => standing(state).some((one) => one.process === kind && one.up);

export interface KindHealth {
  kind: string;
  up: number;
  late: boolean; // one that is up has missed its turn: it may be about to be gone
}

/** How many of each kind are up; metricsd is, as it speaks. */
export function kindHealth(state: State): KindHealth[] {
  const processes = standing(state);

  return kinds.map((kind) => ({
    kind,
    late: processes.some((one) => one.process === kind && isDelayed(one)),
    up: Math.max(kind === "metricsd" ? 1 : 0, processes.filter((one) => one.process === kind && one.up).length),
  }));
}
