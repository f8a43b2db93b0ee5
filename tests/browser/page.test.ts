import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";

import { accessibility, launch, open, picture } from "./browser";
import { Stack } from "./stack";

let stack: Stack;
let browser: Browser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([Stack.start({ RATE_LIMIT_SECONDS: "0.2" }), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

test("opens", async () => {
  const { page, errors } = await open(browser, stack.dashboard);
  await page.getByRole("heading", { name: "Sluice" }).first().waitFor();
  expect(await accessibility(page)).toEqual([]);
  await picture(page, "first");
  expect(errors).toEqual([]);
});
