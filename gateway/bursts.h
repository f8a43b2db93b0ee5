/* bursts.h - the bursts of this gateway, under /admin/bursts: real requests that it makes itself, as if
 * clients had asked, by the way that those of clients take. They run on when nobody looks; what has become of
 * them can be read for a while after their end.
 *
 * A burst's id is made as that of a job is: any gateway may be asked, and passes it on. */
#ifndef SLUICE_BURSTS_H
#define SLUICE_BURSTS_H

#include "common/audit.h"
#include "common/httpd.h"
#include "gateway/burst_order.h"
#include "gateway/proxy.h"

struct bursts;

struct bursts_config {
    uint64_t epoch;   /* the gateway's */
    unsigned max;     /* running and kept together; kept ones make room */
    size_t bytes_max; /* of those kept */
    int64_t keep_us;
    struct burst_limits limits;
    struct proxy *proxy; /* borrowed, as are these */
    struct metrics *metrics;
    struct audit *audit;
};

/* NULL when out of memory. */
struct bursts *bursts_new(const struct bursts_config *config);
/* Takes NULL. The proxy must have been freed before: it knows those on their way. */
void bursts_free(struct bursts *bursts);

/* A request of a path of /admin/bursts (burst_call_is()) of somebody who may give orders. */
void bursts_request(struct bursts *bursts, struct httpd_exchange *exchange,
                    const struct http_request *request, struct text request_id, const char *who,
                    const struct moment *moment);
/* Another gateway asks. */
void bursts_asked(struct bursts *bursts, const struct visitor *visitor, const struct message_query *query,
                  const struct moment *moment);

/* Begins what is due, and ends what is over; to be called at bursts_due_us(), and whenever the proxy may have
 * told an end. */
void bursts_run(struct bursts *bursts, const struct moment *moment);
int64_t bursts_due_us(const struct bursts *bursts); /* INT64_MAX: nothing is to be begun before an end */

/* The gateway is going to end: no more bursts, and no more requests of those that there are. */
void bursts_drain(struct bursts *bursts);

/* Writes what there is now into the metrics. */
void bursts_gauge(const struct bursts *bursts);

#endif
