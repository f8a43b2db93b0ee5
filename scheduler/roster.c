/* roster.c - see roster.h. */
#include "scheduler/roster.h"

#include <errno.h>

_Static_assert(sizeof(struct waiter_id) == TABLE_KEY_BYTES, "a waiter is found by its id");
_Static_assert(JOB_KEY_BYTES == TABLE_KEY_BYTES, "a job is found by its key");

int roster_init(struct roster *roster, unsigned waiters_max, unsigned abandoned_max)
{
    *roster = (struct roster){.waiters = {.things = NULL}};
    if (table_init(&roster->waiters, waiters_max, offsetof(struct waiter, id)) == 0 &&
        table_init(&roster->jobs, waiters_max + abandoned_max, offsetof(struct job, key)) == 0 &&
        deadlines_init(&roster->deadlines, waiters_max) == 0)
        return 0;
    roster_done(roster);
    return -ENOMEM;
}

void roster_done(struct roster *roster)
{
    table_done(&roster->waiters);
    table_done(&roster->jobs);
    deadlines_done(&roster->deadlines);
}

unsigned roster_waiter_count(const struct roster *roster)
{
    return roster->waiters.count;
}

struct waiter *roster_find_waiter(const struct roster *roster, struct waiter_id id)
{
    return table_find(&roster->waiters, &id);
}

struct job *roster_find_job(const struct roster *roster, const uint8_t key[JOB_KEY_BYTES])
{
    return table_find(&roster->jobs, key);
}

int roster_add_waiter(struct roster *roster, struct waiter *waiter)
{
    int rc = table_add(&roster->waiters, waiter);

    if (rc == 0)
        deadlines_add(&roster->deadlines, waiter);
    return rc;
}

int roster_add_job(struct roster *roster, struct job *job)
{
    return table_add(&roster->jobs, job);
}

void roster_remove_waiter(struct roster *roster, struct waiter *waiter)
{
    table_remove(&roster->waiters, waiter);
    deadlines_remove(&roster->deadlines, waiter);
}

void roster_remove_job(struct roster *roster, struct job *job)
{
    table_remove(&roster->jobs, job);
}
