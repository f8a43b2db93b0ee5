/* job.h - a job is one upstream call to make; its waiters are the requests that share the answer.
 *
 * The job has the best priority of its waiters, and lives until the last of them has left. */
#ifndef SLUICE_JOB_H
#define SLUICE_JOB_H

#include <stdint.h>
#include <uthash.h>

#include "common/reason.h"
#include "scheduler/order.h"

#define JOB_KEY_BYTES 16

enum job_state { JOB_QUEUED, JOB_IN_FLIGHT, JOB_FINISHED };

struct waiter_id {
    uint64_t gateway; /* its epoch */
    uint64_t request; /* unique within that epoch */
};

struct waiter {
    struct waiter *prev, *next; /* in the job's list, or among the dismissed */
    struct job *job;
    struct waiter_id id;
    int64_t arrival_us, deadline_us;
    int64_t retry_after_us; /* once dismissed */
    void *mine;             /* the shell's */
    uint32_t due;           /* place in the deadlines' heap */
    uint8_t priority;       /* 0 most urgent */
    uint8_t reason;         /* enum reason, once dismissed */
    bool joined;            /* came when the call was already wanted */
    UT_hash_handle hh;
};

struct client;

struct job {
    struct order_node place; /* key: the policy's; seq: the order of coming, kept for life */
    struct order_node index; /* a second one, for policies that need it */
    struct client *client;   /* the queue's: whose it is */
    uint8_t key[JOB_KEY_BYTES];
    struct waiter *waiters; /* utlist: prev of the first is the last */
    void *payload;          /* the shell's */
    uint64_t attempt;       /* in flight: the attempt */
    int64_t arrival_us;     /* of its oldest waiter, at its submission */
    int64_t granted_us;     /* last dispatch */
    uint32_t waiter_count;
    uint16_t attempts; /* made so far */
    uint8_t state;     /* enum job_state */
    uint8_t priority;  /* the best of the waiters */
    bool starved;      /* policy priority: has waited so long that it goes first */
    UT_hash_handle hh;
};

/* NULL when out of memory. */
struct job *job_new(const uint8_t key[JOB_KEY_BYTES], uint64_t seq);
/* Takes the job, which has no waiters; not its payload. Takes NULL. */
void job_free(struct job *job);

/* Takes the waiter as the last one. The caller keeps the queue informed of a changed priority. */
void job_add(struct job *job, struct waiter *waiter);
/* Gives the waiter back. */
void job_drop(struct job *job, struct waiter *waiter);

/* Gives the first of its waiters; NULL when there is none (left). For the end of the job: its priority stays.
 */
struct waiter *job_shift(struct job *job);
void waiter_free(struct waiter *waiter); /* not what is mine; takes NULL */

/* When the last of its waiters stops waiting. INT64_MIN without waiters. */
int64_t job_deadline_us(const struct job *job);

#endif
