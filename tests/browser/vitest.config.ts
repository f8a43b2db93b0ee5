import { defineConfig } from "vitest/config";

const compose = "compose.test.ts"; // of a stack that deploy/test has started
const given = "SLUICE_DASHBOARD" in process.env;

export default defineConfig({
  test: {
    include: [given ? compose : "*.test.ts"],
    exclude: given ? [] : [compose],
    expect: { poll: { timeout: 10_000, interval: 50 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    minWorkers: 1,
  },
});
