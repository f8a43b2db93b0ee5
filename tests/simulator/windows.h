/* windows.h - the provider's limiter: one window for each client-id. Pure; exact to the nanosecond.
 *
 * A window opens when a client's first request arrives and ends exactly window_ns later. What arrives inside
 * it beyond `burst` requests is early, and the penalty replaces the window: with `reject` the client is
 * blocked for penalty_ns, and what arrives in the block is told the rest and does not prolong it; with
 * `delay` the early request is answered penalty_ns later, and the next window opens with that answer. */
#ifndef SIMULATOR_WINDOWS_H
#define SIMULATOR_WINDOWS_H

#include <stdint.h>

#include "common/text.h"

struct windows_config {
    int64_t window_ns; /* 0: no limit */
    int64_t penalty_ns;
    unsigned burst;       /* requests per window, at least 1 */
    bool delay;           /* the penalty is a late answer, not a 429 */
    unsigned max_clients; /* remembered at once */
};

/* The provider's clock, where it is not the true one. */
struct windows_clock {
    int64_t offset_ns; /* windows end that much early (> 0) or late (< 0) */
    int64_t step_ns;   /* it advances in steps of this; 0: smoothly */
};

enum windows_outcome {
    WINDOWS_OPEN,
    WINDOWS_EARLY,
    WINDOWS_BLOCKED,
    WINDOWS_FULL, /* no room for one more client-id; nothing was remembered */
};

struct ruling {
    enum windows_outcome outcome;
    unsigned remaining; /* requests left in this window */
    int64_t reset_ns;   /* until the window, or the block, ends */
    int64_t rest_ns;    /* EARLY, BLOCKED: how much too early it came */
    int64_t delay_ns;   /* hold the answer back this long */
    int64_t gap_ns;     /* since this client's previous arrival; -1 when there is none in memory */
};

struct windows;

/* NULL when out of memory. */
struct windows *windows_new(const struct windows_config *config);
void windows_free(struct windows *windows); /* takes NULL */

/* Forgets every client. */
void windows_clear(struct windows *windows);

/* Judges an arrival, which is never before the one judged last. The client-id is not empty. */
void windows_judge(struct windows *windows, struct text client, int64_t now_ns,
                   const struct windows_clock *clock, struct ruling *ruling);

const struct windows_config *windows_rules(const struct windows *windows);

#endif
