import { expect, test } from "vitest";

import table from "../../../common/reason.h?raw";
import { reasons, reasonText, refusals } from "./reasons";

test("every reason of common/reason.h has words in both languages, and no other", () => {
  const names = [...table.matchAll(/\bREASON\([A-Z_0-9]+, "(\w+)"/g)].map((match) => match[1]);

  expect(names.length).toBeGreaterThan(30);
  expect(Object.keys(reasons.en).sort()).toEqual(names.sort());
  expect(Object.keys(reasons.pt).sort()).toEqual(names.sort());
});

test("a reason that the page does not know yet stands for itself", () => {
  expect(reasonText(reasons.en, "hold")).toBe("the provider has asked to wait");
  expect(reasonText(reasons.en, "toString2")).toBe("toString2");
});

test("refusals: those of the gateways, the most frequent first", () => {
  const values = {
    'gateway.refused_total{reason="hold"}': 2,
    'gateway.refused_total{reason="queue_full"}': 31,
    'gateway.refused_total{reason="displaced"}': 2,
    'gateway.refused_total{reason="removed"}': 0,
    'scheduler.refused_total{reason="queue_full"}': 40,
    "gateway.requests_total": 99,
  };
  expect(refusals(values)).toEqual([
    { reason: "queue_full", count: 31 },
    { reason: "displaced", count: 2 },
    { reason: "hold", count: 2 },
  ]);
});
