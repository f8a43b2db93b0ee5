/* message.h - the catalogue of messages: what the processes say to each other, and to whom.
 *
 * One table declares every message: number, direction, fields with types and limits. The structs below, the
 * codec, the tables of PROTOCOL.md and the fuzz target come from it or are tested against it. A frame is a
 * msgpack map with short string keys; beside the message's own fields it holds "v" (protocol version), "m"
 * (message number), "e" (sender's epoch) and "to" (receiver's epoch, 0 while unknown). Unknown keys are
 * ignored, another version is refused. Bodies travel as an opaque second frame. */
#ifndef SLUICE_MESSAGE_H
#define SLUICE_MESSAGE_H

#include <stdint.h>
#include <stdio.h>

#include "common/text.h"

#define MESSAGE_VERSION     1
#define MESSAGE_FRAME_BYTES 65536 /* longest first frame that is looked at */
#define MESSAGE_PAIRS       384
#define MESSAGE_UINTS       144
#define MESSAGE_KEY_BYTES   16    /* of a cache key */
#define MESSAGE_ID_BYTES    64    /* of an X-Request-Id */
#define MESSAGE_LABEL_BYTES 48    /* of a name, a reason, a masked client */
#define MESSAGE_NOTE_BYTES  96    /* of what is said in words */
#define MESSAGE_VIEW_BYTES  32768 /* longest body of a `view` */
/* Of either sign: 285 years of microseconds. Exact in every reader of JSON, and too little for sums of a few
 * of them, or the half of a per mille of one, to overflow. */
#define MESSAGE_INT_MAX (INT64_C(1) << 53)
#define QUERY_LIMIT_MAX 200

struct message_pair {
    struct text key;
    int64_t value;
};

struct message_pairs {
    unsigned count;
    const struct message_pair *items; /* borrowed */
};

struct message_uints {
    unsigned count;
    const uint64_t *items; /* borrowed */
};

/* MESSAGE(number, name, from, to, body, help); its fields are MESSAGE_FIELDS_name below. */
#define MESSAGES(MESSAGE)                                                                                    \
    MESSAGE(1, hello, "client", "server", "", "opens a link; repeated until `welcome`")                      \
    MESSAGE(2, welcome, "server", "client", "", "answers `hello`; the link is up")                           \
    MESSAGE(3, ping, "client", "server", "", "asks for a sign of life")                                      \
    MESSAGE(4, pong, "server", "client", "", "answers `ping`")                                               \
    MESSAGE(5, credit, "both", "both", "", "so many messages have been handled: send as many more")          \
    MESSAGE(6, goodbye, "both", "both", "", "the sender leaves, or does not know the receiver (any more)")   \
    MESSAGE(10, submit, "gateway", "scheduler", "request", "please have this answered")                      \
    MESSAGE(11, cancel, "gateway, scheduler", "scheduler, gateway", "", "nobody waits for this any more")    \
    MESSAGE(12, control, "gateway, scheduler", "scheduler, fetcher", "", "an operator's order")              \
    MESSAGE(13, query, "gateway, scheduler", "scheduler, gateway", "",                                       \
            "a question: an operator's, or about an asynchronous job or a burst")                            \
    MESSAGE(20, accepted, "scheduler", "gateway", "", "the request waits in the queue")                      \
    MESSAGE(21, result, "scheduler", "gateway", "answer", "the request has been answered")                   \
    MESSAGE(22, rejected, "scheduler", "gateway", "", "the request will not be answered, and why")           \
    MESSAGE(23, state, "scheduler", "gateway", "",                                                           \
            "how the lane stands: when fetcher or breaker change, and once a second")                        \
    MESSAGE(24, control_result, "scheduler, fetcher", "gateway, scheduler", "", "what became of an order")   \
    MESSAGE(25, answer, "scheduler, gateway", "gateway, scheduler", "JSON, or an answer's record",           \
            "answers `query`")                                                                               \
    MESSAGE(30, fetch, "scheduler", "fetcher", "request", "a permit: send this within these times")          \
    MESSAGE(31, abort, "scheduler", "fetcher", "", "give this attempt back if it has not been sent")         \
    MESSAGE(40, ready, "fetcher", "scheduler", "", "what a fetcher holds and has sent; first on every link") \
    MESSAGE(41, sent, "fetcher", "scheduler", "", "the attempt has been written to the provider")            \
    MESSAGE(42, fetched, "fetcher", "scheduler", "answer", "how the attempt ended")                          \
    MESSAGE(43, breaker, "fetcher", "scheduler", "", "the circuit breaker's state: on each change")          \
    MESSAGE(50, event, "all", "metricsd", "", "one decision; may be lost")                                   \
    MESSAGE(51, totals, "all", "metricsd", "", "absolute values of this epoch, once a second")               \
    MESSAGE(52, distribution, "all", "metricsd", "", "one histogram of this epoch, once a second")           \
    MESSAGE(53, snapshot, "metricsd", "world", "", "the whole stack's values, once a second")                \
    MESSAGE(54, exposition, "metricsd", "gateway", "Prometheus text", "the same for Prometheus")             \
    MESSAGE(55, view, "all", "metricsd", "JSON",                                                             \
            "one thing as it stands, whole: at the start, on changes, and every 5 s at least")               \
    MESSAGE(60, request, "gateway", "fetcher", "", "the body frame of `submit` and `fetch`")

