/* jobs.h - the asynchronous jobs of a gateway (RFC 7240, respond-async), by the secret half of their ids.
 * Pure.
 *
 * A job is pending until its result is kept. A kept result is forgotten after a while, counted from its end;
 * earlier when there is no room for another job or its result, the oldest first. Pending ones are never
 * forgotten for room. Results are opaque: the owner says how many bytes one takes, and how to free it. */
#ifndef SLUICE_JOBS_H
#define SLUICE_JOBS_H

#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#define JOBS_SECRET_BYTES 16 /* 128 bits, drawn at random: who has them may read and cancel */

struct jobs;

struct job {
    unsigned char secret[JOBS_SECRET_BYTES];
    void *pending; /* the owner's; NULL: it is decided */
    void *result;  /* then; NULL: there was no memory for it */
    size_t bytes;
    int64_t until_us;        /* kept until then */
    struct job *prev, *next; /* the table's own, as is hh: those kept, the oldest first */
    UT_hash_handle hh;
};

struct jobs_config {
    unsigned max;     /* jobs, pending and kept together */
    size_t bytes_max; /* of kept results; a single one may be longer, and is then alone */
    int64_t keep_us;
    void (*free_result)(void *result); /* called for NULL, too */
};

/* What there is now, and what was forgotten for want of room ever since. */
struct jobs_counts {
    unsigned pending, kept;
    size_t bytes;
    uint64_t evicted_total;
};

/* NULL when out of memory. */
struct jobs *jobs_new(const struct jobs_config *config);
void jobs_free(struct jobs *jobs); /* takes NULL; frees the results */

/* A pending job, which borrows what it is pending for. NULL when all that there may be are pending, or when
 * out of memory. */
struct job *jobs_add(struct jobs *jobs, const unsigned char secret[JOBS_SECRET_BYTES], void *pending);
/* NULL when there is none (any more). */
struct job *jobs_find(const struct jobs *jobs, const unsigned char secret[JOBS_SECRET_BYTES]);

/* It is decided: takes the result. Others are forgotten where there is no room for it. */
void jobs_keep(struct jobs *jobs, struct job *job, void *result, size_t bytes, int64_t now_us);
void jobs_remove(struct jobs *jobs, struct job *job);

/* When jobs_expire() is to be called; INT64_MAX while nothing is kept. */
int64_t jobs_due_us(const struct jobs *jobs);
void jobs_expire(struct jobs *jobs, int64_t now_us);

const struct jobs_counts *jobs_counts(const struct jobs *jobs);

#endif
