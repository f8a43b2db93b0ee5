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
/* 0 for http://host[:port], with or without a slash behind it, else -EINVAL. */
int upstream_proxy_check(const char *proxy);
/* The base with the query appended ('?' or '&' between them). -EMSGSIZE when it does not fit, -EINVAL when
 * the query has a character that has no place in a URL. */
int upstream_url_make(const char *base, struct text query, char url[UPSTREAM_URL_BYTES]);
/* Whether it may be sent as a field's value: visible ASCII, not empty. */
bool upstream_value_ok(struct text value);

/* Interim answers (1xx) in front of the final one, at most. */
#define UPSTREAM_INTERIMS_MAX 16

/* The head of the provider's answer. Starts as upstream_head_init(); then every line goes through
 * upstream_head_line() as it comes, with or without its line end (CR LF, or LF alone). A status line after a
 * 1xx answer starts anew; lines after the head (trailer fields) are ignored.
 *
 * Strict where one recipient may read another message than the next (RFC 9112): status line, field names, the
 * message's length. What is wrong there stays wrong, and nothing behind it is read. */
struct upstream_head {
    unsigned status;             /* 0: none yet */
    unsigned minor_version;      /* of HTTP/1 */
    unsigned interims;           /* 1xx answers before it */
    bool complete;               /* the empty line after a final status has come */
    bool begun;                  /* within a head */
    const char *wrong;           /* why it is no good HTTP; NULL: nothing is wrong yet */
    bool chunked;                /* Transfer-Encoding */
    bool says_json;              /* Content-Type */
    int64_t length;              /* Content-Length; -1: none */
    unsigned hop_by_hop;         /* the fields that Connection names, as bits */
    bool closes;                 /* Connection: close */
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
/* What may be passed on to the client, with our own Via once the head is complete. Borrows from the head. */
struct text upstream_head_fields(const struct upstream_head *head);
/* How long the body will be that a GET with this head gets; -1: it does not say. */
int64_t upstream_head_body_bytes(const struct upstream_head *head);
/* The end of its connection may be a cut: a body that nothing else delimits may be incomplete (RFC 9112, 8),
 * and is not to be stored. */
void upstream_head_end_unsure(struct upstream_head *head);

/* How a transfer ended. */
enum upstream_end {
    UPSTREAM_WHOLE, /* with a whole answer */
    /* Nothing was written: */
    UPSTREAM_NOT_SENT,          /* given up by us */
    UPSTREAM_DNS_ERROR,         /* no address for the name */
    UPSTREAM_DNS_TIMED_OUT,     /* nor an answer of the resolver in time */
    UPSTREAM_UNREACHABLE,       /* no connection: refused, mostly */
    UPSTREAM_UNROUTABLE,        /* no way to the address */
    UPSTREAM_CONNECT_TIMED_OUT, /* no connection in time, or no end of the TLS handshake */
    UPSTREAM_TLS_ERROR,         /* the handshake failed */
    UPSTREAM_CERTIFICATE,       /* the certificate is not one to trust */
    UPSTREAM_UNASKED,           /* it spoke before it was asked */
    /* Written: */
    UPSTREAM_SILENT,         /* no first line in time */
    UPSTREAM_STALLED,        /* begun, and then too few bytes */
    UPSTREAM_TIMED_OUT,      /* not (wholly) answered within the total time */
    UPSTREAM_CLOSED,         /* closed before the first line */
    UPSTREAM_RESEND,         /* the same of a kept connection in the moment of its use; a second send was
                                prevented */
    UPSTREAM_CUT,            /* closed after the first line */
    UPSTREAM_MALFORMED,      /* not HTTP, or doubtful */
    UPSTREAM_HEAD_TOO_LARGE, /* fields, trailer fields or interim answers beyond our limits */
    UPSTREAM_TOO_LARGE,      /* the body beyond our limits */
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