/* FIELD(type, name, key, limit, need, help). The limit is the largest value of a UINT or INT (INT: of either
 * sign), the most bytes of a TEXT or BYTES, the most items of PAIRS or UINTS. Times are microseconds; those
 * named *_at_us are points of the host's monotonic clock. */
#define MESSAGE_FIELDS_hello(FIELD)                                                                          \
    FIELD(TEXT, role, "role", MESSAGE_LABEL_BYTES, REQUIRED, "`gateway` or `fetcher`")                       \
    FIELD(UINT, pid, "pid", INT32_MAX, REQUIRED, "process id, for logs")                                     \
    FIELD(UINT, credits, "cr", INT32_MAX, REQUIRED, "messages that may be sent to the client unhandled")
#define MESSAGE_FIELDS_welcome(FIELD)                                                                        \
    FIELD(UINT, credits, "cr", INT32_MAX, REQUIRED, "messages that may be sent to the server unhandled")
#define MESSAGE_FIELDS_ping(FIELD)                                                                           \
    FIELD(INT, at_us, "t", MESSAGE_INT_MAX, REQUIRED, "the client's monotonic clock")
#define MESSAGE_FIELDS_pong(FIELD)   FIELD(INT, at_us, "t", MESSAGE_INT_MAX, REQUIRED, "that of the `ping`")
#define MESSAGE_FIELDS_credit(FIELD) FIELD(UINT, count, "n", INT32_MAX, REQUIRED, "messages handled")
#define MESSAGE_FIELDS_goodbye(FIELD)                                                                        \
    FIELD(TEXT, why, "why", MESSAGE_LABEL_BYTES, REQUIRED, "`leaving` or `unknown`")

#define MESSAGE_FIELDS_submit(FIELD)                                                                         \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "unique within the gateway's epoch")                         \
    FIELD(TEXT, request, "rq", MESSAGE_ID_BYTES, REQUIRED, "X-Request-Id")                                   \
    FIELD(TEXT, lane, "ln", MESSAGE_LABEL_BYTES, REQUIRED, "the provider's name")                            \
    FIELD(BYTES, key, "k", MESSAGE_KEY_BYTES, REQUIRED, "cache key; equal keys share one call")              \
    FIELD(TEXT, client, "cl", MESSAGE_LABEL_BYTES, REQUIRED, "whose turn it is (a masked or hashed name)")   \
    FIELD(UINT, priority, "pr", 99, REQUIRED, "0 most urgent")                                               \
    FIELD(INT, remain_us, "rem", MESSAGE_INT_MAX, REQUIRED, "time left until the deadline")                  \
    FIELD(INT, age_us, "age", MESSAGE_INT_MAX, REQUIRED, "time since the client asked")                      \
    FIELD(UINT, again, "ag", 1, OPTIONAL, "1: submitted before, to another epoch")
