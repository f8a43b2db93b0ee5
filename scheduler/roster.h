/* roster.h - who is here: every waiter by its id and by its deadline, every unfinished job by its cache key.
 * Borrows what it lists. */
#ifndef SLUICE_ROSTER_H
#define SLUICE_ROSTER_H

#include "scheduler/deadlines.h"

struct roster {
    struct waiter *waiters; /* uthash */
    struct job *jobs;       /* uthash */
    struct deadlines deadlines;
};

void roster_init(struct roster *roster);
void roster_done(struct roster *roster); /* what is listed stays yours */

unsigned roster_waiter_count(const struct roster *roster);
struct waiter *roster_find_waiter(const struct roster *roster, struct waiter_id id);
struct job *roster_find_job(const struct roster *roster, const uint8_t key[JOB_KEY_BYTES]);

/* 0 or -ENOMEM, and then nothing has changed. Ids and keys must be new. */
int roster_add_waiter(struct roster *roster, struct waiter *waiter);
int roster_add_job(struct roster *roster, struct job *job);
void roster_remove_waiter(struct roster *roster, struct waiter *waiter);
void roster_remove_job(struct roster *roster, struct job *job);

#endif
