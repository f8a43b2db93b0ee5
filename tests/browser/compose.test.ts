// compose.test.ts - the dashboard of a stack in containers, opened from outside through its published ports (deploy/test runs it:
// SLUICE_DASHBOARD is its address, SLUICE_TOKEN its ADMIN_TOKEN).
import { expect, test } from "vitest";

import { launch, open } from "./browser";
import { until } from "./stack";

const dashboard = process.env["SLUICE_DASHBOARD"] ?? "";
const token = process.env["SLUICE_TOKEN"] ?? "";

async function value(name: string): Promise<number> {
  const state = (await (await fetch(`${dashboard}/api/state`)).json()) as { values: Record<string, number> };
  return state.values[name] ?? NaN;
}

test("it opens, lives, and its orders reach the processes", async () => {
  const browser = await launch();

  try {
    const { page, errors } = await open(browser, `${dashboard}/#control`);
    await page.getByRole("button", { name: "Pause sending", exact: true }).click();
    await page.getByRole("dialog").getByLabel("ADMIN_TOKEN").fill(token);
    await page.keyboard.press("Enter");
    await until(async () => (await value("scheduler.paused")) === 1, "paused");
    await page.getByRole("button", { name: "Resume", exact: true }).click(); // the stream has told the page
    await until(async () => (await value("scheduler.paused")) === 0, "not paused");
    expect(errors.filter((error) => !error.includes("401"))).toEqual([]);
  } finally {
    await browser.close();
  }
});