#define MESSAGE_FIELDS_cancel(FIELD)                                                                         \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "as in `submit`; with a gateway: as in `query`")             \
    FIELD(UINT, gateway, "gw", UINT64_MAX, OPTIONAL, "as in the `query` of a job, whose asker has left")

#define MESSAGE_FIELDS_control(FIELD)                                                                        \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "unique within the sender's epoch")                          \
    FIELD(TEXT, request, "rq", MESSAGE_ID_BYTES, REQUIRED, "X-Request-Id, for the audit")                    \
    FIELD(TEXT, who, "who", MESSAGE_LABEL_BYTES, REQUIRED, "`token` or `loopback`")                          \
    FIELD(UINT, order, "or", CONTROL_ORDER_MAX, REQUIRED, "enum control_order, below")                       \
    FIELD(TEXT, name, "nm", MESSAGE_LABEL_BYTES, OPTIONAL, "the policy's")                                   \
    FIELD(INT, span_us, "us", MESSAGE_INT_MAX, OPTIONAL, "the window; how long a trip holds")                \
    FIELD(UINT, gateway, "gw", UINT64_MAX, OPTIONAL, "epoch of the gateway of the request to remove")        \
    FIELD(UINT, submitted, "sub", UINT64_MAX, OPTIONAL, "and its id, as in `submit`")                        \
    FIELD(BYTES, key, "k", MESSAGE_KEY_BYTES, OPTIONAL, "`purge`: of the one answer that is meant")
#define MESSAGE_FIELDS_query(FIELD)                                                                          \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "unique within the gateway's epoch")                         \
    FIELD(TEXT, what, "wh", MESSAGE_LABEL_BYTES, REQUIRED, "`controls`, `queue`, `place`, `job` or `burst`") \
    FIELD(UINT, limit, "lim", QUERY_LIMIT_MAX, OPTIONAL, "requests, or results of a burst, told at most")    \
    FIELD(UINT, gateway, "gw", UINT64_MAX, OPTIONAL,                                                         \
          "`queue`: begin behind the request of that gateway's epoch; `job`, `burst`: whose it is, or who "  \
          "asks")                                                                                            \
    FIELD(UINT, submitted, "sub", UINT64_MAX, OPTIONAL,                                                      \
          "`queue`: and that id; both 0: at the head; `place`: whose; `burst`: the first result told")       \
    FIELD(BYTES, job, "jb", MESSAGE_KEY_BYTES, OPTIONAL, "`job`, `burst`: the second half of its id")        \
    FIELD(UINT, cancels, "ccl", 1, OPTIONAL, "`job`, `burst`: 1: it is to end, 0: it is to be told")         \
    FIELD(INT, wait_us, "wt", MESSAGE_INT_MAX, OPTIONAL, "`job`: its end may be awaited so long")

#define MESSAGE_FIELDS_accepted(FIELD)                                                                       \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "as in `submit`")                                            \
    FIELD(UINT, position, "pos", INT32_MAX, REQUIRED, "1 is next")                                           \
    FIELD(INT, eta_us, "eta", MESSAGE_INT_MAX, REQUIRED, "expected time until the answer")                   \
    FIELD(UINT, joined, "jn", 1, REQUIRED, "1: shares an upstream call that was already wanted")
