/* render.h - the bytes of our answers: the header fields that explain each of them (Cache-Status, RFC 9211;
 * Proxy-Status, RFC 9209; Server-Timing, Retry-After, X-Request-Id), and problem documents (RFC 9457). Pure:
 * it writes into the caller's buffer, formats by hand and allocates nothing. */
#ifndef SLUICE_RENDER_H
#define SLUICE_RENDER_H

#include <stdint.h>

#include "common/answer.h"
#include "common/json.h"
#include "common/reason.h"

#define RENDER_FIELDS_BYTES  (ANSWER_FIELDS_BYTES + 1024)
#define RENDER_PROBLEM_BYTES 1024
#define RENDER_PROBLEM_TYPE  "application/problem+json"
#define RENDER_JSON_TYPE     "application/json; charset=utf-8"
#define RENDER_ID_BYTES      16 /* of a request id that we draw */

/* Why an answer is not the provider's. */
struct problem {
    int status;
    const char *reason; /* enumerated */
    const char *title;
    const char *detail;       /* NULL: the title again */
    const char *name;         /* of what is meant (a parameter), set behind the detail; or NULL */
    const char *proxy_status; /* error type of RFC 9209, or "" */
    struct text request_id;   /* at == NULL: left out */
    uint64_t position;        /* 0: left out, as are the next two */
    int64_t eta_us;
    int64_t retry_after_us;
};

/* How an answer of the provider has come. */
struct passage {
    struct text request_id;
    int64_t wait_us, upstream_us;
    bool expired;  /* the cache had one that was no longer fresh */
    bool declined; /* the cache had a fresh one, which the client did not want */
    bool joined;   /* the call was shared */
    bool stored;   /* the answer is in the cache now */
};

/* The problem of that reason, and that of an HTTP status which we give ourselves. */
struct problem problem_of_reason(enum reason reason);
struct problem problem_of_status(int status);
/* That of a connection which is one too many, or of a request that is not good HTTP (reason is NULL). */
struct problem problem_of_refusal(int status, const char *reason);

/* Whole seconds, rounded up, at least 1. */
int64_t render_retry_seconds(int64_t retry_after_us);

/* 16 lower-case hexadecimal digits. */
void render_hex(uint64_t number, char digits[RENDER_ID_BYTES]);

/* Our fields in front of the provider's, as whole lines. wall_us is now. */
struct text render_hit(char fields[RENDER_FIELDS_BYTES], const struct answer *answer, int64_t wall_us,
                       struct text request_id);
struct text render_stale(char fields[RENDER_FIELDS_BYTES], const struct answer *answer, int64_t wall_us,
                         enum reason reason, struct text request_id);
struct text render_forwarded(char fields[RENDER_FIELDS_BYTES], const struct answer *answer,
                             const struct passage *passage);

/* Behind the fields, of which rendered is what one of the functions above gave or render_own() gives: that
 * `Prefer: wait` was followed; nothing for -1. */
struct text render_preference(char fields[RENDER_FIELDS_BYTES], struct text rendered, int64_t wait_s);

/* The fields of an answer of our own: type is its media type, problem is NULL when it is none. */
struct text render_own(char fields[RENDER_FIELDS_BYTES], const char *type, struct text request_id,
                       const struct problem *problem);
/* The fields of an answer that has no content. */
struct text render_empty(char fields[RENDER_FIELDS_BYTES], struct text request_id);
/* Behind what one of these two gave: one more field of ours, of at most 128 bytes. */
struct text render_field(char fields[RENDER_FIELDS_BYTES], struct text rendered, const char *name,
                         const char *value);
/* The document of a problem; empty when it does not fit. */
struct text render_problem(char *body, size_t size, const struct problem *problem);

#endif
