// truth.test.ts - each panel tells what is so: beside metricsd's state and the provider's own log.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { card, launch, numbers, open, picture, stat } from "./browser";
import { cpf, Stack, until } from "./stack";

let stack: Stack;
let browser: Browser;
let page: Page;
let errors: string[];

beforeAll(async () => {
  [stack, browser] = await Promise.all([Stack.start({ RATE_LIMIT_SECONDS: "0.1", CACHE_TTL_SECONDS: "600" }), launch()]);
  ({ page, errors } = await open(browser, stack.dashboard));
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

test("totals, cache, sends and latency are those of the processes and of the provider", async () => {
  const cpfs = Array.from({ length: 12 }, (_, i) => cpf(i));

  expect(await stack.ask([...cpfs, ...cpfs.slice(0, 4)])).toEqual(Array(16).fill(200)); // four of them share a call, or come late enough for a hit
  expect(await stack.ask(cpfs)).toEqual(Array(12).fill(200)); // all hits
  expect(await stack.ask(["123"])).toEqual([400]);
  const arrivals = await stack.arrivals();
  const gaps = arrivals.slice(1).map((arrival, i) => (arrival.ns - (arrivals[i]?.ns ?? 0)) / 1e9);
  expect(arrivals).toHaveLength(12);

  await until(async () => (await stat(card(page, "Requests"), "in all")) === 29, "all requests are shown");
  expect(await stat(card(page, "Requests"), "successful")).toBe(28);
  expect(await stat(card(page, "Requests"), "failed")).toBe(1);
  expect(await stat(card(page, "Requests"), "waiting")).toBe(0);
  const cache = card(page, "Cache");
  expect((await stat(cache, "hits")) + (await stat(cache, "calls shared"))).toBe(16);
  expect(await stat(cache, "slots saved")).toBe(16);
  await expect.poll(() => stat(cache, "answers kept")).toBe(12);

  const sends = card(page, /^Sends/);
  expect(await stat(sends, "violations")).toBe(0);
  expect(await stat(sends, "429 by the provider")).toBe(0);
  const smallest = await until(async () => stat(sends, /smallest gap/), "the smallest gap is shown");
  expect(smallest).toBeGreaterThanOrEqual(100);
  expect(Math.abs(smallest - Math.min(...gaps) * 1000)).toBeLessThan(100); // sends are not arrivals: a busy machine is late in between
  const state = await stack.state();
  expect(state.slots.sent).toHaveLength(12);
  expect(state.values["fetcher.upstream_requests_total"]).toBe(12);
  await page.getByText("as a table").first().click();
  await expect.poll(() => sends.getByRole("row").count()).toBe(13);
  expect(errors).toEqual([]);
});

test("who waits is shown in the order in which they are served", async () => {
  await stack.admin("POST", "pause");
  await until(async () => (await stack.value("scheduler.paused")) === 1, "paused");
  const waiting = Promise.all([20, 21, 22].map(async (number, i) => {
    await new Promise((done) => setTimeout(done, i * 60)); // one after the other
    return stack.ask([cpf(number)], `&priority=${9 - i}&client_id=c${i}`);
  }));

  await page.goto(`${stack.dashboard}/#queue`);
  const table = page.getByRole("table", { name: "Queue" });
  await expect.poll(() => table.getByRole("row").count()).toBe(4);
  expect(await numbers(table, 2)).toEqual([9, 8, 7]); // class, in the order of coming
  await picture(page, "queue");
  await stack.admin("PUT", "policy", { policy: "priority" });
  await expect.poll(() => numbers(table, 2)).toEqual([7, 8, 9]);
  await stack.admin("POST", "resume");
  expect((await waiting).flat()).toEqual([200, 200, 200]);
  await expect.poll(() => page.getByText("Nobody waits for a slot.").count()).toBe(1);
  expect(errors).toEqual([]);
});

test("events are told as they come, masked, and can be searched and held", async () => {
  await page.goto(`${stack.dashboard}/#events`);
  await stack.ask([cpf(40)]);
  const table = page.getByRole("table", { name: /Event/ });
  await expect.poll(() => table.innerText()).toContain("granted");
  expect(await page.content()).not.toMatch(new RegExp(cpf(40)));
  expect(errors).toEqual([]);
});

test("refusals are told by their reasons", async () => {
  await page.goto(`${stack.dashboard}/#overview`);
  await stack.faults("status=500");
  expect(await stack.ask([cpf(50)], "&client_id=x")).toEqual([500]);
  await stack.faults("reset=1");
  await stack.admin("POST", "breaker", { action: "trip" });
  expect(await stack.ask([cpf(51)])).toEqual([503]);
  await expect.poll(() => card(page, /by reason/).innerText()).toContain("the breaker is open");
  await stack.admin("POST", "breaker", { action: "reset" });
  expect(errors).toEqual([]);
});
