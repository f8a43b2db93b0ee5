// merge.ts - what the stream brings, put together: a state, and what has changed since. Pure; nothing here grows
// beyond its limit, however long the page stays open.
import type { Delta, EventInfo, State, Views } from "./state";

export const EVENTS_MAX = 500;

/** What a delta says, put into the state before it. */
export function mergeDelta(state: State, delta: Delta): State {
  const { values, quantiles, windows, views, point: _point, ...whole } = delta;

  return {
    ...state,
    ...whole,
    values: values ? { ...state.values, ...values } : state.values,
    quantiles: quantiles ? { ...state.quantiles, ...quantiles } : state.quantiles,
    windows: windows
      ? {
          "1m": windows["1m"] ? { ...state.windows["1m"], ...windows["1m"] } : state.windows["1m"],
          "15m": windows["15m"] ? { ...state.windows["15m"], ...windows["15m"] } : state.windows["15m"],
        }
      : state.windows,
    views: views ? mergeViews(state.views, views) : state.views,
  };
}

function mergeViews(before: Views, changed: NonNullable<Delta["views"]>): Views {
  const all = Object.entries({ ...before, ...changed });
  return Object.fromEntries(all.filter(([, view]) => view !== null)) as Views;
}

/** Newest first, each once, at most EVENTS_MAX. `more` may come in either order. */
export function mergeEvents(before: EventInfo[], more: EventInfo[]): EventInfo[] {
  const newest = before[0]?.id ?? -1;
  const fresh = more.filter((event) => event.id > newest).sort((a, b) => b.id - a.id);
  return fresh.length === 0 ? before : [...fresh, ...before].slice(0, EVENTS_MAX);
}

/** A whole state on a new connection: of the same epoch it goes on where the old one stopped, else all begins anew. */
export function mergeState(before: State | null, state: State): State {
  const known = before && before.epoch === state.epoch ? before.events : [];
  return { ...state, events: mergeEvents(known, state.events) };
}
