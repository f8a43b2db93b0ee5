// browser.ts - Debian's Chromium, and what tests ask of a page.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

import { chromium, type Browser, type Locator, type Page } from "playwright-core";

export const root = resolve(new URL(".", import.meta.url).pathname, "../..");
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Pictures are kept here, for people. */
export const pictures = join(root, "build/pictures");

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/** A page whose errors fail the test that asks for them. */
export async function open(browser: Browser, url: string, options: Parameters<Browser["newContext"]>[0] = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  const errors: string[] = [];

  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) errors.push(message.text());
  });
  await page.goto(url);
  return { page, errors, context };
}

/** What axe-core finds wrong, in words. The page's policy lets no script in, so it comes by the debugger's door. */
export async function accessibility(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run: (options: object) => Promise<{ violations: unknown[] }> } }).axe;
    return (await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] })).violations;
  });
  return (found as { id: string; nodes: { target: string[]; failureSummary: string }[] }[]).map(
    (violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}

export async function picture(page: Page, name: string) {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** The panel of that title. */
export function card(page: Page, title: string | RegExp): Locator {
  return page.getByRole("region", typeof title === "string" ? { name: title, exact: true } : { name: title }).first();
}

/** The number beside a label in a panel: 1,234 or 12.5 s (as milliseconds). NaN where nobody knows. */
export async function stat(panel: Locator, label: string | RegExp): Promise<number> {
  const term = panel.locator("dt").filter({ hasText: typeof label === "string" ? new RegExp(`^${label}$`) : label });
  const told = await term.locator("xpath=following-sibling::dd[1]").evaluate((dd) => dd.firstChild?.textContent ?? "");
  const [, number = "", unit = ""] = /^([\d.,]+) ?(\S*)/.exec(told) ?? [];

  return Number(number.replaceAll(",", "")) * ({ s: 1000, "\u00b5s": 0.001 }[unit] ?? 1);
}

/** A column of a table's rows as numbers. */
export async function numbers(table: Locator, column: number): Promise<number[]> {
  return (await table.locator(`tbody tr > :nth-child(${column})`).allInnerTexts()).map(Number);
}
