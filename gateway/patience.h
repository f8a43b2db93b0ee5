/* patience.h - how long a request is willing to wait for its answer, by its own words. Pure.
 *
 *   Request-Timeout        seconds, with a fraction where wished: `2`, `0.25`. Something else, or two of
 *                          them, is refused.
 *   Prefer: wait=N         whole seconds (RFC 7240). What cannot be read is ignored, as that says, and so is
 *                          a second `wait`.
 *   Prefer: respond-async  a 202 at once instead of an answer later; with wait=N when N seconds are over.
 *
 * The shorter of the first two counts, and none is longer than our own limit; beside respond-async, wait is
 * no deadline. 0: what the cache has, or nothing. */
#ifndef SLUICE_PATIENCE_H
#define SLUICE_PATIENCE_H

#include "common/http_request.h"

#define PATIENCE_FIELD "Request-Timeout" /* the one that can be malformed */

struct patience {
    int64_t wait_us;
    int64_t preferred_s; /* what `Prefer: wait` said, where that is what counts; else -1 */
    int64_t defer_s;     /* until the 202 of respond-async; -1: it is not preferred */
};

/* Reads digits [ "." digits ]; what is longer than the limit is the limit. False: something else. */
bool patience_seconds(struct text text, int64_t limit_us, int64_t *us);

/* 0; -EINVAL when the Request-Timeout is malformed. */
int patience_read(const struct http_request *request, int64_t limit_us, struct patience *patience);

#endif
