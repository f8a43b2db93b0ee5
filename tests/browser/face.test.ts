// face.test.ts - the page for everybody: no violation of WCAG AA in either theme, at a desk and in a hand, in two languages;
// quick, small, and of one piece.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { accessibility, launch, open, picture, root } from "./browser";
import { cpf, Stack, until } from "./stack";

const sections = ["overview", "queue", "control", "query", "bursts", "latency", "events", "processes", "configuration"];
let stack: Stack;
let browser: Browser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([Stack.start({ RATE_LIMIT_SECONDS: "0.5", CACHE_TTL_SECONDS: "2" }), launch()]);
  await stack.ask([cpf(1), cpf(2), cpf(3)], "&client_id=first");
  for (let client = 0; client < 4; client++)
    void stack.ask(Array.from({ length: 10 }, (_, i) => cpf(10 + 10 * client + i)), `&client_id=c${client}&priority=${5 * client}`).catch(() => []);
  await until(async () => (await stack.value("scheduler.queue_length")) > 10, "a queue");
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

test.each([["light", 1440, 900], ["dark", 390, 844]] as const)("%s at %d pixels: nothing that keeps anybody out", async (scheme, width, height) => {
  const { page, context, errors } = await open(browser, stack.dashboard, { colorScheme: scheme, viewport: { width, height } });

  for (const section of sections) {
    await page.goto(`${stack.dashboard}/#${section}`);
    await page.getByRole("main").getByRole("region").nth(1).waitFor();
    expect(await accessibility(page), section).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide, `${section} is wider than the screen`).toBeLessThanOrEqual(width);
    if (section === "overview") {
      await picture(page, `overview-${scheme}`);
      if (width === 1440) expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(height);
    }
  }
  expect(errors).toEqual([]);
  await context.close();
});

test("language and theme are kept", async () => {
  const { page, context } = await open(browser, stack.dashboard, { locale: "pt-BR" });

  await page.getByRole("link", { name: "Visão geral" }).waitFor(); // the browser's own
  await page.getByRole("button", { name: "EN" }).click();
  await page.getByRole("link", { name: "Overview" }).waitFor();
  await page.getByRole("button", { name: "Dark" }).click();
  await page.reload();
  await page.getByRole("link", { name: "Overview" }).waitFor();
  expect(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset["theme"]])).toEqual(["en", "dark"]);
  await context.close();
});

test("nothing comes from elsewhere, and nothing inline runs", async () => {
  const page = await (await browser.newContext()).newPage();
  const hosts = new Set<string>();

  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  const answer = await page.goto(stack.dashboard);
  await page.getByRole("main").getByRole("region").first().waitFor();
  const policy = (await answer?.allHeaders())?.["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  expect([...hosts].filter((host) => host !== "")).toEqual([new URL(stack.dashboard).host]);
  await page.context().close();
});

test("150 kB at most, compressed", () => {
  const folder = join(root, "build/release/metricsd/dashboard");
  const bytes = ["index.html", "app.css", "app.js"].map((name) => gzipSync(readFileSync(join(folder, name))).length);

  expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(150_000);
});

test("painted within a second", async () => {
  const paints: number[] = [];

  for (let i = 0; i < 5; i++) {
    const { page, context } = await open(browser, stack.dashboard);
    await page.getByRole("main").waitFor();
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity));
    await context.close();
  }
  expect(Math.min(...paints)).toBeLessThan(1000); // of a busy machine
});
