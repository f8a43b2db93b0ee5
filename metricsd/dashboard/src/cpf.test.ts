import { expect, test } from "vitest";

import { formatCpf, makeCpf, maskCpf, readCpf, readCpfs } from "./cpf";

test.each([
  ["529.982.247-25", "52998224725"],
  ["52998224725", "52998224725"],
  [" 111 444 777 35 ", "11144477735"],
  ["529.982.247-26", null], // a wrong check digit
  ["111.111.111-11", null],
  ["123.456.789-09", null],
  ["5299822472", null],
  ["529982247250", null],
  ["", null],
])("%s is read as %s", (text, digits) => expect(readCpf(text)).toBe(digits));

test("shown whole, and masked", () => {
  expect(formatCpf("52998224725")).toBe("529.982.247-25");
  expect(maskCpf("52998224725")).toBe("***.***.***-25");
});

test("made-up ones are good, and no two alike", () => {
  const made = Array.from({ length: 2000 }, (_, i) => makeCpf(i));

  expect(new Set(made).size).toBe(2000);
  expect(made.every((cpf) => readCpf(cpf) === cpf)).toBe(true);
});

test("a list names its bad lines", () => {
  expect(readCpfs("529.982.247-25\n\nnot one # of ours\n11144477735 # a comment\r\n# nothing\n")).toEqual({
    good: ["52998224725", "11144477735"],
    bad: [{ line: 3, text: "not one" }],
  });
});
