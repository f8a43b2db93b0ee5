/* feed.h - what metricsd last told on its feed: the whole stack's values, and the same as Prometheus text.
 * Reads no clock; what is older than 10 s counts as absent. */
#ifndef SLUICE_FEED_H
#define SLUICE_FEED_H

#include "common/bus.h"

#define FEED_AGE_MAX_US 10000000

/* The values that are picked out of a snapshot. VALUE(id, key) */
#define FEED_VALUES(VALUE)                                                                                   \
    VALUE(REQUESTS, "gateway.requests_total")                                                                \
    VALUE(SUCCESSFUL, "gateway.requests_successful_total")                                                   \
    VALUE(FAILED, "gateway.requests_failed_total")                                                           \
    VALUE(DROPPED, "gateway.requests_dropped_total")                                                         \
    VALUE(QUEUE, "scheduler.queue_length")                                                                   \
    VALUE(LATENCY_SUM_US, "gateway.request_seconds.sum_us")                                                  \
    VALUE(LATENCY_COUNT, "gateway.request_seconds.count")

enum feed_value {
#define VALUE(id, key) FEED_##id,
    FEED_VALUES(VALUE)
#undef VALUE
        FEED_VALUE_COUNT
};

struct feed {
    bool has_snapshot, has_exposition;
    unsigned port;                      /* where metricsd serves HTTP; 0: it has not told */
    int64_t snapshot_us, exposition_us; /* when they came */
    int64_t values[FEED_VALUE_COUNT];   /* 0 for what the snapshot did not hold */
    struct bus_body *exposition;
};

/* All zero is an empty feed. */
void feed_done(struct feed *feed);
/* Takes note of a message of the feed; keeps the body if it needs it. */
void feed_take(struct feed *feed, const struct message *message, struct bus_body *body, int64_t now_us);

/* The values, or NULL when there are none of late. */
const int64_t *feed_snapshot(const struct feed *feed, int64_t now_us);
/* Borrowed until the next feed_take(); at == NULL when there is none of late. */
struct text feed_exposition(const struct feed *feed, int64_t now_us);

#endif
