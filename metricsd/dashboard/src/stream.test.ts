import { beforeEach, expect, test } from "vitest";

import { backOff, CUT_MS, DEAD_MS, STALE_MS, Stream, type Source } from "./stream";

/** A browser by hand: its connections, and timers that ring when the test says how much time has gone. */
class Played {
  connections: PlayedSource[] = [];
  private timers: { at: number; what: () => void }[] = [];
  private now = 0;

  open = (url: string) => {
    const source = new PlayedSource(url);
    this.connections.push(source);
    return source;
  };
  after = (ms: number, what: () => void) => {
    const timer = { at: this.now + ms, what };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  };
  random = () => 1;

  pass(ms: number) {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next)
        break;
      this.now = next.at;
      this.timers = this.timers.filter((timer) => timer !== next);
      next.what();
    }
    this.now = end;
  }
  get last() {
    return this.connections.at(-1)!;
  }
  get waiting() {
    return this.timers.length;
  }
}

class PlayedSource implements Source {
  private listeners = new Map<string, (message: { data: string; lastEventId: string }) => void>();
  onerror: (() => void) | null = null;
  closed = false;

  constructor(readonly url: string) {}
  addEventListener(name: string, listener: (message: { data: string; lastEventId: string }) => void) {
    this.listeners.set(name, listener);
  }
  close() {
    this.closed = true;
  }
  say(name: string, data: string, lastEventId = "") {
    this.listeners.get(name)?.({ data, lastEventId });
  }
}

let played: Played, told: unknown[], stream: Stream;

beforeEach(() => {
  played = new Played();
  told = [];
  stream = new Stream("/s", {
    message: (name, data) => told.push([name, data]),
    stale: () => told.push("stale"),
  }, played);
});

test("messages are told as they come", () => {
  played.last.say("state", '{"a":1}');
  played.last.say("delta", '{"b":2}');
  expect(told).toEqual([["state", { a: 1 }], ["delta", { b: 2 }]]);
});

test("three seconds of silence are stale, not earlier, and a word ends them", () => {
  played.last.say("state", "{}");
  played.pass(STALE_MS - 1);
  expect(told).toHaveLength(1);
  played.pass(1);
  expect(told[1]).toBe("stale");
  played.last.say("delta", "{}");
  played.pass(STALE_MS - 1);
  expect(told).toHaveLength(3);
});

test("after an error it comes again, from where it stood", () => {
  played.last.say("state", "{}", "e-12");
  played.last.onerror?.();
  expect(played.last.closed).toBe(true);
  played.pass(500);
  expect(played.connections.map((source) => source.url)).toEqual(["/s", "/s?last_event_id=e-12"]);
});

test("each failure doubles the pause, and a word resets it", () => {
  const pauses = [];
  for (let i = 0; i < 4; i++) {
    const count = played.connections.length;
    let ms = 0;
    played.last.onerror?.();
    for (; played.connections.length === count; ms += 100)
      played.pass(100);
    pauses.push(ms);
  }
  expect(pauses).toEqual([500, 1000, 2000, 4000]);
  played.last.say("state", "{}");
  played.last.onerror?.();
  played.pass(500);
  expect(played.connections).toHaveLength(6);
});

test("a connection that is open and says nothing is given up", () => {
  played.last.say("state", "{}");
  played.pass(DEAD_MS + 500);
  expect(played.connections).toHaveLength(2);
});

test("a connection that has ended is stale after a second, however often it is tried meanwhile", () => {
  played.last.say("state", "{}");
  played.last.onerror?.();
  for (let ms = 0; ms < CUT_MS - 1; ms++) {
    played.pass(1);
    played.last.onerror?.();
  }
  expect(told).toHaveLength(1);
  played.pass(1);
  expect(told[1]).toBe("stale");
});

test("a connection that is back by then is not", () => {
  played.last.say("state", "{}");
  played.last.onerror?.();
  played.pass(500);
  played.last.say("state", "{}");
  played.pass(CUT_MS);
  expect(told).not.toContain("stale");
});

test("half a message: from the last whole one again", () => {
  played.last.say("state", "{}", "e-1");
  played.last.say("delta", '{"a":', "e-2");
  played.pass(500);
  expect(played.last.url).toBe("/s?last_event_id=e-1");
});

test("what an old connection still says is nobody's", () => {
  const old = played.last;
  old.onerror?.();
  played.pass(500);
  old.say("delta", "{}");
  old.onerror?.();
  expect(told).toEqual([]);
  expect(played.connections).toHaveLength(2);
});

test("who looks again need not wait", () => {
  played.last.onerror?.();
  stream.hurry();
  stream.hurry();
  expect(played.connections).toHaveLength(2);
});

test("closed is closed: no timer is left", () => {
  played.last.onerror?.();
  stream.close();
  stream.hurry();
  expect(played.waiting).toBe(0);
  expect(played.connections).toHaveLength(1);
});

test("pauses grow to 15 s, and a random half of each keeps many pages apart", () => {
  expect(backOff(0, 0)).toBe(250);
  expect(backOff(20, 1)).toBe(15000);
  expect(backOff(20, 0)).toBe(7500);
});
