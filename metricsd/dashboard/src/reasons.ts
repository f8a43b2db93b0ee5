// reasons.ts - common/reason.h in words for people; reasons.test.ts compares the names with that table.
import type { Texts } from "./i18n";

const en = {
  none: "no reason",
  queue_full: "the queue is full",
  client_full: "too many requests of this client wait",
  displaced: "displaced by a more urgent request",
  waiters_full: "too many clients wait",
  deadline_unmeetable: "would not be answered before its deadline",
  breaker_open: "the breaker is open",
  hold: "the provider has asked to wait",
  draining: "the proxy is shutting down",
  scheduler_gone: "the scheduler is away",
  deadline_passed: "waited longer than its deadline",
  upstream_timeout: "the provider did not answer in time",
  upstream_silent: "the provider has been silent for too long",
  upstream_stalled: "the provider's answer came to a halt",
  upstream_slow: "the provider answers too slowly",
  upstream_dns_error: "the provider's name cannot be resolved",
  upstream_dns_timeout: "the provider's name was not resolved in time",
  upstream_unreachable: "the provider cannot be reached",
  upstream_unroutable: "no way leads to the provider's address",
  upstream_connect_timeout: "no connection to the provider in time",
  upstream_tls_error: "the TLS handshake with the provider failed",
  upstream_certificate: "the provider's certificate is not to be trusted",
  upstream_closed: "the provider closed the connection without an answer",
  upstream_race: "the provider closed a kept connection as it was used",
  upstream_broken: "the provider's answer is not whole",
  upstream_malformed: "the provider's answer is not good HTTP",
  upstream_head_too_large: "the head of the provider's answer is too large",
  upstream_too_large: "the provider's answer is too large",
  upstream_error: "the provider answered with an error of its own",
  removed: "removed by an operator",
  not_cached: "not in the cache, and nothing else was allowed",
  cancelled: "the client has left",
  internal: "the proxy failed",
};

export type Reason = keyof typeof en;

export const reasons: Texts<Record<Reason, string>> = {
  en,
  pt: {
    none: "sem motivo",
    queue_full: "a fila está cheia",
    client_full: "há requisições demais deste cliente na fila",
    displaced: "cedeu o lugar a uma requisição mais urgente",
    waiters_full: "há clientes demais esperando",
    deadline_unmeetable: "não seria respondida dentro do prazo",
    breaker_open: "o disjuntor está aberto",
    hold: "o provedor pediu para esperar",
    draining: "o proxy está sendo desligado",
    scheduler_gone: "o scheduler está fora do ar",
    deadline_passed: "esperou além do prazo",
    upstream_timeout: "o provedor não respondeu a tempo",
    upstream_silent: "o provedor ficou em silêncio por tempo demais",
    upstream_stalled: "a resposta do provedor parou no meio",
    upstream_slow: "o provedor está respondendo devagar demais",
    upstream_dns_error: "o nome do provedor não pôde ser resolvido",
    upstream_dns_timeout: "o nome do provedor não foi resolvido a tempo",
    upstream_unreachable: "não foi possível alcançar o provedor",
    upstream_unroutable: "não há rota até o endereço do provedor",
    upstream_connect_timeout: "a conexão com o provedor não saiu a tempo",
    upstream_tls_error: "o handshake TLS com o provedor falhou",
    upstream_certificate: "o certificado do provedor não é confiável",
    upstream_closed: "o provedor fechou a conexão sem responder",
    upstream_race: "o provedor fechou uma conexão mantida bem na hora do uso",
    upstream_broken: "a resposta do provedor veio incompleta",
    upstream_malformed: "a resposta do provedor não é HTTP válido",
    upstream_head_too_large: "o cabeçalho da resposta do provedor é grande demais",
    upstream_too_large: "a resposta do provedor é grande demais",
    upstream_error: "o provedor respondeu com um erro próprio",
    removed: "removida por um operador",
    not_cached: "não está no cache, e só o cache era permitido",
    cancelled: "o cliente foi embora",
    internal: "o proxy falhou",
  },
};

/** In words; a name that is newer than this page stands for itself. */
export function reasonText(words: Record<Reason, string>, name: string): string {
  return Object.hasOwn(words, name) ? words[name as Reason] : name;
}

export interface Refusal {
  reason: string;
  count: number;
}

/** How often each reason was given, the most frequent first, of values such as gateway.refused_total{reason="hold"}. */
export function refusals(values: Record<string, number>): Refusal[] {
  const found: Refusal[] = [];

  for (const [key, count] of Object.entries(values)) {
    const reason = /^gateway\.refused_total\{reason="(\w+)"\}$/.exec(key)?.[1];
    if (reason && count > 0)
      found.push({ reason, count });
  }
  return found.sort((a, b) => b.count - a.count || a.reason.localeCompare(b.reason));
}
