/* roster.c - see roster.h. */
#define HASH_NONFATAL_OOM 1 /* uthash would exit(); with this a failed add leaves hh.tbl NULL */
#include "scheduler/roster.h"

#include <errno.h>

void roster_init(struct roster *roster)
{
    *roster = (struct roster){.waiters = NULL};
    deadlines_init(&roster->deadlines);
}

void roster_done(struct roster *roster)
{
    HASH_CLEAR(hh, roster->waiters);
    HASH_CLEAR(hh, roster->jobs);
    deadlines_done(&roster->deadlines);
}

unsigned roster_waiter_count(const struct roster *roster)
{
    return HASH_COUNT(roster->waiters);
}

struct waiter *roster_find_waiter(const struct roster *roster, struct waiter_id id)
{
    struct waiter *found;

    HASH_FIND(hh, roster->waiters, &id, sizeof(id), found);
    return found;
}

struct job *roster_find_job(const struct roster *roster, const uint8_t key[JOB_KEY_BYTES])
{
    struct job *found;

    HASH_FIND(hh, roster->jobs, key, JOB_KEY_BYTES, found);
    return found;
}

int roster_add_waiter(struct roster *roster, struct waiter *waiter)
{
    if (deadlines_add(&roster->deadlines, waiter) < 0)
        return -ENOMEM;
    HASH_ADD(hh, roster->waiters, id, sizeof(waiter->id), waiter);
    if (waiter->hh.tbl)
        return 0;
    deadlines_remove(&roster->deadlines, waiter);
    return -ENOMEM;
}

int roster_add_job(struct roster *roster, struct job *job)
{
    HASH_ADD(hh, roster->jobs, key, JOB_KEY_BYTES, job);
    return job->hh.tbl ? 0 : -ENOMEM;
}

void roster_remove_waiter(struct roster *roster, struct waiter *waiter)
{
    HASH_DEL(roster->waiters, waiter);
    deadlines_remove(&roster->deadlines, waiter);
}

void roster_remove_job(struct roster *roster, struct job *job)
{
    HASH_DEL(roster->jobs, job);
}
