/* job_call.h - the names of asynchronous jobs, and what a request under /jobs wants of one: its path, method
 * and query, read strictly. Pure.
 *
 * "0011223344556677-00112233445566778899aabbccddeeff": the epoch of the gateway whose it is, and the secret.
 */
#ifndef SLUICE_JOB_CALL_H
#define SLUICE_JOB_CALL_H

#include "common/http_request.h"
#include "gateway/jobs.h"

#define JOB_PATH        "/jobs/"
#define JOB_ID_BYTES    (16 + 1 + 2 * JOBS_SECRET_BYTES)
#define JOB_WAIT_MAX_US 60000000
#define JOB_ALLOW       "GET, HEAD, DELETE"

struct job_name {
    uint64_t gateway;
    unsigned char secret[JOBS_SECRET_BYTES];
};

struct job_call {
    struct job_name name;
    bool cancels;       /* else it is to be told */
    int64_t wait_us;    /* its end may be awaited so long */
    const char *detail; /* why not */
};

struct text job_name_write(const struct job_name *name, char id[JOB_ID_BYTES]);
/* False: it is no such name. */
bool job_name_read(struct text id, struct job_name *name);

/* Whether that path is of /jobs. */
bool job_call_is(struct text path);

/* 0, or the status to refuse with: 400, 404 or 405. */
int job_call_read(const struct http_request *request, struct job_call *call);

#endif