#define MESSAGE_FIELDS_result(FIELD)                                                                         \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "as in `submit`")                                            \
    FIELD(TEXT, source, "src", MESSAGE_LABEL_BYTES, REQUIRED, "`upstream` or `cache`")                       \
    FIELD(TEXT, reason, "why", MESSAGE_LABEL_BYTES, REQUIRED, "`none`, or what is wrong with the answer")    \
    FIELD(UINT, attempt, "at", UINT64_MAX, REQUIRED, "the attempt that brought it")                          \
    FIELD(INT, wait_us, "wt", MESSAGE_INT_MAX, REQUIRED, "time in the queue")                                \
    FIELD(INT, upstream_us, "up", MESSAGE_INT_MAX, REQUIRED, "time at the provider")                         \
    FIELD(UINT, joined, "jn", 1, REQUIRED, "1: the call was shared")
#define MESSAGE_FIELDS_rejected(FIELD)                                                                       \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "as in `submit`")                                            \
    FIELD(TEXT, reason, "why", MESSAGE_LABEL_BYTES, REQUIRED, "a name of common/reason.h")                   \
    FIELD(INT, retry_after_us, "ra", MESSAGE_INT_MAX, REQUIRED, "when to come again; 0 unknown")             \
    FIELD(UINT, position, "pos", INT32_MAX, REQUIRED, "the place it has or would have had; 0 none")          \
    FIELD(INT, eta_us, "eta", MESSAGE_INT_MAX, REQUIRED, "the wait it would have had; 0 unknown")            \
    FIELD(INT, wait_us, "wt", MESSAGE_INT_MAX, REQUIRED, "time in the queue")
#define MESSAGE_FIELDS_state(FIELD)                                                                          \
    FIELD(TEXT, lane, "ln", MESSAGE_LABEL_BYTES, REQUIRED, "the provider's name")                            \
    FIELD(TEXT, policy, "pol", MESSAGE_LABEL_BYTES, REQUIRED, "the queue's policy")                          \
    FIELD(UINT, queue, "q", INT32_MAX, REQUIRED, "jobs that wait")                                           \
    FIELD(UINT, queue_max, "qm", INT32_MAX, REQUIRED, "QUEUE_MAX_SIZE")                                      \
    FIELD(UINT, fetcher, "ft", 1, REQUIRED, "1: a fetcher is connected")                                     \
    FIELD(INT, stuck_us, "stk", MESSAGE_INT_MAX, REQUIRED, "dispatch overdue by so much")                    \
    FIELD(INT, hold_us, "hld", MESSAGE_INT_MAX, REQUIRED, "the provider's hold lasts so much longer")        \
    FIELD(INT, next_us, "nxt", MESSAGE_INT_MAX, REQUIRED, "time until the next send is allowed")             \
    FIELD(TEXT, breaker, "br", MESSAGE_LABEL_BYTES, REQUIRED, "`closed`, `open` or `half_open`")             \
    FIELD(UINT, failures, "bf", INT32_MAX, REQUIRED, "consecutive failures")                                 \
    FIELD(UINT, fail_max, "bm", INT32_MAX, REQUIRED, "CIRCUIT_BREAKER_FAIL_MAX")                             \
    FIELD(INT, breaker_us, "bu", MESSAGE_INT_MAX, REQUIRED, "time until the breaker lets a probe pass")      \
    FIELD(UINT, paused, "ps", 1, OPTIONAL, "1: an operator has paused the lane")                             \
    FIELD(INT, window_us, "win", MESSAGE_INT_MAX, OPTIONAL, "RATE_LIMIT_SECONDS in force")
#define MESSAGE_FIELDS_control_result(FIELD)                                                                 \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "as in `control`")                                           \
    FIELD(TEXT, outcome, "out", MESSAGE_LABEL_BYTES, REQUIRED,                                               \
          "`done`, or why not: `unknown`, `fetcher_gone`, "                                                  \
          "`busy`, `failed`")                                                                                \
    FIELD(INT, count, "n", MESSAGE_INT_MAX, REQUIRED, "cached answers removed by a purge; else 0")
