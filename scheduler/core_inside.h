/* core_inside.h - what core.c and core_dispatch.c share. For them alone. */
#ifndef SLUICE_CORE_INSIDE_H
#define SLUICE_CORE_INSIDE_H

#include "scheduler/core.h"
#include "scheduler/roster.h"

struct core {
    struct core_config config;
    struct limiter limiter;
    struct queue queue;
    struct roster roster;
    struct flights flights;
    struct waiter *dismissed; /* utlist: left, and not yet given by core_expire() */
    uint64_t submitted;       /* for seqs */
    uint64_t last_attempt;

    bool fetcher_ready, stopped, paused;
    unsigned credits;
    enum core_breaker breaker_state;
    int64_t breaker_until_us;

    int64_t interval_us;      /* between slots, while work waited: smoothed */
    int64_t last_earliest_us; /* of the latest grant */
    bool work_waited;         /* ever since that grant */
    int64_t progress_us;      /* when something last moved, or work came to an empty queue */
};

/* Takes the waiter out; core_expire() will give it. Its job goes with the last one. */
void core_dismiss(struct core *core, struct waiter *waiter, enum reason reason, int64_t retry_after_us);
/* Dismisses those of the job's waiters whose deadline is not after that time. False: the job is gone. */
bool core_dismiss_of(struct core *core, struct job *job, int64_t until_us, enum reason reason,
                     int64_t retry_after_us);
/* The same for every job in the queue. */
void core_sweep(struct core *core, int64_t until_us, enum reason reason, int64_t retry_after_us);
/* Grants that are not sent yet are to come back. */
void core_recall_unsent(struct core *core);
/* Expected time until the answer for a job with so many ahead of it in the queue. */
int64_t core_eta_us(const struct core *core, unsigned ahead, int64_t now_us);

#endif
