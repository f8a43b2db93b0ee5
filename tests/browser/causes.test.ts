// causes.test.ts - "why is mine waiting, and until when": somebody who sees nothing but the page is told the cause and the time.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { card, launch, open, picture, stat } from "./browser";
import { cpf, Stack, until } from "./stack";

let stack: Stack;
let browser: Browser;
let page: Page;
let number = 1000;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    Stack.start({ RATE_LIMIT_SECONDS: "0.5", QUEUE_MAX_SIZE: "5", CIRCUIT_BREAKER_RESET_TIMEOUT: "8", RETRY_MAX: "0" }), launch()]);
  ({ page } = await open(browser, stack.dashboard));
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

const why = () => card(page, /^Why is mine waiting/).innerText();
const fresh = () => cpf(number++);
/** The seconds that are counted down at the right. */
const left = async () => Number(/([\d.]+) s\s*$/.exec((await why()).trim())?.[1] ?? NaN);

test("nothing waits", async () => {
  await expect.poll(why).toMatch(/nobody waits|nothing waits/i);
});

test("the pace alone, until the last is served", async () => {
  const asked = stack.ask(Array.from({ length: 5 }, fresh));

  await expect.poll(why).toMatch(/requests? waits? for (their|its) slot/);
  expect(await why()).toContain("one request in 0.5 s");
  expect(await asked).toEqual(Array(5).fill(200));
});

test("a full queue says so", async () => {
  await stack.admin("POST", "pause");
  const asked = stack.ask(Array.from({ length: 8 }, fresh));

  await expect.poll(why).toMatch(/paused/i);
  await picture(page, "cause-pause");
  await stack.admin("POST", "resume");
  expect((await asked).filter((status) => status === 503)).toHaveLength(3);
  await expect.poll(() => card(page, /by reason/).innerText()).toContain("the queue is full");
});

test("an open breaker counts down to its probe, and closes again", async () => {
  await stack.faults("status=503");
  for (let i = 0; i < 3; i++) await stack.ask([fresh()]);
  await expect.poll(why).toMatch(/breaker is open/i);
  const tile = card(page, "Circuit breaker");
  await expect.poll(() => tile.innerText()).toContain("open");
  expect(await stat(tile, "failures in a row")).toBe(3);
  expect(await tile.getByRole("timer").innerText()).toMatch(/^\d\.\d s$/);
  await picture(page, "cause-breaker");
  await stack.faults("reset=1");
  await until(async () => (await stack.ask([fresh()]))[0] === 200, "the probe is answered", 20);
  await expect.poll(() => tile.innerText()).toContain("closed");
  await expect.poll(why).not.toMatch(/breaker/i);
});

test.each(["scheduler", "fetcher", "gateway"])("a killed %s is shown within 2 s, and so is its successor", async (name) => {
  const health = page.getByRole("list", { name: "Processes" });
  const successor = async () => (await stack.state()).processes.filter((one) => one.process === name && one.up).length === 1;

  await until(successor, `${name} is up`);
  await stack.stopRestarts(name);
  await stack.kill(name);
  await expect.poll(() => health.innerText(), { timeout: 2000 }).toMatch(new RegExp(`✕\\s*${name}`));
  if (name !== "gateway") expect(await why()).toMatch(new RegExp(name));
  await stack.startAgain(name);
  await expect.poll(() => health.innerText()).toMatch(new RegExp(`●\\s*${name}`));
});

test("a stream that stops is stale since a time, and goes on by itself", async () => {
  const state = await stack.state();
  const metricsd = state.processes.find((one) => one.process === "metricsd" && one.up);
  const status = page.getByRole("status").first();

  process.kill(metricsd?.pid ?? 0, "SIGSTOP");
  await expect.poll(() => status.innerText()).toMatch(/stale since \d\d:\d\d:\d\d/);
  await picture(page, "stale");
  process.kill(metricsd?.pid ?? 0, "SIGCONT");
  await expect.poll(() => status.innerText()).toBe("live");
});

test("a hold of 30 s: the provider has asked for it, and the time runs", async () => {
  await stack.faults("status=429&retry_after=30&count=1");
  const asked = stack.ask([fresh()]);

  await expect.poll(why).toMatch(/provider.*(asked|ask) to wait|hold/i);
  const first = await until(left, "a countdown");
  expect(first).toBeGreaterThan(25);
  expect(first).toBeLessThanOrEqual(30.5);
  await expect.poll(left).toBeLessThan(first - 1);
  await picture(page, "cause-hold");
  await stack.kill("scheduler"); // which its successor goes on to respect
  await expect.poll(why).toMatch(/scheduler/i);
  await expect.poll(why).toMatch(/provider.*(asked|ask) to wait|hold/i);
  expect(await until(left, "a countdown")).toBeGreaterThan(15);
  asked.catch(() => []); // the stack stops before that
});