#define MESSAGE_FIELDS_answer(FIELD)                                                                         \
    FIELD(UINT, id, "id", UINT64_MAX, REQUIRED, "as in `query`")                                             \
    FIELD(UINT, found, "ok", 1, REQUIRED,                                                                    \
          "0: that request does not wait (any more); `job`, `burst`: that gateway is not there")             \
    FIELD(UINT, gateway, "gw", UINT64_MAX, OPTIONAL, "to the scheduler: who has asked")                      \
    FIELD(UINT, position, "pos", INT32_MAX, OPTIONAL, "`place`: 1 is next; 0: in flight")                    \
    FIELD(INT, eta_us, "eta", MESSAGE_INT_MAX, OPTIONAL,                                                     \
          "`place`: expected time until the answer; -1 unknown")

#define MESSAGE_FIELDS_fetch(FIELD)                                                                          \
    FIELD(UINT, attempt, "at", UINT64_MAX, REQUIRED, "unique within the scheduler's epoch")                  \
    FIELD(TEXT, request, "rq", MESSAGE_ID_BYTES, REQUIRED, "X-Request-Id of the first who waits")            \
    FIELD(TEXT, lane, "ln", MESSAGE_LABEL_BYTES, REQUIRED, "the provider's name")                            \
    FIELD(BYTES, key, "k", MESSAGE_KEY_BYTES, REQUIRED, "cache key")                                         \
    FIELD(INT, earliest_at_us, "ear", MESSAGE_INT_MAX, REQUIRED, "do not send before")                       \
    FIELD(INT, latest_at_us, "lat", MESSAGE_INT_MAX, REQUIRED, "give the grant back unsent after")           \
    FIELD(INT, deadline_at_us, "dl", MESSAGE_INT_MAX, REQUIRED, "when the last waiter stops waiting")
#define MESSAGE_FIELDS_abort(FIELD) FIELD(UINT, attempt, "at", UINT64_MAX, REQUIRED, "as in `fetch`")

#define MESSAGE_FIELDS_ready(FIELD)                                                                          \
    FIELD(INT, last_sent_at_us, "ls", MESSAGE_INT_MAX, REQUIRED, "the last send of this fetcher; 0 none")    \
    FIELD(UINT, in_flight, "fl", INT32_MAX, REQUIRED, "sends that have no answer yet")                       \
    FIELD(INT, last_ended_at_us, "le", MESSAGE_INT_MAX, OPTIONAL,                                            \
          "when the last one ended that has; 0 none")                                                        \
    FIELD(INT, hold_at_us, "hld", MESSAGE_INT_MAX, OPTIONAL,                                                 \
          "the provider has asked to wait until then; 0: never")
#define MESSAGE_FIELDS_sent(FIELD)                                                                           \
    FIELD(UINT, attempt, "at", UINT64_MAX, REQUIRED, "as in `fetch`")                                        \
    FIELD(INT, sent_at_us, "s", MESSAGE_INT_MAX, REQUIRED, "when the request was written")
#define MESSAGE_FIELDS_fetched(FIELD)                                                                        \
    FIELD(UINT, attempt, "at", UINT64_MAX, REQUIRED, "as in `fetch`")                                        \
    FIELD(UINT, outcome, "out", FETCH_OUTCOME_MAX, REQUIRED, "enum fetch_outcome, below")                    \
    FIELD(TEXT, reason, "why", MESSAGE_LABEL_BYTES, REQUIRED, "a name of common/reason.h")                   \
    FIELD(UINT, status, "st", 999, REQUIRED, "the provider's status; 0 none")                                \
    FIELD(INT, sent_at_us, "s", MESSAGE_INT_MAX, REQUIRED, "when the request was written; 0 never")          \
    FIELD(INT, first_at_us, "f", MESSAGE_INT_MAX, REQUIRED, "when the answer's first byte came; 0 never")    \
    FIELD(INT, ended_at_us, "end", MESSAGE_INT_MAX, REQUIRED, "when the attempt ended or was given up")      \
    FIELD(INT, hold_us, "hld", MESSAGE_INT_MAX, REQUIRED,                                                    \
          "the provider asks to wait so long after first_at_us")                                             \
    FIELD(UINT, again, "ag", 1, OPTIONAL,                                                                    \
          "1: it failed, another attempt may not, and no stale answer can stand in")
