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
    job->place.seq = seq;
    job->priority = UINT8_MAX;
    return job;
}

void job_free(struct job *job)
{
    free(job);
}

void job_add(struct job *job, struct waiter *waiter)
{
    DL_APPEND(job->waiters, waiter);
    waiter->job = job;
    job->waiter_count++;
    if (waiter->priority < job->priority)
        job->priority = waiter->priority;
    if (job->waiter_count == 1 || waiter->arrival_us < job->arrival_us)
        job->arrival_us = waiter->arrival_us;
}

void job_drop(struct job *job, struct waiter *waiter)
{
    const struct waiter *other;

    DL_DELETE(job->waiters, waiter);
    waiter->job = NULL;
    job->waiter_count--;
    if (waiter->priority != job->priority)
        return;
    job->priority = UINT8_MAX;
    DL_FOREACH(job->waiters, other)
    {
        if (other->priority < job->priority)
            job->priority = other->priority;
        if (job->priority == waiter->priority)
            return;
    }
}

struct waiter *job_shift(struct job *job)
{
    struct waiter *waiter = job->waiters;

    if (!waiter)
        return NULL;
    DL_DELETE(job->waiters, waiter);
    waiter->job = NULL;
    job->waiter_count--;
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
