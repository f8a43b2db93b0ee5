/* job.h - a job is one upstream call to make; its waiters are the requests that share the answer.
 *
 * The job has the best priority of its waiters, and lives until the last of them has left. There are as many
 * of both as requests that wait: what is only needed in flight is in flight.h. */
#ifndef SLUICE_JOB_H
#define SLUICE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/reason.h"
#include "common/text.h"

#define JOB_KEY_BYTES 16

enum job_state { JOB_QUEUED, JOB_IN_FLIGHT, JOB_IN_PAUSE /* between two attempts */, JOB_FINISHED };

struct waiter_id {
    uint64_t gateway; /* its epoch */
    uint64_t request; /* unique within that epoch */
};

struct waiter {
    struct waiter *prev, *next; /* in the job's list, or among the dismissed */
    union {
        struct job *job;        /* NULL once it has left */
        int64_t retry_after_us; /* once dismissed */
    };
    struct waiter_id id;
    int64_t arrival_us, deadline_us;
    uint32_t due;     /* place in the deadlines' heap */
    uint8_t priority; /* 0 most urgent */
    uint8_t reason;   /* enum reason, once dismissed */
    bool joined;      /* came when the call was already wanted */
    char mine[];      /* the shell's */
};

struct client;

struct job {
    uint64_t seq;          /* the order of coming: unique, kept for life */
    struct client *client; /* the queue's: whose it is */
    uint8_t key[JOB_KEY_BYTES];
    struct waiter *waiters; /* utlist: prev of the first is the last */
    void *payload;          /* the shell's */
    int64_t arrival_us;     /* of its oldest waiter, at its submission */
    int64_t granted_us;     /* last dispatch */
    uint32_t count;         /* of the waiters */
    uint32_t urgent;        /* how many of them have its priority */
    uint8_t state;          /* enum job_state */
    uint8_t priority;       /* the best of the waiters */
    uint8_t filed;          /* policy priority: the class in which it stands */
    bool starved : 1;       /* policy priority: has waited so long that it goes first */
    uint8_t tries : 7;      /* attempts that failed and are made again */
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

/* Copies what is the shell's. NULL when out of memory. */
struct waiter *waiter_new(struct waiter_id id, struct text mine);
void waiter_free(struct waiter *waiter); /* takes NULL */

/* When the last of its waiters stops waiting. INT64_MIN without waiters. */
int64_t job_deadline_us(const struct job *job);

#endif
