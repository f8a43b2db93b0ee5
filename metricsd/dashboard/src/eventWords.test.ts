import { expect, test } from "vitest";

import table from "../../../common/decisions.def?raw";
import { eventWords } from "./eventWords";

const rows = [...table.matchAll(/^DECISION\(\w+, "(\w+)", "(\w+)", \w+, \w+, [^"]*, "(\w*)"/gm)];
const kindOf = (measure: string) => (measure === "" ? "none" : measure.endsWith("_us") ? "us" : "count");

test("every decision has words and the right kind of value, and no other has", () => {
  expect(rows.length).toBeGreaterThan(70);
  expect(rows).toHaveLength(table.split("\nDECISION(").length - 1);
  expect(Object.fromEntries(Object.entries(eventWords).map(([name, words]) => [name, words[0]])))
    .toEqual(Object.fromEntries(rows.map((row) => [`${row[1]}.${row[2]}`, kindOf(row[3] ?? "")])));
});

test.each(Object.entries(eventWords))("%s names its value exactly when it has one", (_, [kind, english, portuguese]) => {
  for (const words of [english, portuguese])
    expect(words.split("{}").length - 1).toBe(kind === "none" ? 0 : 1);
});
