/* snapshot.h - the whole stack's values as pairs of a name and a number: what the feed's `snapshot` message
 * and /api/state tell.
 *
 * values: `gateway.requests_total`, with labels `gateway.refused_total{reason="queue_full"}`; durations in
 * microseconds; of each histogram `gateway.request_seconds.count` and `.sum_us`; `gateway.up`, how many
 * processes of that kind are up. quantiles: `gateway.request_seconds.p50`, `.p90`, `.p95`, `.p99` in
 * microseconds, since the start. Every name is there from the first snapshot on. Pure. */
#ifndef SLUICE_METRICSD_SNAPSHOT_H
#define SLUICE_METRICSD_SNAPSHOT_H

#include "metricsd/store.h"

#define SNAPSHOT_SCHEMA    1
#define SNAPSHOT_POINTS    4 /* quantiles of each histogram */
#define SNAPSHOT_VALUES    (METRIC_COUNT + 2 * HISTOGRAM_COUNT + STORE_KINDS)
#define SNAPSHOT_QUANTILES (SNAPSHOT_POINTS * HISTOGRAM_COUNT)
#define SNAPSHOT_KEY_BYTES 96

extern const struct snapshot_point {
    const char *name;
    double quantile;
} snapshot_points[SNAPSHOT_POINTS];

/* `gateway.request_seconds.p50`, in a room of SNAPSHOT_KEY_BYTES. */
void snapshot_key(char *room, enum metric_histogram histogram, const char *what);

struct snapshot {
    uint64_t seq;  /* the feed's sequence number it stands at */
    int64_t at_us; /* wall clock */
    unsigned port; /* where the dashboard is served */
    struct message_pair values[SNAPSHOT_VALUES];
    struct message_pair quantiles[SNAPSHOT_QUANTILES];
    char keys[SNAPSHOT_VALUES + SNAPSHOT_QUANTILES][SNAPSHOT_KEY_BYTES];
};

/* Makes the names; every value is 0. Do not move it afterwards. */
void snapshot_init(struct snapshot *snapshot);

/* Takes down how the store stands; sum is its store_sum(). Leaves seq, at_us and port alone. */
void snapshot_fill(struct snapshot *snapshot, const struct store *store, const struct metrics *sum,
                   int64_t now_us);

/* The feed's message; it borrows from the snapshot. */
struct message snapshot_message(const struct snapshot *snapshot);

#endif
