// stream.ts - one Server-Sent Events connection to metricsd that does not give up: it comes again after a while that
// grows and is not the same for all (a browser's own retry ends at the first HTTP error), tells where it stood, and
// says when nothing has come for 3 seconds. What it needs of the browser is handed in, so that its tests have none.
export const STALE_MS = 3_000;
export const CUT_MS = 1_000; // a connection that has ended is stale, if it is not back by then
export const DEAD_MS = 12_000; // an open connection that says nothing for so long is given up
const BACK_OFF_MS = 500;
const BACK_OFF_MAX_MS = 15_000;
const NAMES = ["state", "delta", "events"] as const;

export type StreamEvent = (typeof NAMES)[number];

interface Message {
  data: string;
  lastEventId: string;
}

export interface Source {
  addEventListener(name: string, listener: (message: Message) => void): void;
  onerror: ((event: never) => void) | null;
  close(): void;
}

export interface Surroundings {
  open(url: string): Source;
  after(ms: number, what: () => void): () => void; // gives what undoes it
  random(): number; // 0 to 1
}

export interface Listener {
  message(name: StreamEvent, data: unknown): void;
  stale(): void;
}

/** How long to wait before the n-th attempt (from 0): doubled each time, of which a random half. */
export function backOff(attempt: number, random: number): number {
  const most = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** attempt);
  return most / 2 + (most / 2) * random;
}

export class Stream {
  private source: Source | null = null;
  private failures = 0; // since the last message
  private lastId = "";
  private closed = false;
  private forgetStale = () => {};
  private forgetNext = () => {}; // the next attempt, or the end of this one

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
    private readonly around: Surroundings,
  ) {
    this.staleIn(STALE_MS);
    this.connect();
  }

  /** At once, if it is waiting to: the page is looked at again, or the network is back. */
  hurry(): void {
    if (!this.closed && !this.source)
      this.connect();
  }

  close(): void {
    this.closed = true;
    this.forgetStale();
    this.forgetNext();
    this.source?.close();
    this.source = null;
  }

  private staleIn(ms: number): void {
    this.forgetStale();
    this.forgetStale = this.around.after(ms, () => this.listener.stale());
  }

  private next(ms: number, what: () => void): void {
    this.forgetNext();
    this.forgetNext = this.around.after(ms, what);
  }

  private connect(): void {
    const from = this.lastId ? `?last_event_id=${encodeURIComponent(this.lastId)}` : "";
    const source = this.around.open(this.url + from);

    this.source = source;
    for (const name of NAMES)
      source.addEventListener(name, (message) => this.take(source, name, message));
    source.onerror = () => this.fail(source);
    this.next(DEAD_MS, () => this.fail(source));
  }

  private take(source: Source, name: StreamEvent, message: Message): void {
    let data: unknown;

    if (source !== this.source)
      return;
    try {
      data = JSON.parse(message.data);
    } catch {
      this.fail(source); // cut in the middle: from the last whole one again
      return;
    }
    this.failures = 0;
    this.lastId = message.lastEventId || this.lastId;
    this.staleIn(STALE_MS);
    this.next(DEAD_MS, () => this.fail(source));
    this.listener.message(name, data);
  }

  private fail(source: Source): void {
    if (source !== this.source)
      return;
    source.close();
    this.source = null;
    if (this.failures === 0)
      this.staleIn(CUT_MS);
    this.next(backOff(this.failures++, this.around.random()), () => this.connect());
  }
}
