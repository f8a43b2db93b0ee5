import { expect, test } from "vitest";

import { bytes, clock, count, countdown, decimal, duration, exact, percent, typed } from "./format";

test.each([
  [0, "0 µs", "0 µs"],
  [850, "850 µs", "850 µs"],
  [999.6, "1 ms", "1 ms"],
  [12_340, "12.3 ms", "12,3 ms"],
  [999_499, "999 ms", "999 ms"],
  [1_250_000, "1.25 s", "1,25 s"],
  [59_949_000, "59.9 s", "59,9 s"],
  [59_960_000, "1 min 00 s", "1 min 00 s"],
  [125_000_000, "2 min 05 s", "2 min 05 s"],
  [12_000_000_000, "3 h 20 min", "3 h 20 min"],
  [353_000_000_000, "4 d 2 h", "4 d 2 h"],
  [-2_500, "-2.5 ms", "-2,5 ms"],
  [null, "–", "–"],
] as const)("a duration of %s us", (us, english, portuguese) => {
  expect(duration("en", us)).toBe(english);
  expect(duration("pt", us)).toBe(portuguese);
});

test.each([
  [12_345_678, "12.3 s"],
  [3_000_000, "3.0 s"],
  [-5, "0.0 s"],
  [90_000_000, "1 min 30 s"],
  [undefined, "–"],
])("what remains of %s us", (us, text) => expect(countdown("en", us)).toBe(text));

test("numbers", () => {
  expect(count("en", 12345)).toBe("12,345");
  expect(count("pt", 12345)).toBe("12.345");
  expect(count("en", NaN)).toBe("–");
  expect(decimal("pt", 0.5)).toBe("0,5");
  expect(percent("en", 0.9344)).toBe("93.4 %");
  expect(exact("en", 1_000_420)).toBe("1.0004 s");
  expect(exact("pt", 250_090)).toBe("250,1 ms");
  expect(exact("en", null)).toBe("–");
  expect(bytes("en", 4_200_000)).toBe("4.2 MB");
});

test("points in time are those of the reader's zone", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime() * 1000;
  expect(clock(at)).toBe("03:04:05");
  expect(clock(at, true)).toBe("03:04:05.006");
});

test.each([["1.5", 1.5], ["1,5", 1.5], [" 7 ", 7], ["", NaN], ["x", NaN], ["1,5,2", NaN]])("%s is typed as a number", (text, value) => {
  expect(typed(text)).toBe(value);
});
