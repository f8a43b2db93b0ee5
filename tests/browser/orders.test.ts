// orders.test.ts - what is ordered on the page happens in the processes: policy, pause, breaker, queue, bursts, query, faults.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { card, launch, numbers, open, picture, stat } from "./browser";
import { cpf, Stack, until } from "./stack";

const TOKEN = "a-token-of-this-test";
let stack: Stack;
let browser: Browser;
let page: Page;
let errors: string[];

beforeAll(async () => {
  [stack, browser] = await Promise.all([Stack.start({ RATE_LIMIT_SECONDS: "0.2", ADMIN_TOKEN: TOKEN }), launch()]);
  ({ page, errors } = await open(browser, stack.dashboard));
});
afterEach(() => expect(errors.filter((error) => !error.includes("401"))).toEqual([]));
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

const go = (section: string) => page.goto(`${stack.dashboard}/#${section}`);
const button = (name: string | RegExp) => page.getByRole("button", { name, ...(typeof name === "string" ? { exact: true } : {}) });

test("the token is asked for once, and a wrong one again", async () => {
  await go("control");
  await button("Pause sending").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("ADMIN_TOKEN").fill("wrong");
  await page.keyboard.press("Enter");
  await expect.poll(() => dialog.innerText()).toContain("That was not it.");
  expect(await stack.value("scheduler.paused")).toBe(0);
  await dialog.getByLabel("ADMIN_TOKEN").fill(TOKEN);
  await page.keyboard.press("Enter");
  await until(async () => (await stack.value("scheduler.paused")) === 1, "paused");
  await button("Resume").click();
  await until(async () => (await stack.value("scheduler.paused")) === 0, "not paused");
  expect(await page.getByRole("dialog").count()).toBe(0);
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(TOKEN);
});

test("the policy reorders the real queue, by the keyboard alone", async () => {
  await go("control");
  await button("Pause sending").click();
  await until(async () => (await stack.value("scheduler.paused")) === 1, "paused");
  const waiting = [30, 20, 10].map((priority, i) => stack.ask([cpf(100 + i)], `&priority=${priority}`));
  await until(async () => (await stack.value("scheduler.queue_length")) === 3, "three wait");

  await page.getByRole("radio", { name: /^fifo/ }).focus();
  await page.keyboard.press("ArrowDown");
  await until(async () => (await stack.value('scheduler.policy{policy="priority"}')) === 1, "policy priority");
  await expect.poll(() => page.getByRole("radio", { name: /^priority/ }).isChecked()).toBe(true);
  await go("queue");
  const table = page.getByRole("table", { name: "Queue" });
  await expect.poll(() => numbers(table, 2)).toEqual([10, 20, 30]);

  await button("Remove the request at place 1").click();
  await expect.poll(() => numbers(table, 2)).toEqual([20, 30]);
  expect(await waiting[2]).toEqual([503]);
  await go("control");
  await button("Resume").click();
  expect([await waiting[0], await waiting[1]]).toEqual([[200], [200]]);
  const order = (await stack.arrivals()).length;
  expect(order).toBe(2); // no slot for who was removed
});

test("the breaker is opened and closed", async () => {
  await go("control");
  const tile = card(page, "Circuit breaker");
  await tile.getByRole("button", { name: "Open it" }).click();
  await page.getByRole("dialog").getByLabel("for so many seconds").fill("60");
  await page.keyboard.press("Enter");
  await expect.poll(() => tile.innerText()).toContain("open");
  expect(await stack.ask([cpf(200)])).toEqual([503]);
  await tile.getByRole("button", { name: "Close it" }).click();
  await expect.poll(() => tile.innerText()).toContain("closed");
  expect(await stack.ask([cpf(200)])).toEqual([200]);
});

test("a query is answered and explained, a bad CPF is not even sent", async () => {
  await go("query");
  const before = (await stack.arrivals()).length;
  await page.getByLabel("CPF").fill("529.982.247-26");
  await button("Ask").click();
  expect(await card(page, "Manual query").innerText()).toContain("eleven digits");
  await page.getByLabel("CPF").fill("529.982.247-25");
  await button("Ask").click();
  await expect.poll(() => card(page, "Manual query").innerText()).toContain('"score": 308');
  expect(await card(page, "Manual query").innerText()).toContain("asked of the provider: the cache had none");
  await button("Ask").click();
  await expect.poll(() => card(page, "Manual query").innerText()).toContain("from the cache, fresh for another");
  expect((await stack.arrivals()).length).toBe(before + 1);
  await picture(page, "query");
});

test("a burst of 100 runs with live progress, and is stopped", async () => {
  await go("bursts");
  const arrived = (await stack.arrivals()).length;
  await page.getByLabel("How many").fill("100");
  await button("Start").click();
  const progress = card(page, "Progress");
  const ended = async () => Number(/(\d+) of 100/.exec(await progress.innerText())?.[1] ?? NaN);

  const first = await until(ended, "some have ended");
  await expect.poll(ended).toBeGreaterThan(first);
  await picture(page, "bursts");
  // Meanwhile the rest of the page goes on: the numbers of metricsd change every second, whatever the burst does.
  await go("overview");
  const shown = () => stat(card(page, "Requests"), "successful");
  const then = await until(shown, "a number");
  await expect.poll(shown, { timeout: 2500 }).toBeGreaterThan(then);
  await go("bursts");
  await button("List them").click();
  await button(/Show the burst of 100/).click();
  await progress.getByRole("button", { name: "Stop it" }).click();
  await expect.poll(() => progress.innerText()).toContain("stopped");
  const spent = (await stack.arrivals()).length - arrived;
  expect(spent).toBeLessThan(100);
  expect(await page.content()).toMatch(/\*\*\*\.\*\*\*\.\*\*\*-\d\d/);
});

test("a list from a file, with one CPF that is none", async () => {
  await go("bursts");
  await button("A list").click();
  await page.getByLabel("From a .txt file").setInputFiles({
    name: "cpfs.txt", mimeType: "text/plain", buffer: Buffer.from("529.982.247-25\nnot one\n111.444.777-35\n"),
  });
  await expect.poll(() => card(page, "Bursts").innerText()).toContain("2 good, 1 not (lines 2)");
  await button("Start").click();
  await expect.poll(() => card(page, "Progress").innerText()).toMatch(/2 of 2[\s\S]*2 successful/);
});

test("the simulator's faults are set, seen and taken back", async () => {
  await go("control");
  const panel = card(page, /simulator/i);
  await panel.getByRole("button", { name: /503/ }).first().click();
  await until(async () => (await stack.ask([cpf(300 + Math.floor(Math.random() * 1e6))]))[0] === 503, "the provider fails");
  await panel.getByRole("button", { name: "Behave again" }).click();
  await until(async () => {
    await stack.admin("POST", "breaker", { action: "reset" }, TOKEN); // what was on its way may have opened it once more
    return (await stack.ask([cpf(300 + Math.floor(Math.random() * 1e6))]))[0] === 200;
  }, "it behaves again");
});

test("the options of every process can be searched; the token is not among them", async () => {
  await go("configuration");
  await page.getByRole("searchbox").or(page.getByLabel(/search/i)).first().fill("RATE_LIMIT_SECONDS");
  const section = page.getByRole("main");
  await expect.poll(() => section.innerText()).toContain("RATE_LIMIT_SECONDS");
  expect(await page.content()).not.toContain(TOKEN);
});
