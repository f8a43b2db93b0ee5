import { expect, test } from "vitest";

import { sectionOf } from "./route";

test.each([["#events", "events"], ["", "overview"], ["#content", "overview"], ["#EVENTS", "overview"]] as const)("%s", (hash, section) => {
  expect(sectionOf(hash, ["overview", "events"])).toBe(section);
});
