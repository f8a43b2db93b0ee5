import { expect, test } from "vitest";

import { cameSince, choices, eventText, everything, filterEvents } from "./events";
import { madeEvent } from "./made";
import { EVENTS_MAX } from "./merge";
import type { EventInfo } from "./state";

const events: EventInfo[] = [
  { ...madeEvent(4), process: "scheduler", event: "hold", reason: "hold", value: 30e6, attempt: 7 },
  { ...madeEvent(3), process: "fetcher", event: "sent", reason: "none", value: 850, request: "abc-123" },
  { ...madeEvent(2), process: "scheduler", event: "control_policy", note: "fair, by 127.0.0.1" },
  { ...madeEvent(1), process: "scheduler", event: "new_one", value: 5 },
];

test.each([
  [0, "the provider asks to wait for 30 s: the provider has asked to wait", "o provedor pede para esperar 30 s: o provedor pediu para esperar"],
  [1, "written to the provider, 850 µs late", "escrita ao provedor, 850 µs de atraso"],
  [2, "an operator has changed the policy (fair, by 127.0.0.1)", "um operador mudou a política (fair, by 127.0.0.1)"],
  [3, "new_one", "new_one"],
] as const)("event %s in words", (index, english, portuguese) => {
  expect(eventText(events[index]!, "en")).toBe(english);
  expect(eventText(events[index]!, "pt")).toBe(portuguese);
});

test.each([
  [{}, [4, 3, 2, 1]],
  [{ process: "fetcher" }, [3]],
  [{ process: "scheduler", kind: "hold" }, [4]],
  [{ text: "ABC-12" }, [3]],
  [{ text: "operator fair" }, [2]],
  [{ text: "operator nothing" }, []],
] as const)("filter %j", (filter, ids) => {
  expect(filterEvents(events, { ...everything, ...filter }, "en").map((event) => event.id)).toEqual(ids);
});

test("choices", () => {
  expect(choices(events, "process")).toEqual(["fetcher", "scheduler"]);
  expect(choices(events, "event")).toEqual(["control_policy", "hold", "new_one", "sent"]);
});

test("what came while it was paused", () => {
  expect(cameSince(events, 2)).toEqual({ came: 2, more: false });
  expect(cameSince(Array.from({ length: EVENTS_MAX }, (_, i) => madeEvent(1000 - i)), 1)).toEqual({ came: EVENTS_MAX, more: true });
});
