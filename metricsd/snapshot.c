/* snapshot.c - see snapshot.h. */
#include "metricsd/snapshot.h"

#include <stdarg.h>
#include <stdio.h>

_Static_assert(SNAPSHOT_VALUES <= MESSAGE_PAIRS && SNAPSHOT_QUANTILES <= MESSAGE_PAIRS,
               "a snapshot is one message");

static const struct {
    const char *name;
    double quantile;
} points[SNAPSHOT_POINTS] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}};

static void set_key(struct message_pair *pair, char room[SNAPSHOT_KEY_BYTES], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_key(struct message_pair *pair, char room[SNAPSHOT_KEY_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(room, SNAPSHOT_KEY_BYTES, format, args);
    va_end(args);
    *pair = (struct message_pair){.key = text_of(room)};
}

void snapshot_init(struct snapshot *snapshot)
{
    struct message_pair *value = snapshot->values, *quantile = snapshot->quantiles;
    char(*key)[SNAPSHOT_KEY_BYTES] = snapshot->keys;

    snapshot->seq = 0;
    snapshot->at_us = 0;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        set_key(value++, *key++, "%s.%s", spec->process, spec->key);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram_spec *spec = metric_histogram_spec((enum metric_histogram)i);

        set_key(value++, *key++, "%s.%s.count", spec->process, spec->name);
        set_key(value++, *key++, "%s.%s.sum_us", spec->process, spec->name);
        for (int p = 0; p < SNAPSHOT_POINTS; p++)
            set_key(quantile++, *key++, "%s.%s.%s", spec->process, spec->name, points[p].name);
    }
    for (int i = 0; i < STORE_KINDS; i++)
        set_key(value++, *key++, "%s.up", store_kind_name((enum store_kind)i));
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
            (quantile++)->value = histogram_quantile_us(histogram, points[p].quantile);
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
    message.snapshot.values = (struct message_pairs){.count = SNAPSHOT_VALUES, .items = snapshot->values};
    message.snapshot.quantiles =
        (struct message_pairs){.count = SNAPSHOT_QUANTILES, .items = snapshot->quantiles};
    return message;
}
