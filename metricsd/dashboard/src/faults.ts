// faults.ts - the simulator's side door (tests/simulator/README.md): what it tells of itself, and the faults that the page
// offers. Pure.

export type Faults = Record<string, number | string>;

export interface SimulatorState {
  arrivals: number;
  accepted: number; // took a slot
  rejected: number; // too early, or in the block that followed
  verdicts: Record<string, number>;
  min_gap_ns: number | null;
  window_ms: number;
  burst: number;
  penalty_ms: number;
  in_progress: number;
  faults: Faults; // until changed
  passing_left: number; // so many requests get passing_faults instead
  passing_faults: Faults | null;
}

export const presetIds = ["slow", "unavailable", "limited", "stall", "cut", "jitter"] as const;
export type PresetId = (typeof presetIds)[number];

const presets: Record<PresetId, Faults> = {
  slow: { service_ms: 5000 },
  unavailable: { status: 503 },
  limited: { status: 429, retry_after: "30" },
  stall: { stall: 1 },
  cut: { cut_bytes: 40 },
  jitter: { forward_jitter_ms: 80, backward_jitter_ms: 80 },
};

/** What makes no difference: a fault of this value is none. How a fault behaves is none by itself. */
const NEUTRAL: Faults = { cut_bytes: -1 };
const MANNERS = ["forward_distribution", "forward_cap_ms", "backward_distribution", "backward_cap_ms", "cut_with"];
const NOTHING: unknown[] = [0, "", "none", "plain"];

/** Those that are in force. */
export function activeFaults(faults: Faults): [string, number | string][] {
  return Object.entries(faults).filter(([name, value]) => !MANNERS.includes(name) && (name in NEUTRAL ? value !== NEUTRAL[name] : !NOTHING.includes(value)));
}

/** The preset that is in force, and no other fault; null: none, or something else. */
export function presetOf(faults: Faults): PresetId | null {
  const active = activeFaults(faults);
  return presetIds.find((id) => Object.keys(presets[id]).length === active.length && active.every(([name, value]) => presets[id][name] === value)) ?? null;
}

/** The call that makes it the only fault: until changed, or for the next `count` requests. */
export function presetPath(id: PresetId, count: number | null): string {
  const form = new URLSearchParams({ reset: "1" });

  Object.entries(presets[id]).forEach(([name, value]) => form.set(name, String(value)));
  if (count !== null)
    form.set("count", String(count));
  return `/control/faults?${form}`;
}

export const NO_FAULTS = "/control/faults?reset=1";

/** The state as it came, or null where this is no simulator's. */
export function readSimulator(text: string): SimulatorState | null {
  try {
    const state: unknown = JSON.parse(text);
    const is = typeof state === "object" && state !== null && "arrivals" in state && "rejected" in state && "verdicts" in state && "faults" in state;
    return is ? (state as SimulatorState) : null;
  } catch {
    return null;
  }
}
