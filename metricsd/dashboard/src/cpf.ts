// cpf.ts - CPFs as gateway/cpf.c reads them: any characters between the digits, eleven digits, two of them to check. A CPF is
// personal data: it is shown masked as soon as it has been sent, and never kept.

const DIGITS = 11;

/** What makes `count` digits of it one longer. */
function checkDigit(digits: string, count: number): string {
  let sum = 0;

  for (let i = 0; i < count; i++)
    sum += Number(digits[i]) * (count + 1 - i);
  const rest = sum % 11;
  return String(rest < 2 ? 0 : 11 - rest);
}

/** Its eleven digits, or null where it is none. */
export function readCpf(text: string): string | null {
  const digits = text.replace(/[^0-9]/g, "");

  if (digits.length !== DIGITS || /^(.)\1*$/.test(digits) || digits === "12345678909")
    return null;
  return checkDigit(digits, 9) === digits[9] && checkDigit(digits, 10) === digits[10] ? digits : null;
}

/** 529.982.247-25 */
export function formatCpf(digits: string): string {
  return `${digits.slice(0, 3)}.${digits.slice(3, 6)}.${digits.slice(6, 9)}-${digits.slice(9)}`;
}

/** ***.***.***-25, as in logs and results. */
export function maskCpf(digits: string): string {
  return `***.***.***-${digits.slice(9)}`;
}

/** A made-up one: the number's own, so that a list of them has no two alike. */
export function makeCpf(number: number): string {
  const first = String(100_000_000 + ((number * 7919) % 899_999_981));
  const nine = first + checkDigit(first, 9);
  const made = nine + checkDigit(nine, 10);

  return readCpf(made) ?? makeCpf(number + 500_000_000);
}

/** The lines of a list or a file: the good ones, and how many are none. Empty lines and what follows a # do not count. */
export function readCpfs(text: string): { good: string[]; bad: { line: number; text: string }[] } {
  const good: string[] = [];
  const bad: { line: number; text: string }[] = [];

  text.split(/\r?\n/).forEach((line, i) => {
    const told = line.replace(/#.*/, "").trim();
    const cpf = told === "" ? null : readCpf(told);
    if (cpf !== null)
      good.push(cpf);
    else if (told !== "")
      bad.push({ line: i + 1, text: told.slice(0, 20) });
  });
  return { good, bad };
}
