// format.ts - numbers, durations and points in time as people of both languages write them. Durations and times are
// microseconds; null (nobody knows) is a dash everywhere.
import type { Language } from "./i18n";

const locale: Record<Language, string> = { en: "en-GB", pt: "pt-BR" };
const made = new Map<string, Intl.NumberFormat>();
const NOTHING = "–";

function number(language: Language, digits: number, most = digits): Intl.NumberFormat {
  const key = `${language}${digits}${most}`;
  const format =
    made.get(key) ??
    new Intl.NumberFormat(locale[language], { minimumFractionDigits: digits, maximumFractionDigits: most });

  made.set(key, format);
  return format;
}

type Maybe = number | null | undefined;
const missing = (value: Maybe): value is null | undefined => value === null || value === undefined || !Number.isFinite(value);

/** 12,345 */
export function count(language: Language, value: Maybe): string {
  return missing(value) ? NOTHING : number(language, 0).format(value);
}

/** 12.5; whole numbers without a fraction. */
export function decimal(language: Language, value: Maybe, most = 1): string {
  return missing(value) ? NOTHING : number(language, 0, most).format(value);
}

/** 93.4 % of a share between 0 and 1. */
export function percent(language: Language, share: Maybe): string {
  return missing(share) ? NOTHING : `${number(language, 0, 1).format(share * 100)} %`;
}

/** Three digits that count, and a unit: 850 µs, 12.3 ms, 1.25 s, 2 min 05 s, 3 h 20 min, 4 d 2 h. */
export function duration(language: Language, us: Maybe): string {
  if (missing(us))
    return NOTHING;
  const size = Math.abs(us);
  const scaled = (unit: number, name: string) => {
    const value = us / unit;
    const digits = Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
    return `${number(language, 0, digits).format(value)} ${name}`;
  };

  if (size < 999.5)
    return `${number(language, 0).format(us)} µs`;
  if (size < 999_500)
    return scaled(1e3, "ms");
  if (size < 59_950_000)
    return scaled(1e6, "s");
  return long(us);
}

function long(us: number): string {
  const seconds = Math.round(Math.abs(us) / 1e6);
  const sign = us < 0 ? "-" : "";
  const two = (value: number) => String(value).padStart(2, "0");

  if (seconds < 3600)
    return `${sign}${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86400)
    return `${sign}${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${sign}${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** As long as a duration, yet exact to 0.1 ms where that decides: 1.0004 s, 250.1 ms. */
export function exact(language: Language, us: Maybe): string {
  if (missing(us))
    return NOTHING;
  return us < 1e6 ? `${number(language, 0, 1).format(us / 1e3)} ms` : `${number(language, 0, 4).format(us / 1e6)} s`;
}

/** What remains, in steps that can be read while it runs: 12.3 s, then as a duration. Never below 0. */
export function countdown(language: Language, us: Maybe): string {
  if (missing(us))
    return NOTHING;
  return us < 59_950_000 ? `${number(language, 1).format(Math.max(0, us) / 1e6)} s` : long(us);
}

/** 14:03:27, or 14:03:27.041, of the reader's time zone. */
export function clock(at_us: Maybe, withMs = false): string {
  if (missing(at_us))
    return NOTHING;
  const at = new Date(at_us / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMs ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
}

/** 4.2 MB */
export function bytes(language: Language, value: Maybe): string {
  if (missing(value))
    return NOTHING;
  const step = value >= 1e9 ? 3 : value >= 1e6 ? 2 : value >= 1e3 ? 1 : 0;
  return `${number(language, 0, 1).format(value / 1000 ** step)} ${["B", "kB", "MB", "GB"][step]}`;
}

/** A number as people of both languages type it, 1.5 or 1,5; NaN where it is none. */
export function typed(text: string): number {
  const told = text.trim().replace(",", ".");

  return told === "" ? NaN : Number(told);
}