#define MESSAGE_FIELDS_breaker(FIELD)                                                                        \
    FIELD(TEXT, lane, "ln", MESSAGE_LABEL_BYTES, REQUIRED, "the provider's name")                            \
    FIELD(TEXT, state, "st", MESSAGE_LABEL_BYTES, REQUIRED, "`closed`, `open` or `half_open`")               \
    FIELD(UINT, failures, "n", INT32_MAX, REQUIRED, "consecutive failures")                                  \
    FIELD(UINT, fail_max, "max", INT32_MAX, REQUIRED, "CIRCUIT_BREAKER_FAIL_MAX")                            \
    FIELD(INT, retry_at_us, "ra", MESSAGE_INT_MAX, REQUIRED, "when a probe may pass; 0 unless open")         \
    FIELD(TEXT, reason, "why", MESSAGE_LABEL_BYTES, REQUIRED, "the last failure's reason")

#define MESSAGE_FIELDS_event(FIELD)                                                                          \
    FIELD(TEXT, process, "p", MESSAGE_LABEL_BYTES, REQUIRED, "who says so")                                  \
    FIELD(UINT, seq, "n", UINT64_MAX, REQUIRED, "counts this epoch's events from 1; a gap is a loss")        \
    FIELD(INT, at_us, "t", MESSAGE_INT_MAX, REQUIRED, "wall clock, since 1970")                              \
    FIELD(TEXT, name, "ev", MESSAGE_LABEL_BYTES, REQUIRED, "a name of common/decisions.def")                 \
    FIELD(TEXT, lane, "ln", MESSAGE_LABEL_BYTES, OPTIONAL, "the provider's name")                            \
    FIELD(TEXT, request, "rq", MESSAGE_ID_BYTES, OPTIONAL, "X-Request-Id")                                   \
    FIELD(UINT, attempt, "at", UINT64_MAX, OPTIONAL, "upstream attempt")                                     \
    FIELD(TEXT, reason, "why", MESSAGE_LABEL_BYTES, OPTIONAL, "a name of common/reason.h")                   \
    FIELD(INT, value, "val", MESSAGE_INT_MAX, OPTIONAL, "what it measures (the same table names it)")        \
    FIELD(TEXT, note, "nt", MESSAGE_NOTE_BYTES, OPTIONAL, "more about it, in words")
#define MESSAGE_FIELDS_totals(FIELD)                                                                         \
    FIELD(TEXT, process, "p", MESSAGE_LABEL_BYTES, REQUIRED, "whose values they are")                        \
    FIELD(UINT, pid, "pid", INT32_MAX, REQUIRED, "process id")                                               \
    FIELD(INT, uptime_us, "up", MESSAGE_INT_MAX, REQUIRED, "time since the process's start")                 \
    FIELD(UINT, events, "n", UINT64_MAX, REQUIRED, "events emitted so far, lost ones included")              \
    FIELD(PAIRS, values, "val", MESSAGE_PAIRS, REQUIRED, "metric (common/metrics.def) to value")
#define MESSAGE_FIELDS_distribution(FIELD)                                                                   \
    FIELD(TEXT, process, "p", MESSAGE_LABEL_BYTES, REQUIRED, "whose histogram it is")                        \
    FIELD(TEXT, name, "nm", MESSAGE_LABEL_BYTES, REQUIRED, "which (common/metrics.def)")                     \
    FIELD(UINT, sum_us, "sum", UINT64_MAX, REQUIRED, "all durations together")                               \
    FIELD(UINTS, buckets, "b", MESSAGE_UINTS, REQUIRED, "counts, not cumulated (common/histogram.h)")
