import { expect, test } from "vitest";

import { ratePerSecond } from "./rates";

const history = { step_us: 1e6, times: [1, 2, 3, 4], series: { a: [100, 2, null, 4], b: [null, null, null, null] } };

test.each([
  ["a", 3, 3],
  ["a", 10, 106 / 3],
  ["b", 10, null],
  ["c", 10, null],
] as const)("%s over %s s", (name, seconds, rate) => expect(ratePerSecond(history, name, seconds)).toBe(rate));

test("per second, whatever the step is", () => {
  expect(ratePerSecond({ step_us: 60e6, times: [1], series: { a: [120] } }, "a")).toBe(2);
});
