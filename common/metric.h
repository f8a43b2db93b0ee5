/* metric.h - the values that a process counts, declared in one table (metrics.def). Pure. */
#ifndef SLUICE_METRIC_H
#define SLUICE_METRIC_H

#include "common/histogram.h"
#include "common/reason.h"
#include "common/text.h"

enum metric {
#define METRIC(id, kind, process, name, labels, help) METRIC_##id,
#define HISTOGRAM(id, process, name, help)
#include "common/metrics.def"
#undef METRIC
#undef HISTOGRAM
    METRIC_COUNT
};

enum metric_histogram {
#define METRIC(id, kind, process, name, labels, help)
#define HISTOGRAM(id, process, name, help) HISTOGRAM_##id,
#include "common/metrics.def"
#undef METRIC
#undef HISTOGRAM
    HISTOGRAM_COUNT
};

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_SECONDS };

struct metric_spec {
    enum metric_kind kind;
    const char *process, *name, *labels, *help;
    const char *key; /* in `totals`: name, or name{labels} */
};

struct histogram_spec {
    const char *process, *name, *help;
};

struct metrics {
    int64_t values[METRIC_COUNT];
    struct histogram histograms[HISTOGRAM_COUNT];
};

const struct metric_spec *metric_spec(enum metric metric);
const struct histogram_spec *metric_histogram_spec(enum metric_histogram histogram);

/* The metric of that process and key; METRIC_COUNT when there is none. */
enum metric metric_find(struct text process, struct text key);
enum metric_histogram metric_histogram_find(struct text process, struct text name);

static inline void metric_add(struct metrics *metrics, enum metric metric, int64_t amount)
{
    metrics->values[metric] += amount;
}

static inline void metric_set(struct metrics *metrics, enum metric metric, int64_t value)
{
    metrics->values[metric] = value;
}

/* The counter "refused_total" of that reason: the gateway's, the scheduler's. */
static inline enum metric metric_refused(enum reason reason)
{
    return (enum metric)(METRIC_GATEWAY_REFUSED_NONE + (int)reason);
}

static inline enum metric metric_scheduler_refused(enum reason reason)
{
    return (enum metric)(METRIC_SCHEDULER_REFUSED_NONE + (int)reason);
}

#endif
