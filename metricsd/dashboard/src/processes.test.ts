import { expect, test } from "vitest";

import { madeEvent, madeProcess, madeState, NOW } from "./made";
import { isDelayed, kindHealth, processRows, standing } from "./processes";

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
    { kind: "gateway", up: 2, late: false },
    { kind: "scheduler", up: 0, late: false },
    { kind: "fetcher", up: 1, late: false },
    { kind: "metricsd", up: 1, late: false },
  ]);
  expect(kindHealth(madeState({ processes: [madeProcess("gateway", { silent_us: 1.3e6 }), madeProcess("gateway")] }))[0])
    .toEqual({ kind: "gateway", up: 2, late: true });
});

test.each([[400_000, true, false], [1_300_000, true, true], [9e6, false, false]])("silent for %s us, up %s: late %s", (silent_us, up, late) => {
  expect(isDelayed(madeProcess("gateway", { silent_us, up }))).toBe(late);
});

const told = (process: string, event: string, ago: number, note?: string) => ({ ...madeEvent(1), process, event, at_us: NOW - ago, ...(note ? { note } : {}) });
const gateways = [madeProcess("gateway", { epoch: "00aa" }), madeProcess("gateway", { epoch: "00bb", instance: 1 })];
const heard = { silent_us: 0.9e6 };

test.each([
  ["a gateway is lost, the other is not", gateways, [told("scheduler", "gateway_down", -1, "00bb: closed")], ["00aa"]],
  ["it has come back", gateways, [told("scheduler", "gateway_up", -2, "00bb"), told("scheduler", "gateway_down", -1, "00bb: closed")], ["00aa", "00bb"]],
  ["the scheduler is lost since its last word", [madeProcess("scheduler", heard)], [told("gateway", "scheduler_down", 0.5e6)], []],
  ["its link was lost before its last word", [madeProcess("scheduler", heard)], [told("gateway", "scheduler_down", 2e6)], ["scheduler"]],
  ["the fetcher is lost", [madeProcess("fetcher", heard)], [told("scheduler", "fetcher_lost", 0.1e6)], []],
  ["another fetcher is ready", [madeProcess("fetcher", heard)], [told("scheduler", "fetcher_ready", 0), told("scheduler", "fetcher_lost", 0.1e6)], ["fetcher"]],
  ["of two schedulers the newer is up", [madeProcess("scheduler", { epoch: "old", silent_us: 2e6 }), madeProcess("scheduler", { epoch: "new", uptime_us: 1e6 })], [], ["new"]],
  ["two gateways are two", gateways, [], ["00aa", "00bb"]],
] as const)("who stands: %s", (_, processes, events, up) => {
  const found = standing(madeState({ processes: [...processes], events: [...events] }));
  expect(found.filter((one) => one.up).map((one) => one.epoch)).toEqual(up);
});