#define MESSAGE_FIELDS_snapshot(FIELD)                                                                       \
    FIELD(UINT, schema, "sv", INT32_MAX, REQUIRED, "version of the snapshot's contents")                     \
    FIELD(UINT, seq, "n", UINT64_MAX, REQUIRED, "the feed's sequence number it stands at")                   \
    FIELD(INT, at_us, "t", MESSAGE_INT_MAX, REQUIRED, "wall clock, since 1970")                              \
    FIELD(PAIRS, values, "val", MESSAGE_PAIRS, REQUIRED, "`process.metric` to the sum over its epochs")      \
    FIELD(PAIRS, quantiles, "q", MESSAGE_PAIRS, REQUIRED, "`process.histogram.p50` to microseconds")         \
    FIELD(UINT, port, "pt", 65535, OPTIONAL, "where the dashboard is served, at METRICSD_BIND")              \
    FIELD(PAIRS, minute, "q1", MESSAGE_PAIRS, OPTIONAL, "the same of the last minute, and its `.count`")     \
    FIELD(PAIRS, quarter, "q15", MESSAGE_PAIRS, OPTIONAL, "the same of the last 15 minutes")
#define MESSAGE_FIELDS_exposition(FIELD)                                                                     \
    FIELD(UINT, seq, "n", UINT64_MAX, REQUIRED, "as in the `snapshot` it goes with")
#define MESSAGE_FIELDS_view(FIELD)                                                                           \
    FIELD(TEXT, process, "p", MESSAGE_LABEL_BYTES, REQUIRED, "whose view it is")                             \
    FIELD(TEXT, name, "nm", MESSAGE_LABEL_BYTES, REQUIRED, "of what: a word (Views, above)")

#define MESSAGE_FIELDS_request(FIELD)                                                                        \
    FIELD(TEXT, method, "m1", 16, REQUIRED, "`GET`")                                                         \
    FIELD(TEXT, query, "qs", 2048, REQUIRED, "canonical query string, without '?'")                          \
    FIELD(TEXT, client_id, "ci", 128, REQUIRED, "the credential: header client-id")                          \
    FIELD(TEXT, traceparent, "tp", 128, OPTIONAL, "W3C trace context to continue")                           \
    FIELD(INT, not_before_us, "nb", MESSAGE_INT_MAX, OPTIONAL,                                               \
          "wall clock: what the cache has from before is not good enough")                                   \
    FIELD(UINT, no_store, "ns", 1, OPTIONAL, "1: the answer may not be stored")

/* How an attempt ended (field `outcome` of `fetched`). */
#define FETCH_OUTCOMES(OUTCOME)                                                                              \
    OUTCOME(0, ANSWERED, "the provider's answer, good or a 4xx; paid")                                       \
    OUTCOME(1, LIMITED, "429; paid; hold_us says how long to wait")                                          \
    OUTCOME(2, FAILED,                                                                                       \
            "an error of the provider (a 503 may have hold_us) or of the way to it, after the write; paid")  \
    OUTCOME(3, UNSENT,                                                                                       \
            "nothing was written (none: expired or aborted; else no connection): the permit comes back")     \
    OUTCOME(                                                                                                 \
        4, CACHED,                                                                                           \
        "the cache had the answer meanwhile, or (with a reason) a stale one, and a call for it has just "    \
        "failed: the permit comes back")                                                                     \
    OUTCOME(5, REFUSED, "the breaker is open: the permit comes back")
#define FETCH_OUTCOME_MAX 5

enum fetch_outcome {
#define OUTCOME(number, name, help) FETCH_##name = number,
    FETCH_OUTCOMES(OUTCOME)
#undef OUTCOME
};

