/* snapshot.c - see snapshot.h. */
#include "metricsd/snapshot.h"

#include <stdio.h>

_Static_assert(SNAPSHOT_VALUES <= MESSAGE_PAIRS && SNAPSHOT_QUANTILES <= MESSAGE_PAIRS,
               "a snapshot is one message");

const struct snapshot_point snapshot_points[SNAPSHOT_POINTS] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}};

void snapshot_key(char *room, enum metric_histogram histogram, const char *what)
{
    const struct histogram_spec *spec = metric_histogram_spec(histogram);

    snprintf(room, SNAPSHOT_KEY_BYTES, "%s.%s.%s", spec->process, spec->name, what);
}

static void set_key(struct message_pair *pair, const char *key)
{
    *pair = (struct message_pair){.key = text_of(key)};
}

void snapshot_init(struct snapshot *snapshot)
{
    struct message_pair *value = snapshot->values, *quantile = snapshot->quantiles;
    char(*key)[SNAPSHOT_KEY_BYTES] = snapshot->keys;

    snapshot->seq = 0;
    snapshot->at_us = 0;
    for (int i = 0; i < METRIC_COUNT; i++, key++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        snprintf(*key, SNAPSHOT_KEY_BYTES, "%s.%s", spec->process, spec->key);
        set_key(value++, *key);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        snapshot_key(*key, (enum metric_histogram)i, "count");
        set_key(value++, *key++);
        snapshot_key(*key, (enum metric_histogram)i, "sum_us");
        set_key(value++, *key++);
        for (int p = 0; p < SNAPSHOT_POINTS; p++, key++) {
            snapshot_key(*key, (enum metric_histogram)i, snapshot_points[p].name);
            set_key(quantile++, *key);
        }
    }
    for (int i = 0; i < STORE_KINDS; i++, key++) {
        snprintf(*key, SNAPSHOT_KEY_BYTES, "%s.up", store_kind_name((enum store_kind)i));
        set_key(value++, *key);
    }
}

void snapshot_fill(struct snapshot *snapshot, const struct store *store, const struct metrics *sum,
                   int64_t now_us)
{
    struct message_pair *value = snapshot->values, *quantile = snapshot->quantiles;

    for (int i = 0; i < METRIC_COUNT; i++)
        (value++)->value = sum->values[i];
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram *histogram = &sum->histograms[i];

        (value++)->value = (int64_t)histogram->count;
        (value++)->value = (int64_t)histogram->sum_us;
        for (int p = 0; p < SNAPSHOT_POINTS; p++)
            (quantile++)->value = histogram_quantile_us(histogram, snapshot_points[p].quantile);
    }
    for (int i = 0; i < STORE_KINDS; i++)
        (value++)->value = store_kind_up(store, (enum store_kind)i, now_us);
}

struct message snapshot_message(const struct snapshot *snapshot)
{
    struct message message = {.type = MESSAGE_TYPE_snapshot};

    message.snapshot.schema = SNAPSHOT_SCHEMA;
    message.snapshot.seq = snapshot->seq;
    message.snapshot.at_us = snapshot->at_us;
    message.snapshot.port = snapshot->port;
    message.snapshot.values = (struct message_pairs){.count = SNAPSHOT_VALUES, .items = snapshot->values};
    message.snapshot.quantiles =
        (struct message_pairs){.count = SNAPSHOT_QUANTILES, .items = snapshot->quantiles};
    return message;
}
