/* burst_view.h - what is told of a burst, as JSON: how it stands, what it has come to, and its results by
 * their index. What was asked for is masked. Pure. */
#ifndef SLUICE_BURST_VIEW_H
#define SLUICE_BURST_VIEW_H

#include "gateway/burst.h"
#include "gateway/burst_call.h"

#define BURST_HEAD_BYTES    1024 /* of how it stands */
#define BURST_SUMMARY_BYTES 4096
#define BURST_RESULT_BYTES  512
#define BURST_VIEW_BYTES    (BURST_HEAD_BYTES + BURST_SUMMARY_BYTES + BURST_LIMIT_MAX * BURST_RESULT_BYTES)

struct burst_view {
    const struct burst *burst;
    const struct burst_summary *summary;
    struct text id, request_id; /* of the burst; of the request that has ordered it */
    int64_t now_us;
    unsigned limit, from; /* of the results */
};

/* How it stands, as an object. */
void burst_view_head(struct json *json, const struct burst_view *view);
/* The same with summary and results. Needs at most BURST_VIEW_BYTES; empty when there is less. */
struct text burst_view_whole(char *room, size_t bytes, const struct burst_view *view);

#endif
