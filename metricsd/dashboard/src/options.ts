// options.ts - the options of the processes (views *.configuration) beside the table they come from (common/options.def):
// what is set, where it differs, and what each is for. Pure.
import table from "../../../common/options.def?raw";
import type { ConfigurationView, Views } from "./state";

export interface Option {
  name: string;
  type: string; // TEXT, SECRET, INT, SECONDS, BOOL, CHOICE
  fallback: string; // what holds when nothing is set
  unit: string;
  help: string;
}

/** One option as the processes have it: equal values together. */
export interface OptionRow {
  name: string;
  option: Option | null; // null: of a newer process than this page
  given: { value: string; processes: string[] }[];
  changed: boolean; // one of them is not the default
}

export type Which = "all" | "changed" | "differing";

const ROW = /^OPTION\((\w+), \w+, "(\w+)", "((?:[^"\\]|\\.)*)", [^,]+, [^,]+, "([^"]*)", [A-Z_ |]+, "((?:[^"\\]|\\.)*)"\)/gm;

export function readOptions(text: string): Option[] {
  return [...text.matchAll(ROW)].map(([, type = "", name = "", fallback = "", unit = "", help = ""]) => ({ name, type, fallback, unit, help: help.replace(/\\(.)/g, "$1") }));
}

export const options = readOptions(table);

/** 1, 1.0 and 1.000000 are the same setting. */
function same(a: string, b: string): boolean {
  return a === b || (a !== "" && b !== "" && Number(a) === Number(b));
}

/** What a secret is set to nobody is told: a default that is one counts as unchanged. */
function isChanged(option: Option, value: string): boolean {
  return option.type === "SECRET" ? option.fallback === "" && value !== "" : !same(value, option.fallback);
}

/** In the order of the table; what it does not know comes last. */
export function optionRows(views: Views): OptionRow[] {
  const rows = new Map<string, OptionRow>(options.map((option) => [option.name, { name: option.name, option, given: [], changed: false }]));

  for (const [view, process] of Object.keys(views).sort().map((name) => [name, name.split(".")[0] ?? ""] as const)) {
    if (!view.endsWith(".configuration"))
      continue;
    for (const [name, value] of Object.entries((views[view as keyof Views] as ConfigurationView).options)) {
      const row = rows.get(name) ?? { name, option: null, given: [], changed: false };
      const equal = row.given.find((one) => same(one.value, value));
      rows.set(name, row);
      if (equal)
        equal.processes.push(process);
      else
        row.given.push({ value, processes: [process] });
      row.changed ||= row.option !== null && isChanged(row.option, value);
    }
  }
  return [...rows.values()].filter((row) => row.given.length > 0);
}

/** Those with every word of the search in name, value or help. */
export function findOptions(rows: OptionRow[], search: string, which: Which): OptionRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);

  return rows.filter((row) => {
    const all = [row.name, row.option?.help ?? "", ...row.given.flatMap((one) => [one.value, ...one.processes])].join(" ").toLowerCase();
    return words.every((word) => all.includes(word)) && (which !== "changed" || row.changed) && (which !== "differing" || row.given.length > 1);
  });
}
