import { expect, test } from "vitest";

import { orderOf, type BurstForm } from "./burst";

const form: BurstForm = { kind: "repeat", list: [], cpf: "52998224725", repeat: "5", made: "3", client: "", priority: "", concurrency: "", rate: "" };
const make = (number: number) => `cpf${number}`;

test.each<[string, Partial<BurstForm>, unknown]>([
  ["one again and again", {}, { cpf: "52998224725", repeat: 5 }],
  ["a list", { kind: "list", list: ["a", "b"] }, { cpfs: ["a", "b"] }],
  ["made-up ones", { kind: "made" }, { cpfs: ["cpf0", "cpf1", "cpf2"] }],
  ["with everything", { client: " billing ", priority: "0, 10", concurrency: "4", rate: "2.5" },
    { cpf: "52998224725", repeat: 5, client_id: "billing", priority: [0, 10], concurrency: 4, rate: 2.5 }],
  ["one priority is a number", { priority: "7" }, { cpf: "52998224725", repeat: 5, priority: 7 }],
  ["an empty list", { kind: "list" }, ["empty"]],
  ["a list that is too long", { kind: "list", list: Array.from({ length: 101 }, () => "a") }, ["empty"]],
  ["no CPF, no number", { cpf: null, repeat: "many" }, ["count", "cpf"]],
  ["too many", { kind: "made", made: "101" }, ["count"]],
  ["half a request", { repeat: "1.5" }, ["count"]],
  ["bad numbers", { priority: "100", concurrency: "0", rate: "0" }, ["priority", "concurrency", "rate"]],
  ["a hole in the priorities", { priority: "1,,2" }, ["priority"]],
  ["17 priorities", { priority: Array.from({ length: 17 }, () => "1").join() }, ["priority"]],
])("%s", (_, change, wanted) => expect(orderOf({ ...form, ...change }, 100, make)).toEqual(wanted));
