import { expect, test } from "vitest";

import { madeProcess, madeState } from "./made";
import { isDelayed, kindHealth, processRows } from "./processes";

const all = [
  madeProcess("fetcher", { epoch: "f1", up: false, silent_us: 90e6 }),
  madeProcess("gateway", { epoch: "g1", instance: 1 }),
  madeProcess("fetcher", { epoch: "f3" }),
  madeProcess("gateway", { epoch: "g0", instance: 0 }),
  madeProcess("fetcher", { epoch: "f2", up: false, silent_us: 5e6 }),
  madeProcess("stranger", { epoch: "s" }),
  madeProcess("metricsd", { epoch: "m" }),
];

test("in the order of a request's way; who is up before who is gone, the latest first", () => {
  expect(processRows(all).map((row) => [row.epoch, row.name, row.restarts])).toEqual([
    ["g0", "gateway 0", 0],
    ["g1", "gateway 1", 0],
    ["f3", "fetcher", 2],
    ["f2", "fetcher", 0],
    ["f1", "fetcher", 0],
    ["m", "metricsd", 0],
    ["s", "stranger", 0],
  ]);
});

test("each kind's health; who speaks is up", () => {
  expect(kindHealth(madeState({ processes: all.filter((one) => one.process !== "metricsd") }))).toEqual([
    { kind: "gateway", up: 2 },
    { kind: "scheduler", up: 0 },
    { kind: "fetcher", up: 1 },
    { kind: "metricsd", up: 1 },
  ]);
});

test.each([[400_000, true, false], [1_900_000, true, true], [9e6, false, false]])("silent for %s us, up %s: late %s", (silent_us, up, late) => {
  expect(isDelayed(madeProcess("gateway", { silent_us, up }))).toBe(late);
});
