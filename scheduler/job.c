/* job.c - see job.h. */
#include "scheduler/job.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct job *job_new(const uint8_t key[JOB_KEY_BYTES], uint64_t seq)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    memcpy(job->key, key, JOB_KEY_BYTES);
    job->seq = seq;
    job->priority = UINT8_MAX;
    return job;
}

void job_free(struct job *job)
{
    free(job);
}

static void count_priority(struct job *job, const struct waiter *waiter)
{
    if (waiter->priority < job->priority) {
        job->priority = waiter->priority;
        job->urgent = 0;
    }
    job->urgent += waiter->priority == job->priority;
}

void job_add(struct job *job, struct waiter *waiter)
{
    DL_APPEND(job->waiters, waiter);
    waiter->job = job;
    job->count++;
    count_priority(job, waiter);
    if (job->waiters == waiter || waiter->arrival_us < job->arrival_us)
        job->arrival_us = waiter->arrival_us;
}

void job_drop(struct job *job, struct waiter *waiter)
{
    const struct waiter *other;

    DL_DELETE(job->waiters, waiter);
    waiter->job = NULL;
    job->count--;
    if (waiter->priority != job->priority || --job->urgent > 0)
        return;
    job->priority = UINT8_MAX; /* the last of the most urgent: once for each class, not for each waiter */
    DL_FOREACH(job->waiters, other)
    {
        count_priority(job, other);
    }
}

struct waiter *job_shift(struct job *job)
{
    struct waiter *waiter = job->waiters;

    if (!waiter)
        return NULL;
    DL_DELETE(job->waiters, waiter);
    waiter->job = NULL;
    job->count--;
    return waiter;
}

struct waiter *waiter_new(struct waiter_id id, struct text mine)
{
    size_t bytes = offsetof(struct waiter, mine) + mine.bytes;
    struct waiter *waiter = calloc(1, bytes > sizeof(*waiter) ? bytes : sizeof(*waiter));

    if (!waiter)
        return NULL;
    waiter->id = id;
    if (mine.bytes > 0)
        memcpy(waiter->mine, mine.at, mine.bytes);
    return waiter;
}

void waiter_free(struct waiter *waiter)
{
    free(waiter);
}

int64_t job_deadline_us(const struct job *job)
{
    const struct waiter *waiter;
    int64_t latest_us = INT64_MIN;

    DL_FOREACH(job->waiters, waiter)
    {
        if (waiter->deadline_us > latest_us)
            latest_us = waiter->deadline_us;
    }
    return latest_us;
}
