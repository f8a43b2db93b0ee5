/* limiter.h - when the next request may be sent, so that no two *arrive* too close at the provider.
 *
 * Each of N permits is granted -> sent -> answered -> released. What is known of a request's arrival is an
 * upper bound u: with send s, first byte f, d a confident lower bound of the round trip and R one from above,
 *   answered                        u = f - d, at least s
 *   given up (timeout, cut, crash)  u = the moment we gave it up
 *   unanswered, adaptive            u = s + G with G = R - d, as long as its answer is not overdue (s + R)
 *   unanswered, strict              not yet
 * A send is allowed when fewer than N permits have u + T + margin > now and no hold is on. (fixed: s + T +
 * guard, nothing is learnt.) u leaves out the shortest way to the provider, which the next request must
 * travel too: what counts is the distance of two arrivals. */
#ifndef SLUICE_LIMITER_H
#define SLUICE_LIMITER_H

#include <stdbool.h>

#include "common/text.h"
#include "scheduler/roundtrip.h"

#define LIMITER_PERMITS_MAX 256 /* unanswered or unreleased at a time */
#define LIMITER_BURST_MAX   64
#define LIMITER_NEVER       INT64_MAX

enum limiter_mode { LIMITER_ADAPTIVE, LIMITER_STRICT, LIMITER_FIXED };

struct limiter_config {
    enum limiter_mode mode;
    int64_t window_us;     /* T */
    unsigned burst;        /* N: 1..LIMITER_BURST_MAX */
    int64_t guard_us;      /* fixed: beyond T */
    int64_t clock_step_us; /* grain of the provider's clock; 0: none */
    int64_t hold_max_us;   /* the longest hold that is believed */
};

enum permit_state { PERMIT_GRANTED, PERMIT_SENT, PERMIT_BOUND };

struct permit {
    uint64_t attempt;
    enum permit_state state;
    int64_t sent_us;  /* PERMIT_SENT */
    int64_t bound_us; /* PERMIT_BOUND: u */
    int64_t extra_us; /* granted under a longer window than today's: longer by so much */
};

struct limiter {
    struct limiter_config config;
    struct roundtrip roundtrip;
    unsigned permit_count;
    struct permit permits[LIMITER_PERMITS_MAX];
    int64_t past_extra_us;     /* of what was sent before and nobody has told of yet */
    int64_t hold_us;           /* no send before */
    int64_t doubt_ppm;         /* 0: the bounds are trusted; 1 000 000: not at all */
    int64_t doubted_us;        /* rejections of requests sent before this tell nothing new */
    uint64_t unexpected_total; /* rejections that should not have been */
};

/* What survives a restart, in a few words: no permit is released earlier than it would have been. */
struct limiter_memory {
    unsigned held;       /* permits not released yet, at most N ... */
    unsigned unanswered; /* ... among them such whose end is not known, at most 255 */
    int64_t bound_us;    /* all of them count as arriving then: the latest u, or send of an unanswered one */
    int64_t extra_us;    /* as in a permit: the longest */
    int64_t hold_us;     /* 0: none */
    int64_t doubt_ppm;
    struct roundtrip_digest digest;
};

/* Fills in the mode of that name; -EINVAL when there is none. */
int limiter_mode_find(struct text name, enum limiter_mode *mode);
const char *limiter_mode_name(enum limiter_mode mode);

/* Without knowledge of what went before: N requests were sent just now. */
void limiter_init(struct limiter *limiter, const struct limiter_config *config, int64_t now_us);

/* Another T from now on. What is sent already keeps the longer one of the old and the new; and until the last
 * of those is released, so do those that are sent meanwhile, for they may fall into the same window. */
void limiter_rate(struct limiter *limiter, int64_t window_us, int64_t now_us);

/* The earliest time, from now on, at which a send is allowed; LIMITER_NEVER while that awaits an answer. */
int64_t limiter_next_us(const struct limiter *limiter, int64_t now_us);
/* The same as a forecast for the send with so many others before it, fewer than `burst`: an answer that is
 * awaited is assumed to come in its usual time, and one that is late to take as long again. */
int64_t limiter_forecast_us(const struct limiter *limiter, int64_t now_us, unsigned ahead);
/* The mean time between two sends while work waits, as far as it follows from the round trips. */
int64_t limiter_pace_us(const struct limiter *limiter);

/* A permit is handed out; attempt 0 is not allowed. -ENOBUFS when too many are out, which cannot happen while
 * sends follow limiter_next_us() and at most LIMITER_PERMITS_MAX - LIMITER_BURST_MAX are unanswered. */
int limiter_grant(struct limiter *limiter, uint64_t attempt, int64_t now_us);
/* What became of it; an unknown attempt is ignored. */
void limiter_sent(struct limiter *limiter, uint64_t attempt, int64_t sent_us);
void limiter_answered(struct limiter *limiter, uint64_t attempt, int64_t sent_us, int64_t first_us);
void limiter_rejected(struct limiter *limiter, uint64_t attempt, int64_t sent_us, int64_t first_us);
/* It counts as arriving now: a provider that stalls reads a request even after we closed. */
void limiter_given_up(struct limiter *limiter, uint64_t attempt, int64_t now_us);
/* Its sender died, and sent it not after last_us: it may still be on its way. */
void limiter_lost(struct limiter *limiter, uint64_t attempt, int64_t last_us, int64_t now_us);
void limiter_unsent(struct limiter *limiter, uint64_t attempt);

/* The provider asks to wait: never shortened by a later call, at most hold_max_us from now. */
void limiter_hold(struct limiter *limiter, int64_t until_us, int64_t now_us);

/* Permits that are granted and not known to be sent are counted; the time of their sends is left to who knows
 * it. */
void limiter_remember(const struct limiter *limiter, int64_t now_us, struct limiter_memory *memory);
/* After limiter_init(), instead of N requests that were sent then. */
void limiter_restore(struct limiter *limiter, const struct limiter_memory *memory);
/* So many requests that nobody has told of may have arrived as late as that. They count with the window of
 * their time, if that is the longer one, until nothing of it is left. */
void limiter_add_past(struct limiter *limiter, unsigned count, int64_t bound_us, int64_t now_us);
/* The same of one whose answer is awaited. Errors as in limiter_grant(). */
int limiter_add_sent(struct limiter *limiter, uint64_t attempt, int64_t sent_us, int64_t now_us);

/* How long a request may be on its way at most, answer included, as far as is known. */
int64_t limiter_journey_us(const struct limiter *limiter);
int64_t limiter_d_us(const struct limiter *limiter);
int64_t limiter_g_us(const struct limiter *limiter);    /* LIMITER_NEVER while unknown */
int64_t limiter_span_us(const struct limiter *limiter); /* from u to the release: T and margin */

#endif
