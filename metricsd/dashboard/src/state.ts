// state.ts - what metricsd tells (metricsd/README.md, /api/state), and how a delta of the stream changes it. Times are
// microseconds; points in time are wall clock.

export interface ProcessInfo {
  process: string;
  instance: number;
  epoch: string;
  pid: number;
  up: boolean;
  uptime_us: number;
  silent_us: number;
  events: number;
  events_lost: number;
}

export interface EventInfo {
  id: number;
  at_us: number;
  process: string;
  epoch: string;
  seq: number;
  event: string;
  lane?: string;
  request?: string;
  attempt?: number;
  reason?: string;
  note?: string;
  value: number;
}

export interface Send {
  at_us: number;
  gap_us: number | null;
  late_us: number;
  attempt: number;
  outcome: "flying" | "answered" | "failed" | "limited";
}

export interface Slots {
  window_us: number;
  burst: number;
  sent: Send[];
  smallest_gap_us: number | null;
  violations: number;
}

export interface QueueRow {
  id: string;
  client: string;
  priority: number;
  position: number;
  age_ms: number;
  eta_ms: number | null;
  shared: boolean;
}

export interface QueueView {
  policy: string;
  policies: string[];
  paused: boolean;
  window_ms: number;
  total: number;
  requests: QueueRow[];
}

export interface ClientCounts {
  waiting: number;
  submitted: number;
  served: number;
  refused: number;
}

export interface ClientsView {
  top: (ClientCounts & { client: string })[];
  other: ClientCounts & { clients: number };
}

export interface BreakerView {
  state: "closed" | "half_open" | "open";
  failures: number;
  fail_max: number;
  last_reason: string | null;
  opened_at_us: number | null;
  probe_at_us: number | null;
  tripped: boolean;
}

export interface ConfigurationView {
  options: Record<string, string>;
  port?: number;
}

export interface Views {
  "scheduler.queue"?: QueueView;
  "scheduler.clients"?: ClientsView;
  "fetcher.breaker"?: BreakerView;
  "gateway.configuration"?: ConfigurationView;
  "scheduler.configuration"?: ConfigurationView;
  "fetcher.configuration"?: ConfigurationView;
  "metricsd.configuration"?: ConfigurationView;
}

export type Numbers = Record<string, number>;

export interface State {
  schema: number;
  version: string;
  epoch: string;
  seq: number;
  at_us: number;
  processes: ProcessInfo[];
  values: Numbers;
  quantiles: Numbers;
  windows: { "1m": Numbers; "15m": Numbers };
  slots: Slots;
  views: Views;
  links: { gateway: string | null; simulator: string | null };
  events: EventInfo[];
}

/** One second of the series of /api/history. */
export interface Point {
  at_us: number;
  values: Record<string, number | null>;
}

/** What has changed: `values`, `quantiles`, `windows` and `views` key by key (a view that is null is gone), all else as
 * a whole. */
export type Delta = Partial<Omit<State, "windows" | "views" | "events">> & {
  windows?: { "1m"?: Numbers; "15m"?: Numbers };
  views?: { [K in keyof Views]: Views[K] | null };
  point?: Point;
};
