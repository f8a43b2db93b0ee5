import { expect, test } from "vitest";

import { latencyNames, latencyRows, placeOf } from "./latency";
import { madeState } from "./made";

const state = madeState({
  values: { "gateway.hit_seconds.count": 900 },
  quantiles: { "gateway.hit_seconds.p50": 300, "gateway.hit_seconds.p99": 900 },
  windows: {
    "1m": { "gateway.hit_seconds.count": 0, "gateway.hit_seconds.p50": 299 },
    "15m": { "gateway.hit_seconds.count": 7, "gateway.hit_seconds.p50": 310 },
  },
});

test.each([
  ["all", { count: 900, p50: 300, p90: null, p99: 900 }],
  ["1m", { count: 0, p50: null }],
  ["15m", { count: 7, p50: 310, p99: null }],
] as const)("over %s", (span, expected) => {
  const rows = latencyRows(state, span);
  expect(rows.map((row) => row.name)).toEqual(latencyNames);
  expect(rows[1]).toMatchObject(expected);
  expect(rows[0]).toMatchObject({ count: null, p50: null });
});

test.each([[0, 0], [10, 0], [1e3, 2 / 7], [1e6, 5 / 7], [1e8, 1], [1e10, 1]])("%s us on the scale", (us, place) => {
  expect(placeOf(us)).toBeCloseTo(place, 9);
});
