import { expect, test } from "vitest";

import { NOW } from "./made";
import type { Send } from "./state";
import { stripOf } from "./strip";

const send = (ago: number, gap_us: number | null): Send => ({ at_us: NOW - ago * 1e6, gap_us, late_us: 0, attempt: 1, outcome: "answered" });
const strip = (sent: Send[]) => stripOf({ window_us: 1e6, burst: 1, sent, smallest_gap_us: null, violations: 0 }, NOW);

test.each([
  ["kept by a hair: on the line", send(0, 1e6), { x: 1, y: 0.5, violates: false, beyond: false }],
  ["early: below it", send(30, 0.5e6), { x: 0.5, y: 0.25, violates: true, beyond: false }],
  ["a long pause: at the top", send(60, 30e6), { x: 0, y: 1, violates: false, beyond: true }],
  ["the first of all: no gap, no violation", send(15, null), { x: 0.75, y: 1, violates: false, beyond: true }],
  ["a moment ahead of this clock: at the edge", send(-0.2, 1.5e6), { x: 1, y: 0.75, violates: false, beyond: false }],
])("%s", (_, one, expected) => {
  expect(strip([one]).marks[0]).toMatchObject(expected);
  expect(strip([one]).limit).toBe(0.5);
});

test("older than a minute: not there", () => expect(strip([send(61, 1e6)]).marks).toEqual([]));
