import { expect, test } from "vitest";

import { seriesRows } from "./series";

const history = { step_us: 1e6, times: [1, 2, 3, 4, 5], series: { a: [1, null, 3, null, 5], b: [null, null, null, 2, null] } };

test.each([
  ["sum", 2, [{ at_us: 5e6, values: [8, 2] }, { at_us: 2e6, values: [1, null] }]],
  ["max", 2, [{ at_us: 5e6, values: [5, 2] }, { at_us: 2e6, values: [1, null] }]],
  ["max", 9, [5, 4, 3, 2, 1].map((at) => ({ at_us: at * 1e6, values: [history.series.a[at - 1], history.series.b[at - 1]] }))],
] as const)("%s in %s rows", (fold, rows, expected) => {
  expect(seriesRows(history, ["a", "b"], fold, rows)).toEqual(expected);
});

test("nothing known: no row; an unknown name: nothing", () => {
  expect(seriesRows({ step_us: 1, times: [], series: {} }, ["a"], "sum")).toEqual([]);
  expect(seriesRows(history, ["c"], "sum", 1)).toEqual([{ at_us: 5e6, values: [null] }]);
});
