import { expect, test } from "vitest";

import table from "../../../tests/simulator/faults.c?raw";
import { activeFaults, NO_FAULTS, presetIds, presetOf, presetPath, readSimulator, type Faults } from "./faults";

/** As a simulator that does nothing wrong tells them. */
const none: Faults = {
  forward_ms: 0, forward_jitter_ms: 0, forward_distribution: "uniform", forward_cap_ms: 500, backward_ms: 0, backward_jitter_ms: 0,
  backward_distribution: "uniform", backward_cap_ms: 500, service_ms: 0, clock_offset_ms: 0, clock_step_ms: 0, stall: 0, garbage: 0, status: 0,
  retry_after: "", reset_in: "", cut_bytes: -1, cut_with: "fin", drip_bytes: 0, drip_ms: 0, connection_close: 0, close_after_ms: 0,
  close_after_jitter_ms: 0, hostile: "none", accept: "plain",
};
const fieldsOf = (path: string) => [...new URLSearchParams(path.split("?")[1])];

test("every preset sets faults that the simulator has", () => {
  for (const id of presetIds)
    for (const [name] of fieldsOf(presetPath(id, 3)).filter(([name]) => name !== "reset" && name !== "count"))
      expect(table, name).toContain(`"${name}"`);
});

test("a preset is known again when it is in force, and only alone", () => {
  for (const id of presetIds) {
    const set = Object.fromEntries(fieldsOf(presetPath(id, null)).filter(([name]) => name !== "reset").map(([name, value]) => [name, typeof none[name] === "number" ? Number(value) : value]));
    expect(presetOf({ ...none, ...set })).toBe(id);
    expect(presetOf({ ...none, ...set, garbage: 1 })).toBeNull();
  }
  expect(presetOf(none)).toBeNull();
});

test("in force is what differs from a provider that does nothing wrong", () => {
  expect(activeFaults(none)).toEqual([]);
  expect(activeFaults({ ...none, cut_bytes: 0, cut_with: "rst", hostile: "bomb", accept: "hold" })).toEqual([["cut_bytes", 0], ["hostile", "bomb"], ["accept", "hold"]]);
});

test("each order first takes away what was there", () => {
  expect(presetPath("limited", null)).toBe("/control/faults?reset=1&status=429&retry_after=30");
  expect(presetPath("stall", 1)).toBe("/control/faults?reset=1&stall=1&count=1");
  expect(NO_FAULTS).toBe("/control/faults?reset=1");
});

test("an answer of something else is no simulator's", () => {
  expect(readSimulator('{"arrivals":1,"rejected":0,"verdicts":{},"faults":{}}')).not.toBeNull();
  for (const text of ["", "null", "[]", "{}", "<html>", '"arrivals"'])
    expect(readSimulator(text), text).toBeNull();
});
