import { expect, test } from "vitest";

import { historyOf, noHistory, withPoint } from "./history";

test("columns with times, the shorter ones filled in front", () => {
  const history = historyOf({ step_us: 1e6, end_at_us: 100e6, series: { a: [1, 2, 3], b: [9] } });
  expect(history).toEqual({ step_us: 1e6, times: [98, 99, 100], series: { a: [1, 2, 3], b: [null, null, 9] } });
});

test("points follow: once each, with a gap where some are missing, and a series that comes later", () => {
  let history = historyOf({ step_us: 1e6, end_at_us: 100e6, series: { a: [1] } });
  history = withPoint(history, { at_us: 101.003e6, values: { a: 2, b: 5 } });
  history = withPoint(history, { at_us: 101.003e6, values: { a: 2, b: 5 } });
  history = withPoint(history, { at_us: 110e6, values: { a: 3 } });
  expect(history.times).toEqual([100, 101.003, 102.003, 110]);
  expect(history.series).toEqual({ a: [1, 2, null, 3], b: [null, 5, null, null] });
});

test("a night of points does not grow", () => {
  let history = noHistory;
  for (let i = 0; i < 1000; i++)
    history = withPoint(history, { at_us: i * 1e6, values: { a: i } }, 90);
  expect(history.times).toHaveLength(90);
  expect(history.series.a).toHaveLength(90);
  expect(history.series.a?.at(-1)).toBe(999);
});
