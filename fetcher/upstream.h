/* upstream.h - what we say to the provider and what its answer means: URLs, field values, the answer's head,
 * times to wait, and the verdict on an attempt's end. Pure. */
#ifndef SLUICE_UPSTREAM_H
#define SLUICE_UPSTREAM_H

#include "common/answer.h"
#include "common/message.h"
#include "fetcher/breaker.h"
#include "fetcher/freshness.h"

#define UPSTREAM_URL_BYTES 4096

/* The hold of a 429 that names no usable time. The fetcher does not know the rate, so this is a constant:
 * twice the interval of the provider that Sluice was made for. */
#define UPSTREAM_PENALTY_US 2000000LL
/* No wait is read as longer than this (a year); the scheduler caps holds much lower. */
#define UPSTREAM_WAIT_MAX_US (31536000LL * 1000000LL)

/* 0 for an absolute http or https URL of visible ASCII with a host, without user and fragment; else -EINVAL.
 */
int upstream_url_check(const char *base);
/* The base with the query appended ('?' or '&' between them). -EMSGSIZE when it does not fit, -EINVAL when
 * the query has a character that has no place in a URL. */
int upstream_url_make(const char *base, struct text query, char url[UPSTREAM_URL_BYTES]);
/* Whether it may be sent as a field's value: visible ASCII, not empty. */
bool upstream_value_ok(struct text value);

/* The head of the provider's answer. Starts as upstream_head_init(); then every line goes through
 * upstream_head_line() as it comes, with or without its line end. A status line after a 1xx answer starts
 * anew; lines after the head (trailer fields) are ignored. */
struct upstream_head {
    unsigned status;             /* 0: none yet */
    bool complete;               /* the empty line after a final status has come */
    bool malformed;              /* a folded line: the message is to be treated as broken */
    bool asks_to_wait;           /* one of the fields below was there, be it garbage */
    int64_t reset_in_us;         /* X-RateLimit-Reset-In; -1: none or garbage, as below */
    int64_t retry_after_us;      /* Retry-After in seconds */
    int64_t retry_after_wall_us; /* Retry-After as a date */
    int64_t date_wall_us;        /* Date */
    int64_t ratelimit_us;        /* RateLimit or RateLimit-Reset */
    int64_t remaining; /* X-RateLimit-Remaining, RateLimit or RateLimit-Remaining; the least of them */
    struct freshness_fields freshness;
    size_t fields_bytes;
    char fields[ANSWER_FIELDS_BYTES]; /* what is passed on, as whole lines; see upstream_head_fields() */
};

void upstream_head_init(struct upstream_head *head);
void upstream_head_line(struct upstream_head *head, struct text line);
/* What may be passed on to the client. Borrows from the head. */
struct text upstream_head_fields(const struct upstream_head *head);

/* How a transfer ended. */
enum upstream_end {
    UPSTREAM_WHOLE,       /* with a whole answer */
    UPSTREAM_TIMED_OUT,   /* written, but not (wholly) answered in time */
    UPSTREAM_BROKEN,      /* cut, or not HTTP */
    UPSTREAM_TOO_LARGE,   /* head or body beyond our limits */
    UPSTREAM_RESEND,      /* the connection died when it was used again; a second send was prevented */
    UPSTREAM_UNREACHABLE, /* no connection: nothing was written */
    UPSTREAM_NOT_SENT,    /* given up by us before anything was written */
    UPSTREAM_END_COUNT
};

struct upstream_verdict {
    enum fetch_outcome outcome;
    enum reason reason;
    enum breaker_verdict breaker;
    int64_t hold_us; /* the provider asks to wait so long from the first byte; 0: it does not */
    bool answer;     /* the provider's status, fields and body are there to be passed on */
    bool again;      /* it failed, and another attempt may not */
};

/* Judges an attempt. first_wall_us is when the first byte came, by the wall clock (for dates).
 *
 * hold_us: for a 429 always above 0. For a 503 the time that it names (the penalty when it is garbage, 0 when
 * it names none). For other answers below 500 the fields describe the window and are no hold, unless nothing
 * remains: then hold_us is the window's rest, and the scheduler, who knows the interval, decides. */
struct upstream_verdict upstream_judge(enum upstream_end end, const struct upstream_head *head,
                                       int64_t first_wall_us);

#endif
