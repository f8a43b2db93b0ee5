/* breaker.h - the circuit breaker: when the provider keeps failing, calls to it are suspended for a while.
 * Pure.
 *
 *   closed    -- fail_max failures in a row, or a failing share of the latest calls -->   open
 *   open      -- retry_at_us has passed, and an attempt asks: it is the probe -->         half_open
 *   half_open -- the probe succeeds -->                                                   closed
 *   half_open -- the probe fails -->                                                      open, maybe longer
 *   half_open -- the probe decides nothing (429, never sent), or its lease ends unheard --> open, may retry
 * now
 *
 * Only the probe's end moves a breaker that is not closed: what was sent before it opened says nothing new. A
 * probe holds a lease from its send, so that one that vanishes wedges nothing. An answer that is slow counts
 * as a failure as soon as it is late, and not again when it comes. */
#ifndef SLUICE_BREAKER_H
#define SLUICE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/reason.h"

#define BREAKER_WINDOW_MAX  1024
#define BREAKER_SPAN_MAX_US 86400000000LL /* for no longer than a day, whoever says so */

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN }; /* the values of the metric */

/* What an attempt's end says about the provider's health. */
enum breaker_verdict {
    BREAKER_SUCCESS, /* it answered, be it with a 4xx */
    BREAKER_FAILURE, /* timeout, no connection, 5xx, broken or slow answer */
    BREAKER_NEUTRAL, /* nothing: a 429, a limit of ours, never sent */
};

struct breaker_config {
    unsigned fail_max;     /* failures in a row that open it; at least 1 */
    unsigned window_calls; /* over so many of the latest calls the share is taken; up to BREAKER_WINDOW_MAX */
    unsigned fail_percent; /* such a share of failures opens it, once so many have ended; 0: off */
    int64_t reset_us;      /* how long it stays open */
    unsigned reset_factor; /* after a failed probe so many times as long as before; 1: as long */
    int64_t reset_max_us;  /* but never longer than this, or reset_us if that is more */
    int64_t hold_max_us;   /* what the provider asks for is believed up to this */
    int64_t lease_us;      /* how long a probe may take: more than the longest call */
};

struct breaker {
    struct breaker_config config;
    enum breaker_state state;
    unsigned failures;       /* in a row */
    int64_t opened_at_us;    /* when it left closed; 0: it is, or that was in an earlier epoch */
    int64_t retry_at_us;     /* open: when a probe may pass; else 0 */
    int64_t open_us;         /* how long it stays open when it opens next */
    uint64_t probe;          /* half-open: its attempt */
    int64_t lease_at_us;     /* half-open: when the probe counts as vanished */
    enum reason last_reason; /* of the last failure; none before the first */
    uint64_t opened_total;
    unsigned calls, failed;               /* in the window */
    unsigned oldest;                      /* in the ring, once it is full */
    uint8_t ring[BREAKER_WINDOW_MAX / 8]; /* a bit for each call: 1 a failure */
};

/* What survives a restart of the process. Half-open comes back as open: the probe's end will never be heard.
 */
struct breaker_memory {
    bool open;
    unsigned failures;
    int64_t retry_at_us, open_us;
    enum reason last_reason;
};

void breaker_init(struct breaker *breaker, const struct breaker_config *config);

void breaker_remember(const struct breaker *breaker, struct breaker_memory *memory);
/* Right after breaker_init(). */
void breaker_restore(struct breaker *breaker, const struct breaker_memory *memory, int64_t now_us);

/* Whether this attempt may be sent. The first that asks after retry_at_us becomes the probe. Attempt numbers
 * must differ among those whose end is not known yet. */
bool breaker_admit(struct breaker *breaker, uint64_t attempt, int64_t now_us);
/* Whether this attempt is the probe. */
bool breaker_is_probe(const struct breaker *breaker, uint64_t attempt);

/* The attempt has been written: a probe's lease starts anew. */
void breaker_sent(struct breaker *breaker, uint64_t attempt, int64_t now_us);

/* How the attempt ended; reason is that of a failure. If that opens the breaker, it stays so for hold_us at
 * least (what a 503 asks for; 0: nothing). An attempt has one end: a slow one ends as a failure when it is
 * late, and what comes of it later is not told here any more. */
void breaker_ended(struct breaker *breaker, uint64_t attempt, enum breaker_verdict verdict,
                   enum reason reason, int64_t hold_us, int64_t now_us);

/* Whether an operator's order, and no failure, keeps it from being closed. */
bool breaker_tripped(const struct breaker *breaker);

/* An operator's orders: open for so long (up to BREAKER_SPAN_MAX_US), whatever attempts under way bring;
 * closed, with nothing remembered. */
void breaker_trip(struct breaker *breaker, int64_t span_us, int64_t now_us);
void breaker_reset(struct breaker *breaker);

/* Ends the lease of a probe that has vanished. Call it now and then. */
void breaker_tick(struct breaker *breaker, int64_t now_us);

const char *breaker_state_name(enum breaker_state state); /* "closed", "half_open", "open" */

#endif