/* What an operator may order (field `order` of `control`). */
#define CONTROL_ORDERS(ORDER)                                                                                \
    ORDER(0, POLICY, "policy", "the queue's policy")                                                         \
    ORDER(1, PAUSE, "pause", "no more sends")                                                                \
    ORDER(2, RESUME, "resume", "sends again")                                                                \
    ORDER(3, RATE, "rate", "the provider's window")                                                          \
    ORDER(4, REMOVE, "remove", "one request is refused now")                                                 \
    ORDER(5, TRIP, "trip", "the breaker opens, for the fetcher")                                             \
    ORDER(6, RESET, "reset", "the breaker closes, for the fetcher")                                          \
    ORDER(7, PURGE, "purge", "the cache is emptied, or loses one answer, by the fetcher")
#define CONTROL_ORDER_MAX 7

enum control_order {
#define ORDER(number, id, name, help) CONTROL_##id = number,
    CONTROL_ORDERS(ORDER)
#undef ORDER
};

/* "policy"; "" for an unknown number. */
const char *control_order_name(uint64_t order);

enum message_type {
#define MESSAGE(number, name, from, to, body, help) MESSAGE_TYPE_##name = number,
    MESSAGES(MESSAGE)
#undef MESSAGE
};

#define MESSAGE_MEMBER_UINT  uint64_t
#define MESSAGE_MEMBER_INT   int64_t
#define MESSAGE_MEMBER_TEXT  struct text
#define MESSAGE_MEMBER_BYTES struct text
#define MESSAGE_MEMBER_PAIRS struct message_pairs
#define MESSAGE_MEMBER_UINTS struct message_uints

#define FIELD(type, name, key, limit, need, help) MESSAGE_MEMBER_##type name;
#define MESSAGE(number, name, from, to, body, help)                                                          \
    struct message_##name {                                                                                  \
        MESSAGE_FIELDS_##name(FIELD)                                                                         \
    };
MESSAGES(MESSAGE)
#undef MESSAGE
#undef FIELD

struct message {
    enum message_type type;
    uint64_t from, to; /* epochs */
    union {
#define MESSAGE(number, name, from, to, body, help) struct message_##name name;
        MESSAGES(MESSAGE)
#undef MESSAGE
    };
};

enum message_field_type {
    MESSAGE_FIELD_UINT,
    MESSAGE_FIELD_INT,
    MESSAGE_FIELD_TEXT,
    MESSAGE_FIELD_BYTES,
    MESSAGE_FIELD_PAIRS,
    MESSAGE_FIELD_UINTS
};

struct message_field {
    const char *name, *key, *help;
    enum message_field_type type;
    uint64_t limit;
    bool required;
    size_t offset; /* in the message's own struct */
};

struct message_spec {
    enum message_type type;
    const char *name, *from, *to, *body, *help;
    const struct message_field *(*fields)(unsigned *count);
};

/* The table, in order of the numbers: by number, and by place; NULL when there is none. */
const struct message_spec *message_spec_find(uint64_t type);
const struct message_spec *message_spec_at(unsigned place);

/* Room for encoding and decoding, used again for each message; one for each thread. NULL: out of memory. */
struct message_codec;
struct message_codec *message_codec_new(void);
void message_codec_free(struct message_codec *codec); /* takes NULL */

/* Writes the message as one frame, borrowed until the next encode. -EMSGSIZE when a field breaks its limit
 * (our own bug: nothing is sent), -ENOMEM. */
int message_encode(struct message_codec *codec, const struct message *message, struct text *frame);

/* Reads a frame. What the message holds borrows from the frame and from the codec until the next decode.
 * -EBADMSG: not a message (shape, type, limit or a missing field); -EPROTONOSUPPORT: another version;
 * -ENOMSG: an unknown message number of this version. Never allocates more than the frame's own size
 * justifies: the shape is checked before it is unpacked. */
int message_decode(struct message_codec *codec, struct text frame, struct message *message);

/* Whether the bytes are exactly one msgpack object of the shape that a frame may have. */
bool message_shape_ok(struct text frame);

#endif
