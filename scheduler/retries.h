/* retries.h - another attempt for what has failed: whether it can be afforded, after which pause, and who is
 * in such a pause.
 *
 * The pause doubles from attempt to attempt and is drawn evenly from nothing to that ("full jitter"): callers
 * that failed together do not come back together. The budget is a token bucket: each slot pays in a share,
 * each retry takes out a whole, so that a failing provider gets no more than that share on top. Pure. */
#ifndef SLUICE_RETRIES_H
#define SLUICE_RETRIES_H

#include "scheduler/queue.h"

#define RETRIES_MAX       128 /* calls that are in a pause at a time */
#define RETRIES_RESERVE   5   /* retries that may be saved up, and are at the start */
#define RETRIES_TRIES_MAX 100

struct retries_config {
    unsigned tries_max;      /* retries of one call, 0..RETRIES_TRIES_MAX */
    unsigned budget_percent; /* of the slots, 0..100 */
    int64_t base_us, cap_us; /* the first pause is at most base, each next one at most twice the one before */
    uint64_t seed;           /* of the pauses */
};

struct retry {
    struct job *job;
    struct queue_place place; /* where it waited, and goes back to */
    int64_t due_us;
};

struct retries {
    struct retries_config config;
    unsigned hundredths; /* of a retry that are saved up */
    unsigned short random[3];
    unsigned count;
    struct retry table[RETRIES_MAX]; /* the first count are in use, in no order */
    uint64_t total, denied_total;    /* made; not made for want of budget */
};

void retries_init(struct retries *retries, const struct retries_config *config);

/* A slot has been spent, for whatever attempt. */
void retries_earn(struct retries *retries);

/* Draws the pause before the job's next attempt. False: it has had as many as it may have, or there is no
 * budget or no room. */
bool retries_draw(struct retries *retries, const struct job *job, int64_t *pause_us);

/* After retries_draw(): spends from the budget, and the job is in its pause. */
void retries_add(struct retries *retries, struct job *job, const struct queue_place *place, int64_t due_us);
/* The job must be in its pause. How many are listed before it changes with each removal. */
unsigned retries_place(const struct retries *retries, const struct job *job);
void retries_remove(struct retries *retries, const struct job *job);

/* The one whose pause ends first; NULL when there is none. Borrowed until another is added or removed. */
const struct retry *retries_first(const struct retries *retries);

#endif
