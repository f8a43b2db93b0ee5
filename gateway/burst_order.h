/* burst_order.h - what an operator wants of a burst: the body of POST /admin/bursts, read strictly. Pure.
 *
 *   lane         whose provider is asked; the first one unless told
 *   cpfs         a list of what to ask for, one request each; or
 *   cpf, repeat  one thing, so often (once unless told)
 *   client_id    as in the field `client-id`; the gateway's own unless told
 *   priority     0 to 99 for all, or a list of such, of which each request takes the next in turn
 *   concurrency  so many are on their way at most; as many as allowed unless told
 *   rate         so many a second begin at most; no bound unless told
 *
 * What is asked for is only looked at for its length: whether it is good is for the requests to find out. */
#ifndef SLUICE_BURST_ORDER_H
#define SLUICE_BURST_ORDER_H

#include "gateway/admin_body.h"
#include "gateway/lane.h"

#define BURST_SUBJECT_BYTES  32 /* of one thing that is asked for, as it was given */
#define BURST_PRIORITIES_MAX 16
#define BURST_RATE_MAX       10000

struct burst_limits {
    unsigned requests_max, concurrency_max;
};

struct burst_order {
    const struct lane *lane;
    char (*subjects)[BURST_SUBJECT_BYTES + 1]; /* owned: one for each request, or a single one for all */
    unsigned subject_count, count;             /* requests */
    unsigned priority_count;                   /* 0: that of any request */
    unsigned char priorities[BURST_PRIORITIES_MAX];
    unsigned concurrency;
    double rate; /* 0: no bound */
    char client_id[CALLER_CLIENT_BYTES + 1];
};

/* 0; -EINVAL with the detail, or -ENOMEM, and there is nothing to be done with the order then. */
int burst_order_read(struct text body, const struct burst_limits *limits, struct burst_order *order,
                     char detail[ADMIN_DETAIL_BYTES]);
/* Also after a failure. */
void burst_order_done(struct burst_order *order);

#endif
