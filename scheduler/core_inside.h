/* core_inside.h - what the files of the core share. For them alone. */
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
    struct retries retries;
    struct waiter *dismissed; /* utlist: left, and not yet given by core_expire() */
    struct notes notes;
    unsigned queued_max;
    uint64_t submitted, resubmitted; /* for seqs */
    int64_t born_us;
    uint64_t last_attempt;

    bool past_told;        /* by a fetcher, of the epoch before */
    int64_t known_us;      /* up to when all sends of that epoch are known, but those in unknown */
    unsigned unknown;      /* sends whose end it has not lived to see */
    int64_t unknown_at_us; /* sent not after that, or a little later where the connection took long */

    bool fetcher_ready, stopped, paused;
    bool held;             /* a hold is on, and its end not noted yet */
    int64_t hold_since_us; /* when it began, or this epoch */
    unsigned credits;
    enum core_breaker breaker_state;
    int64_t breaker_until_us;

    int64_t interval_us;                 /* between slots, while work waited: smoothed */
    unsigned interval_count;             /* slots it stands on, up to those over which it is smoothed */
    int64_t slots_us[LIMITER_BURST_MAX]; /* the latest `burst` ones, in a ring */
    uint64_t slot_count;
    unsigned slot_run;        /* slots in a row for which work waited */
    int64_t last_earliest_us; /* of the latest grant */
    bool work_waited;         /* ever since that grant */
    int64_t learnt_us;        /* when the last answer came */
    int64_t progress_us;      /* when something last moved, or work came to an empty queue */
};

/* To a queue that was empty. */
void core_work_comes(struct core *core, int64_t now_us);
/* Takes the waiter out; core_expire() will give it. Its job goes with the last one. */
void core_dismiss(struct core *core, struct waiter *waiter, enum reason reason, int64_t retry_after_us);
/* Who is to leave, and what it is told. */
struct core_leaving {
    uint64_t gateway; /* those of this one; 0: of all */
    int64_t until_us; /* whose deadline is not after that time */
    enum reason reason;
    int64_t retry_after_us;
};

/* Dismisses those of the job's waiters. False: nobody is left, and the job, unless it is in flight, is gone.
 */
bool core_dismiss_of(struct core *core, struct job *job, const struct core_leaving *who);
/* The same for every job in the queue, that time being step_us later from burst to burst. */
void core_sweep(struct core *core, const struct core_leaving *who, int64_t step_us);
/* Grants that are not sent yet are to come back. */
void core_recall_unsent(struct core *core, enum reason reason);

/* What a decision is about; empty members are none. A value below 0 is noted as 0. */
struct core_about {
    const struct job *job; /* its first waiter is who the note names */
    uint64_t attempt;
    enum reason reason;
    int64_t value;
};

/* Its place among all that wait, 1 is next: those in a pause are expected back before the queue. 0: in
 * flight. */
unsigned core_position(const struct core *core, const struct job *job);
/* The job at that place, from 0; NULL beyond the end. */
struct job *core_at(const struct core *core, unsigned place);

/* core_notes.c */
void core_note(struct core *core, enum decision_id decision, const struct core_about *about);

/* core_eta.c */
/* Expected between two slots while work waits: measured, and little by little rather that than computed. */
int64_t core_interval_us(const struct core *core);
/* When the job with so many ahead of it in the queue is expected to be sent. */
int64_t core_slot_us(const struct core *core, unsigned ahead, int64_t now_us);
/* Expected time until its answer. */
int64_t core_eta_us(const struct core *core, unsigned ahead, int64_t now_us);
/* The same for a job that is queued or in flight. */
int64_t core_eta_of(struct core *core, const struct job *job, int64_t now_us);
/* The best that can be hoped for it, were it to be sent next and nothing else in flight. */
int64_t core_hope_us(const struct core *core, int64_t now_us);
/* By how much more its slot may be late without being out of the ordinary. */
int64_t core_slip_us(const struct core *core, unsigned ahead);

#endif
