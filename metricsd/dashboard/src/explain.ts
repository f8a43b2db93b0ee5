// explain.ts - the fields by which an answer of the gateway explains itself, in words: Cache-Status (RFC 9211), Proxy-Status
// (RFC 9209), Server-Timing, Age, Retry-After and our own. The syntax is that of structured fields (RFC 8941), as far as the
// gateway uses it.
import { duration } from "./format";
import type { Language } from "./i18n";
import { reasons, reasonText } from "./reasons";

export interface Explained {
  field: string;
  value: string;
  words: string;
}

/** `sluice; fwd=miss; detail="hold"` as its name and its parameters. */
export function parameters(value: string): { name: string; given: Record<string, string> } {
  const [name = "", ...rest] = value.split(";").map((part) => part.trim());
  const given: Record<string, string> = {};

  for (const part of rest) {
    const [key = "", ...value_] = part.split("=");
    given[key] = value_.length === 0 ? "yes" : value_.join("=").replace(/^"(.*)"$/, "$1");
  }
  return { name, given };
}

const words = {
  en: {
    hit: "from the cache", fresh: (s: number) => `, fresh for another ${s} s`, old: (s: number) => `, ${s} s past its time`,
    forwards: { miss: "asked of the provider: the cache had none", stale: "asked of the provider: what the cache had was old", request: "asked of the provider: the client wanted a new one", other: "asked of the provider" },
    stored: "; kept for the next", collapsed: "; shared with an equal request",
    because: (reason: string) => `, as ${reason}`,
    error: (reason: string) => `no answer of the provider: ${reason}`,
    fallback: "an old answer, in place of an error",
    age: (s: string) => `made ${s} ago`,
    retry: (s: string) => `worth another try after ${s} s`,
    request: "the number to look for in logs and events",
    timing: { queue: "waited in the queue", upstream: "at the provider" } as Record<string, string>,
    applied: "the gateway did as preferred", location: "where to ask for the result",
  },
  pt: {
    hit: "veio do cache", fresh: (s: number) => `, vale por mais ${s} s`, old: (s: number) => `, vencida há ${s} s`,
    forwards: { miss: "pedida ao provedor: o cache não tinha", stale: "pedida ao provedor: a do cache estava vencida", request: "pedida ao provedor: o cliente quis uma nova", other: "pedida ao provedor" },
    stored: "; guardada para a próxima", collapsed: "; dividida com um pedido igual",
    because: (reason: string) => `, pois ${reason}`,
    error: (reason: string) => `sem resposta do provedor: ${reason}`,
    fallback: "uma resposta antiga no lugar de um erro",
    age: (s: string) => `feita há ${s}`,
    retry: (s: string) => `vale tentar de novo depois de ${s} s`,
    request: "o número a procurar nos logs e eventos",
    timing: { queue: "esperou na fila", upstream: "no provedor" } as Record<string, string>,
    applied: "o gateway fez como preferido", location: "onde pedir o resultado",
  },
};

function cacheStatus(language: Language, value: string): string {
  const t = words[language];
  const { given } = parameters(value);
  const because = given["detail"] ? t.because(reasonText(reasons[language], given["detail"])) : "";

  if (given["hit"]) {
    const ttl = Number(given["ttl"] ?? 0);
    return t.hit + (ttl < 0 ? t.old(-ttl) : t.fresh(ttl)) + because;
  }
  const forwards = given["fwd"] === "miss" || given["fwd"] === "stale" || given["fwd"] === "request" ? given["fwd"] : "other";
  return t.forwards[forwards] + (given["collapsed"] ? t.collapsed : "") + (given["stored"] ? t.stored : "") + because;
}

function serverTiming(language: Language, value: string): string {
  return value.split(",").map((entry) => {
    const { name, given } = parameters(entry.trim());
    return `${words[language].timing[name] ?? name}: ${duration(language, Number(given["dur"] ?? 0) * 1000)}`;
  }).join("; ");
}

const fields: [string, (language: Language, value: string) => string][] = [
  ["Cache-Status", cacheStatus],
  ["Proxy-Status", (language, value) => {
    const { given } = parameters(value);
    return words[language].error(reasonText(reasons[language], given["details"] ?? given["error"] ?? ""));
  }],
  ["X-Proxy-Fallback", (language) => words[language].fallback],
  ["Age", (language, value) => words[language].age(duration(language, Number(value) * 1e6))],
  ["Server-Timing", serverTiming],
  ["Retry-After", (language, value) => words[language].retry(value)],
  ["Preference-Applied", (language) => words[language].applied],
  ["Location", (language) => words[language].location],
  ["X-Request-Id", (language) => words[language].request],
];

/** Those of the fields that are there, in the order in which they help. */
export function explain(language: Language, headers: { get(name: string): string | null }): Explained[] {
  return fields.flatMap(([field, say]) => {
    const value = headers.get(field);
    return value === null ? [] : [{ field, value, words: say(language, value) }];
  });
}
