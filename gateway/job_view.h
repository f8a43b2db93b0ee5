/* job_view.h - what is told of an asynchronous job while it is not decided: a 202 with its state. Pure.
 *
 *   queued     waits for its slot, at that position (1 is next)
 *   in_flight  its upstream call is being made
 *   waiting    for the scheduler, which is away or has not been told of it yet
 *
 * Once it is decided its answer is the result, as done; cancelled is told to who awaits the end of one that
 * is being cancelled. The field Sluice-Job says the state: without it an answer is about the address. */
#ifndef SLUICE_JOB_VIEW_H
#define SLUICE_JOB_VIEW_H

#include "gateway/render.h"

#define JOB_DONE      "done"
#define JOB_CANCELLED "cancelled"

#define JOB_VIEW_BYTES 512 /* of a body */

/* Where its request stands with the scheduler. */
struct job_place {
    uint64_t position; /* 0: in flight */
    int64_t eta_us;    /* expected time until the answer; below 0: unknown */
};

struct job_view {
    struct text id, request_id;
    const struct job_place *place; /* NULL: it is not with the scheduler */
    int64_t remain_us;             /* until its deadline */
    int64_t defer_s;               /* as in struct patience: this is the answer to that; -1: it is not */
};

struct text job_view_fields(char fields[RENDER_FIELDS_BYTES], const struct job_view *view);
struct text job_view_body(char body[JOB_VIEW_BYTES], const struct job_view *view);

#endif
