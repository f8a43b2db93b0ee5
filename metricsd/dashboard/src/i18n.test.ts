import { expect, test } from "vitest";

import { firstLanguage } from "./i18n";

test.each([
  ["pt", ["en-GB"], "pt"],
  [null, ["pt-BR", "en"], "pt"],
  [null, ["de", "en-US"], "en"],
  ["xx", ["fr"], "en"],
  [null, [], "en"],
] as const)("stored %s, browser %j: %s", (stored, wanted, language) => {
  expect(firstLanguage(stored, wanted)).toBe(language);
});
