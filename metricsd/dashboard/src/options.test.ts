import { expect, test } from "vitest";

import table from "../../../common/options.def?raw";
import { findOptions, optionRows, options } from "./options";
import type { Views } from "./state";

const views: Views = {
  "gateway.configuration": { options: { LOG_LEVEL: "debug", CLIENT_ID: "set", ADMIN_TOKEN: "", WAITERS_MAX: "10000" }, port: 5000 },
  "scheduler.configuration": { options: { LOG_LEVEL: "info", RATE_LIMIT_SECONDS: "1", WAITERS_MAX: "10000", OF_TOMORROW: "7" } },
  "fetcher.breaker": { state: "closed", failures: 0, fail_max: 3, last_reason: null, opened_at_us: null, probe_at_us: null, tripped: false },
};
const names = (rows: { name: string }[]) => rows.map((row) => row.name);

test("every row of the table is read, with its help", () => {
  expect(options.length).toBe(table.match(/^OPTION\(/gm)?.length);
  expect(options.filter((option) => option.help === "" || option.unit === "")).toEqual([]);
  expect(options.find((option) => option.name === "QUEUE_POLICY")).toMatchObject({ type: "CHOICE", fallback: "fifo", unit: "fifo|priority|fair" });
});

test("equal values stand together, in the order of the table; what the page does not know comes last", () => {
  const rows = optionRows(views);

  expect(names(rows)).toEqual(["CLIENT_ID", "RATE_LIMIT_SECONDS", "WAITERS_MAX", "ADMIN_TOKEN", "LOG_LEVEL", "OF_TOMORROW"]);
  expect(rows.find((row) => row.name === "WAITERS_MAX")?.given).toEqual([{ value: "10000", processes: ["gateway", "scheduler"] }]);
  expect(rows.find((row) => row.name === "LOG_LEVEL")?.given).toEqual([
    { value: "debug", processes: ["gateway"] },
    { value: "info", processes: ["scheduler"] },
  ]);
  expect(rows.at(-1)).toMatchObject({ option: null, changed: false });
});

test("changed: another value than the default, however that is written", () => {
  expect(names(findOptions(optionRows(views), "", "changed"))).toEqual(["LOG_LEVEL"]);
  expect(names(findOptions(optionRows({ "gateway.configuration": { options: { ADMIN_TOKEN: "set" } } }), "", "changed"))).toEqual(["ADMIN_TOKEN"]);
  expect(names(findOptions(optionRows({ "fetcher.configuration": { options: { UPSTREAM_CA_FILE: "" } } }), "", "changed"))).toEqual([]);
});

test("search: every word, in name, value, help or process", () => {
  const rows = optionRows(views);

  expect(names(findOptions(rows, "  log LEVEL ", "all"))).toEqual(["LOG_LEVEL"]);
  expect(names(findOptions(rows, "debug", "all"))).toEqual(["LOG_LEVEL"]);
  expect(names(findOptions(rows, "window arrive", "all"))).toEqual(["RATE_LIMIT_SECONDS"]);
  expect(names(findOptions(rows, "", "differing"))).toEqual(["LOG_LEVEL"]);
  expect(findOptions(rows, "no such thing", "all")).toEqual([]);
});
