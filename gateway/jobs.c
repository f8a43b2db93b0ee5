/* jobs.c - see jobs.h. Everything is kept equally long, so the oldest kept result is also the next to expire.
 */
#define HASH_NONFATAL_OOM 1 /* uthash would exit(); with this a failed add leaves hh.tbl NULL */
#include "gateway/jobs.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

struct jobs {
    struct jobs_config config;
    struct job *all;  /* uthash */
    struct job *kept; /* utlist, the oldest first */
    struct jobs_counts counts;
};

struct jobs *jobs_new(const struct jobs_config *config)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));

    if (jobs)
        jobs->config = *config;
    return jobs;
}

static void release(struct jobs *jobs, struct job *job)
{
    assert(jobs->all); /* it is in there */
    HASH_DEL(jobs->all, job);
    free(job);
}

static void forget_kept(struct jobs *jobs, struct job *job)
{
    DL_DELETE(jobs->kept, job);
    jobs->counts.kept--;
    jobs->counts.bytes -= job->bytes;
    jobs->config.free_result(job->result);
    release(jobs, job);
}

void jobs_remove(struct jobs *jobs, struct job *job)
{
    if (!job->pending) {
        forget_kept(jobs, job);
        return;
    }
    jobs->counts.pending--;
    release(jobs, job);
}

void jobs_free(struct jobs *jobs)
{
    struct job *job, *next;

    if (!jobs)
        return;
    HASH_ITER(hh, jobs->all, job, next)
    {
        jobs_remove(jobs, job);
    }
    free(jobs);
}

static bool evict(struct jobs *jobs)
{
    if (!jobs->kept)
        return false;
    forget_kept(jobs, jobs->kept);
    jobs->counts.evicted_total++;
    return true;
}

struct job *jobs_add(struct jobs *jobs, const unsigned char secret[JOBS_SECRET_BYTES], void *pending)
{
    struct job *job;

    if (HASH_COUNT(jobs->all) >= jobs->config.max && !evict(jobs))
        return NULL;
    job = calloc(1, sizeof(*job));
    if (!job)
        return NULL;
    memcpy(job->secret, secret, sizeof(job->secret));
    job->pending = pending;
    HASH_ADD(hh, jobs->all, secret, sizeof(job->secret), job);
    if (!job->hh.tbl) {
        free(job);
        return NULL;
    }
    jobs->counts.pending++;
    return job;
}

struct job *jobs_find(const struct jobs *jobs, const unsigned char secret[JOBS_SECRET_BYTES])
{
    struct job *found;

    HASH_FIND(hh, jobs->all, secret, JOBS_SECRET_BYTES, found);
    return found;
}

void jobs_keep(struct jobs *jobs, struct job *job, void *result, size_t bytes, int64_t now_us)
{
    while (jobs->counts.bytes + bytes > jobs->config.bytes_max && evict(jobs))
        continue;
    job->pending = NULL;
    job->result = result;
    job->bytes = bytes;
    job->until_us = now_us + jobs->config.keep_us;
    DL_APPEND(jobs->kept, job);
    jobs->counts.pending--;
    jobs->counts.kept++;
    jobs->counts.bytes += bytes;
}

int64_t jobs_due_us(const struct jobs *jobs)
{
    return jobs->kept ? jobs->kept->until_us : INT64_MAX;
}

void jobs_expire(struct jobs *jobs, int64_t now_us)
{
    while (jobs->kept && jobs->kept->until_us <= now_us)
        forget_kept(jobs, jobs->kept);
}

const struct jobs_counts *jobs_counts(const struct jobs *jobs)
{
    return &jobs->counts;
}
