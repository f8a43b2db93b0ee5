// live.tsx - what metricsd tells, as it changes: `const { state, status } = useLive()` in any component.
import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";

import { historyOf, noHistory, withPoint, type History, type HistoryAnswer } from "./history";
import { mergeDelta, mergeEvents, mergeState } from "./merge";
import type { Delta, EventInfo, State } from "./state";
import { Stream, type StreamEvent, type Surroundings } from "./stream";

export type Status = "connecting" | "live" | "stale";

export interface Live {
  state: State | null; // null until the first word; its `events` are newest first, at most 500
  history: History; // the last 15 minutes
  status: Status;
  since_ms: number; // stale: of the last message (Date.now()); else of the connection
  skipped: number; // events that metricsd left out on this page, as there were too many
  skew_us: number; // metricsd's wall clock minus the browser's
}

const SHOW_MS = 100; // what comes faster is shown together
const SKEW_SAMPLES = 10;

/** The store behind useLive(): takes the stream's messages, tells its readers at most ten times a second. */
export class LiveStore {
  private live: Live = { state: null, history: noHistory, status: "connecting", since_ms: Date.now(), skipped: 0, skew_us: 0 };
  private shown = this.live;
  private readers = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private skews: number[] = [];
  private heard_ms = Date.now();
  private stream: Stream | null = null;

  readonly snapshot = () => this.shown;

  readonly subscribe = (reader: () => void) => {
    this.readers.add(reader);
    return () => void this.readers.delete(reader);
  };

  start(): () => void {
    const wake = () => {
      if (document.hidden)
        return;
      this.stream?.hurry();
      this.show();
    };

    this.stream = new Stream("/api/stream", this, browser);
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    return () => {
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("online", wake);
      clearTimeout(this.timer);
      this.timer = undefined;
      this.stream?.close();
      this.stream = null;
    };
  }

  /** Of the stream. */
  message(name: StreamEvent, data: unknown): void {
    this.heard_ms = Date.now();
    if (name === "state")
      this.begin(data as State);
    else if (this.live.state && name === "delta")
      this.change(this.live.state, data as Delta);
    else if (this.live.state)
      this.tell(this.live.state, data as { events: EventInfo[]; skipped: number });
    if (this.live.status !== "live")
      this.set({ status: "live", since_ms: this.heard_ms });
  }

  stale(): void {
    if (this.live.status !== "stale")
      this.set({ status: "stale", since_ms: this.heard_ms });
  }

  private begin(state: State): void {
    if (this.live.state && this.live.state.version !== state.version)
      location.reload(); // metricsd has been replaced by another version, and has another page
    this.skews = [];
    this.set({ state: mergeState(this.live.state, state), skew_us: this.skew(state.at_us) });
    void this.loadHistory();
  }

  private change(state: State, delta: Delta): void {
    this.set({
      state: mergeDelta(state, delta),
      skew_us: delta.at_us === undefined ? this.live.skew_us : this.skew(delta.at_us),
      history: delta.point ? withPoint(this.live.history, delta.point) : this.live.history,
    });
  }

  private tell(state: State, { events, skipped }: { events: EventInfo[]; skipped: number }): void {
    this.set({ state: { ...state, events: mergeEvents(state.events, events) }, skipped: this.live.skipped + skipped });
  }

  /** A word may have been on its way for a while, so the one that came fastest is right. */
  private skew(at_us: number): number {
    this.skews = [...this.skews, at_us - Date.now() * 1000].slice(-SKEW_SAMPLES);
    return Math.max(...this.skews);
  }

  private async loadHistory(): Promise<void> {
    try {
      this.set({ history: await fetchHistory("15m") });
    } catch {
      // the points that come will do
    }
  }

  private set(change: Partial<Live>): void {
    this.live = { ...this.live, ...change };
    if (!document.hidden && this.timer === undefined)
      this.timer = setTimeout(() => this.show(), this.shown.state ? SHOW_MS : 0);
  }

  private show(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.shown = this.live;
    this.readers.forEach((reader) => reader());
  }
}

export async function fetchHistory(span: "15m" | "24h"): Promise<History> {
  const answer = await fetch(`/api/history?span=${span}`);
  if (!answer.ok)
    throw new Error(`/api/history: ${answer.status}`);
  return historyOf((await answer.json()) as HistoryAnswer);
}

const browser: Surroundings = {
  open: (url) => new EventSource(url),
  after: (ms, what) => {
    const timer = setTimeout(what, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

const Context = createContext<LiveStore | null>(null);

export function LiveProvider({ children }: { children: ReactNode }) {
  const [store] = useState(() => new LiveStore());

  useEffect(() => store.start(), [store]);
  return <Context.Provider value={store}>{children}</Context.Provider>;
}

export function useLive(): Live {
  const store = useContext(Context);
  if (!store)
    throw new Error("useLive() outside of LiveProvider");
  return useSyncExternalStore(store.subscribe, store.snapshot);
}

const CALM_MS = 1000; // for who wants less motion

/** metricsd's wall clock in microseconds, anew every `every_ms`: for what counts down between two words of it. */
export function useNow(every_ms = 1000): number {
  const { skew_us } = useLive();
  const [now_ms, tick] = useState(() => Date.now());

  useEffect(() => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setInterval(() => tick(Date.now()), calm ? Math.max(CALM_MS, every_ms) : every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return Math.max(now_ms * 1000 + skew_us, 0);
}
