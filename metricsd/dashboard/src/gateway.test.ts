import { expect, test } from "vitest";

import { languages } from "./i18n";
import { problemOf, troubleOf, troubleText, type Answer, type Trouble } from "./gateway";

const answer = (status: number, body: unknown = "", headers: Record<string, string> = {}): Answer => ({
  status, headers: new Headers(headers), text: typeof body === "string" ? body : JSON.stringify(body), took_ms: 1,
});

test.each<[string, Answer, string | null, Trouble | null]>([
  ["obeyed", answer(200, { policy: "fair" }), null, null],
  ["no token yet", answer(401, { detail: "x" }), null, { kind: "token", wrong: false }],
  ["another token", answer(401, { detail: "x" }), "abc", { kind: "token", wrong: true }],
  ["a page that may not", answer(403, { detail: "Origin tells" }), null, { kind: "forbidden", detail: "Origin tells" }],
  ["the scheduler is away", answer(503, { reason: "scheduler_gone", detail: "away" }, { "Retry-After": "2" }), null,
    { kind: "refused", status: 503, reason: "scheduler_gone", detail: "away", retry_s: 2 }],
  ["a 400 names the member", answer(400, { error: "seconds: must be positive" }), null,
    { kind: "refused", status: 400, reason: "", detail: "seconds: must be positive", retry_s: null }],
])("%s", (_, given, token, trouble) => expect(troubleOf(given, token)).toEqual(trouble));

test("what is no problem document is told by its beginning", () => {
  expect(problemOf("<html>")).toEqual({ reason: "", detail: "<html>" });
  expect(problemOf("null")).toEqual({ reason: "", detail: "null" });
  expect(problemOf('{"detail":7,"message":"CPF inválido"}')).toEqual({ reason: "", detail: "CPF inválido" });
});

test("every trouble says what to do, in both languages", () => {
  const troubles: Trouble[] = [
    { kind: "unreachable", base: "http://a:1" }, { kind: "silent", base: "http://a:1", after_ms: 5000 },
    { kind: "token", wrong: false }, { kind: "token", wrong: true }, { kind: "forbidden", detail: "why." },
    { kind: "refused", status: 503, reason: "r", detail: "why", retry_s: 3 },
  ];
  for (const language of languages) {
    const texts = troubles.map((trouble) => troubleText(language, trouble));
    expect(new Set(texts).size).toBe(troubles.length);
    expect(texts[0]).toContain("http://a:1");
    expect(texts[5]).toContain("3 s");
  }
});
