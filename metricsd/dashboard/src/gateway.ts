// gateway.ts - calls to the gateway, which is another origin (links.gateway of metricsd's state), and what its refusals mean
// for the person at the page. RFC 9457 problem documents say why; this file says what to do.
import type { Language } from "./i18n";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  took_ms: number;
}

export interface Call {
  method?: string;
  body?: unknown; // sent as JSON
  headers?: Record<string, string>;
  token?: string | null;
  timeout_ms?: number;
}

export type Trouble =
  | { kind: "unreachable"; base: string }
  | { kind: "silent"; base: string; after_ms: number }
  | { kind: "token"; wrong: boolean }
  | { kind: "forbidden"; detail: string }
  | { kind: "refused"; status: number; reason: string; detail: string; retry_s: number | null };

export class GatewayError extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble.kind);
  }
}

/** Whatever comes back is an answer; only a gateway that cannot be asked is an error. */
export async function call(base: string, path: string, { method = "GET", body, headers = {}, token, timeout_ms = 15_000 }: Call = {}): Promise<Answer> {
  const began = performance.now();
  const fields = { ...headers };

  if (body !== undefined)
    fields["Content-Type"] = "application/json";
  if (token)
    fields["Authorization"] = `Bearer ${token}`;
  try {
    const answer = await fetch(base + path, {
      method, headers: fields, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(timeout_ms),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text(), took_ms: performance.now() - began };
  } catch (error) {
    const silent = error instanceof DOMException && error.name === "TimeoutError";
    throw new GatewayError(silent ? { kind: "silent", base, after_ms: timeout_ms } : { kind: "unreachable", base });
  }
}

/** What is wrong with an answer to an order, or null where it was obeyed. */
export function troubleOf(answer: Answer, token: string | null): Trouble | null {
  if (answer.status < 400)
    return null;
  const problem = problemOf(answer.text);
  if (answer.status === 401)
    return { kind: "token", wrong: token !== null };
  if (answer.status === 403)
    return { kind: "forbidden", detail: problem.detail };
  const retry_s = Number(answer.headers.get("Retry-After") ?? NaN);
  return { kind: "refused", status: answer.status, ...problem, retry_s: Number.isFinite(retry_s) ? retry_s : null };
}

/** `reason` and the words of a problem document; of anything else, its beginning. */
export function problemOf(text: string): { reason: string; detail: string } {
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === "object" && problem !== null) {
      const field = (name: string) => {
        const value = (problem as Record<string, unknown>)[name];
        return typeof value === "string" ? value : "";
      };
      return { reason: field("reason"), detail: field("detail") || field("error") || field("title") || field("message") };
    }
  } catch {
    // no JSON
  }
  return { reason: "", detail: text.slice(0, 200) };
}

const words = {
  en: {
    unreachable: (base: string) => `The gateway does not answer at ${base}. Is sluice-gateway running, and does that address lead to it from this browser? GATEWAY_URL tells the page another one.`,
    silent: (base: string, s: number) => `The gateway at ${base} has said nothing for ${s} s. Look at its log; try again.`,
    token: "The gateway asks for ADMIN_TOKEN.",
    wrong: "This is not the gateway's ADMIN_TOKEN. Ask who has set it, and enter it again.",
    forbidden: (detail: string) => `The gateway takes no orders from here: ${detail}. Set ADMIN_TOKEN, and DASHBOARD_URL where this page has another address.`,
    refused: (status: number, detail: string) => `Not done (${status}): ${detail}.`,
    retry: (s: number) => ` Try again in ${s} s.`,
  },
  pt: {
    unreachable: (base: string) => `O gateway não responde em ${base}. O sluice-gateway está no ar, e este navegador chega a esse endereço? GATEWAY_URL informa outro à página.`,
    silent: (base: string, s: number) => `O gateway em ${base} não disse nada por ${s} s. Veja o log dele e tente de novo.`,
    token: "O gateway pede o ADMIN_TOKEN.",
    wrong: "Este não é o ADMIN_TOKEN do gateway. Pergunte a quem o definiu e digite de novo.",
    forbidden: (detail: string) => `O gateway não aceita ordens daqui: ${detail}. Defina ADMIN_TOKEN, e DASHBOARD_URL se esta página tiver outro endereço.`,
    refused: (status: number, detail: string) => `Não foi feito (${status}): ${detail}.`,
    retry: (s: number) => ` Tente de novo em ${s} s.`,
  },
};

/** In words, with what to do. */
export function troubleText(language: Language, trouble: Trouble): string {
  const t = words[language];
  const detail = "detail" in trouble ? trouble.detail.replace(/\.$/, "") : "";

  switch (trouble.kind) {
    case "unreachable":
      return t.unreachable(trouble.base);
    case "silent":
      return t.silent(trouble.base, Math.round(trouble.after_ms / 1000));
    case "token":
      return trouble.wrong ? t.wrong : t.token;
    case "forbidden":
      return t.forbidden(detail);
    case "refused":
      return t.refused(trouble.status, detail || trouble.reason) + (trouble.retry_s === null ? "" : t.retry(trouble.retry_s));
  }
}
