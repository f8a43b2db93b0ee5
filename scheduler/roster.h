/* roster.h - who is here: every waiter by its id and by its deadline, every unfinished job by its cache key.
 * Borrows what it lists. Bounded, and all of its memory is there from birth: to list one takes none. */
#ifndef SLUICE_ROSTER_H
#define SLUICE_ROSTER_H

#include "scheduler/deadlines.h"
#include "scheduler/table.h"

struct roster {
    struct table waiters, jobs;
    struct deadlines deadlines;
};

/* For so many waiters, and jobs in flight that nobody waits for any more. 0 or -ENOMEM. */
int roster_init(struct roster *roster, unsigned waiters_max, unsigned abandoned_max);
void roster_done(struct roster *roster); /* what is listed stays yours */

unsigned roster_waiter_count(const struct roster *roster);
struct waiter *roster_find_waiter(const struct roster *roster, struct waiter_id id);
struct job *roster_find_job(const struct roster *roster, const uint8_t key[JOB_KEY_BYTES]);

/* 0, or -ENOSPC, and then nothing has changed. Ids and keys must be new. */
int roster_add_waiter(struct roster *roster, struct waiter *waiter);
int roster_add_job(struct roster *roster, struct job *job);
void roster_remove_waiter(struct roster *roster, struct waiter *waiter);
void roster_remove_job(struct roster *roster, struct job *job);

#endif
