/* breaker.h - the circuit breaker: when the provider keeps failing, calls to it are suspended for a while.
 * Pure.
 *
 *   closed    -- fail_max failures in a row -->                                             open, for
 * reset_us open      -- retry_at_us has passed, and an attempt asks: it is the probe -->           half_open
 *   half_open -- the probe succeeds -->                                                     closed
 *   half_open -- the probe fails -->                                                        open, for
 * reset_us half_open -- the probe decides nothing (429, never sent), or its lease ends unheard --> open, may
 * retry now
 *
 * Only the probe's end moves a breaker that is not closed: what was sent before it opened says nothing new. A
 * probe holds a lease from its send, so that one that vanishes wedges nothing. */
#ifndef SLUICE_BREAKER_H
#define SLUICE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/reason.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN }; /* the values of the metric */

/* What an attempt's end says about the provider's health. */
enum breaker_verdict {
    BREAKER_SUCCESS, /* it answered, be it with a 4xx */
    BREAKER_FAILURE, /* timeout, no connection, 5xx, broken answer */
    BREAKER_NEUTRAL, /* nothing: a 429, a limit of ours, never sent */
};

struct breaker_config {
    unsigned fail_max; /* failures in a row that open it; at least 1 */
    int64_t reset_us;  /* how long it stays open */
    int64_t lease_us;  /* how long a probe may take: more than the longest call */
};

struct breaker {
    struct breaker_config config;
    enum breaker_state state;
    unsigned failures;       /* in a row */
    int64_t retry_at_us;     /* open: when a probe may pass; else 0 */
    uint64_t probe;          /* half-open: its attempt */
    int64_t lease_at_us;     /* half-open: when the probe counts as vanished */
    enum reason last_reason; /* of the last failure; none before the first */
    uint64_t opened_total;
};

void breaker_init(struct breaker *breaker, const struct breaker_config *config);

/* Whether this attempt may be sent. The first that asks after retry_at_us becomes the probe. Attempt numbers
 * must differ among those whose end is not known yet. */
bool breaker_admit(struct breaker *breaker, uint64_t attempt, int64_t now_us);

/* The attempt has been written: a probe's lease starts anew. */
void breaker_sent(struct breaker *breaker, uint64_t attempt, int64_t now_us);

/* How the attempt ended; reason is that of a failure. */
void breaker_ended(struct breaker *breaker, uint64_t attempt, enum breaker_verdict verdict,
                   enum reason reason, int64_t now_us);

/* An operator's orders: open for so long, whatever attempts under way bring; closed, with nothing remembered.
 */
void breaker_trip(struct breaker *breaker, int64_t span_us, int64_t now_us);
void breaker_reset(struct breaker *breaker);

/* Ends the lease of a probe that has vanished. Call it now and then. */
void breaker_tick(struct breaker *breaker, int64_t now_us);

const char *breaker_state_name(enum breaker_state state); /* "closed", "half_open", "open" */

#endif
