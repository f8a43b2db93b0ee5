import { expect, test } from "vitest";

import { EVENTS_MAX, mergeDelta, mergeEvents, mergeState } from "./merge";
import { madeEvent, madeState } from "./made";
import type { ClientsView } from "./state";

const before = madeState({
  seq: 1,
  values: { a: 1, b: 2 },
  quantiles: { "x.p50": 5 },
  windows: { "1m": { "x.p50": 1, "x.p99": 2 }, "15m": { "x.p50": 3 } },
});

test("numbers change key by key, all else as a whole", () => {
  const after = mergeDelta(before, {
    seq: 2, at_us: 9, values: { b: 3 }, quantiles: { "x.p50": 6 }, windows: { "1m": { "x.p50": 7 } }, processes: [],
    links: { gateway: null, simulator: null },
  });
  expect(after).toMatchObject({
    seq: 2, at_us: 9, values: { a: 1, b: 3 }, quantiles: { "x.p50": 6 },
    windows: { "1m": { "x.p50": 7, "x.p99": 2 }, "15m": { "x.p50": 3 } }, processes: [],
    links: { gateway: null, simulator: null },
  });
  expect(before.values).toEqual({ a: 1, b: 2 }); // the old one is nobody's to change
});

test("a point of the history is no part of the state", () => {
  expect(mergeDelta(before, { seq: 2, point: { at_us: 1, values: {} } })).not.toHaveProperty("point");
});

test("a view comes, changes, goes", () => {
  const clients: ClientsView = { top: [], other: { clients: 0, waiting: 0, submitted: 0, served: 0, refused: 0 } };
  const one = mergeDelta(before, { views: { "scheduler.clients": clients } });
  const gone = mergeDelta(one, { views: { "scheduler.clients": null } });

  expect(one.views["scheduler.clients"]).toBe(clients);
  expect("scheduler.clients" in gone.views).toBe(false);
  expect("fetcher.breaker" in gone.views).toBe("fetcher.breaker" in before.views);
});

const ids = (events: { id: number }[]) => events.map((event) => event.id);

test.each([
  { known: [], more: [1, 2, 3], all: [3, 2, 1] },
  { known: [3, 2, 1], more: [4, 5], all: [5, 4, 3, 2, 1] },
  { known: [3, 2, 1], more: [5, 4, 3, 2], all: [5, 4, 3, 2, 1] }, // a state tells some again
  { known: [3], more: [], all: [3] },
])("events $known and $more", ({ known, more, all }) => {
  expect(ids(mergeEvents(known.map(madeEvent), more.map(madeEvent)))).toEqual(all);
});

test("a night of events does not grow", () => {
  let events = [madeEvent(0)];
  for (let id = 1; id < 5000; id += 100)
    events = mergeEvents(events, Array.from({ length: 100 }, (_, i) => madeEvent(id + i)));
  expect(events).toHaveLength(EVENTS_MAX);
  expect(events[0]?.id).toBe(5000);
});

test("a state of the same epoch goes on with the events, one of another begins anew", () => {
  const old = madeState({ epoch: "a", events: [madeEvent(7)] });

  expect(ids(mergeState(old, madeState({ epoch: "a", events: [madeEvent(9), madeEvent(8)] })).events)).toEqual([9, 8, 7]);
  expect(ids(mergeState(old, madeState({ epoch: "b", events: [madeEvent(2)] })).events)).toEqual([2]);
  expect(ids(mergeState(null, madeState({ events: [madeEvent(2)] })).events)).toEqual([2]);
});
