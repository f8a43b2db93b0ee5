/* reason.h - why a request did not get the provider's answer: one table for refusals, drops, fallbacks, logs,
 * events, metrics and documents. */
#ifndef SLUICE_REASON_H
#define SLUICE_REASON_H

#include <stdbool.h>

#include "common/text.h"

/* REASON(enum, name, HTTP status, may a stale answer stand in, Proxy-Status error type of RFC 9209, title) */
#define REASONS(REASON)                                                                                      \
    REASON(NONE, "none", 0, false, "", "")                                                                   \
    REASON(QUEUE_FULL, "queue_full", 503, true, "connection_limit_reached", "The queue is full")             \
    REASON(CLIENT_FULL, "client_full", 503, true, "connection_limit_reached",                                \
           "Too many requests of this client wait")                                                          \
    REASON(DISPLACED, "displaced", 503, true, "connection_limit_reached",                                    \
           "The queue is full, and a more urgent request has come")                                          \
    REASON(WAITERS_FULL, "waiters_full", 503, true, "connection_limit_reached", "Too many clients wait")     \
    REASON(DEADLINE_UNMEETABLE, "deadline_unmeetable", 503, true, "connection_limit_reached",                \
           "The request would not be answered before its deadline")                                          \
    REASON(BREAKER_OPEN, "breaker_open", 503, true, "destination_unavailable",                               \
           "The provider is failing; calls to it are suspended")                                             \
    REASON(HOLD, "hold", 503, true, "connection_limit_reached", "The provider has asked to wait")            \
    REASON(DRAINING, "draining", 503, false, "proxy_internal_response", "The proxy is shutting down")        \
    REASON(SCHEDULER_GONE, "scheduler_gone", 503, true, "proxy_internal_error", "The scheduler is away")     \
    REASON(DEADLINE_PASSED, "deadline_passed", 504, true, "http_response_timeout",                           \
           "The request waited longer than its deadline")                                                    \
    REASON(UPSTREAM_TIMEOUT, "upstream_timeout", 504, true, "http_response_timeout",                         \
           "The provider did not answer in time")                                                            \
    REASON(UPSTREAM_SILENT, "upstream_silent", 504, true, "connection_read_timeout",                         \
           "The provider has been silent for too long")                                                      \
    REASON(UPSTREAM_STALLED, "upstream_stalled", 504, true, "connection_read_timeout",                       \
           "The provider's answer has come to a halt")                                                       \
    REASON(UPSTREAM_SLOW, "upstream_slow", 504, true, "http_response_timeout",                               \
           "The provider answers too slowly")                                                                \
    REASON(UPSTREAM_DNS_ERROR, "upstream_dns_error", 502, true, "dns_error",                                 \
           "The provider's name cannot be resolved")                                                         \
    REASON(UPSTREAM_DNS_TIMEOUT, "upstream_dns_timeout", 504, true, "dns_timeout",                           \
           "The provider's name was not resolved in time")                                                   \
    REASON(UPSTREAM_UNREACHABLE, "upstream_unreachable", 502, true, "connection_refused",                    \
           "The provider cannot be reached")                                                                 \
    REASON(UPSTREAM_UNROUTABLE, "upstream_unroutable", 502, true, "destination_ip_unroutable",               \
           "No way leads to the provider's address")                                                         \
    REASON(UPSTREAM_CONNECT_TIMEOUT, "upstream_connect_timeout", 504, true, "connection_timeout",            \
           "The connection to the provider was not made in time")                                            \
    REASON(UPSTREAM_TLS_ERROR, "upstream_tls_error", 502, true, "tls_protocol_error",                        \
           "The TLS handshake with the provider has failed")                                                 \
    REASON(UPSTREAM_CERTIFICATE, "upstream_certificate", 502, true, "tls_certificate_error",                 \
           "The provider's certificate is not to be trusted")                                                \
    REASON(UPSTREAM_CLOSED, "upstream_closed", 502, true, "connection_terminated",                           \
           "The provider closed the connection without an answer")                                           \
    REASON(UPSTREAM_RACE, "upstream_race", 502, true, "connection_terminated",                               \
           "The provider closed a kept connection in the moment of its use")                                 \
    REASON(UPSTREAM_BROKEN, "upstream_broken", 502, true, "http_response_incomplete",                        \
           "The provider's answer is not whole")                                                             \
    REASON(UPSTREAM_MALFORMED, "upstream_malformed", 502, true, "http_protocol_error",                       \
           "The provider's answer is not good HTTP")                                                         \
    REASON(UPSTREAM_HEAD_TOO_LARGE, "upstream_head_too_large", 502, true,                                    \
           "http_response_header_section_size", "The head of the provider's answer is too large")            \
    REASON(UPSTREAM_TOO_LARGE, "upstream_too_large", 502, true, "http_response_body_size",                   \
           "The provider's answer is too large")                                                             \
    REASON(UPSTREAM_ERROR, "upstream_error", 502, true, "http_response_incomplete",                          \
           "The provider answered with an error of its own")                                                 \
    REASON(REMOVED, "removed", 503, false, "http_request_denied", "An operator has removed the request")     \
    REASON(NOT_CACHED, "not_cached", 504, false, "http_request_denied",                                      \
           "The cache has no answer that this request allows")                                               \
    REASON(CANCELLED, "cancelled", 499, false, "", "The client has left")                                    \
    REASON(INTERNAL, "internal", 500, false, "proxy_internal_error", "The proxy failed")

enum reason {
#define REASON(id, name, status, stale, proxy_status, title) REASON_##id,
    REASONS(REASON)
#undef REASON
        REASON_COUNT
};

/* Never NULL; an unknown number reads as "internal". */
const char *reason_name(enum reason reason);
const char *reason_title(enum reason reason);
const char *reason_proxy_status(enum reason reason);
int reason_status(enum reason reason);
bool reason_allows_stale(enum reason reason);

/* The reason of that name; REASON_INTERNAL when there is none. */
enum reason reason_find(struct text name);

#endif
