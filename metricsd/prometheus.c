/* prometheus.c - see prometheus.h. */
#include "metricsd/prometheus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define US UINT64_C(1000000)

struct exposition {
    char *at;
    size_t bytes, size;
    bool full;
};

static void put(struct exposition *exposition, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct exposition *exposition, const char *format, ...)
{
    size_t room = exposition->size - exposition->bytes;
    va_list args;
    int bytes;

    va_start(args, format);
    bytes = vsnprintf(exposition->at + exposition->bytes, room, format, args);
    va_end(args);
    if (bytes < 0 || (size_t)bytes >= room)
        exposition->full = true;
    else
        exposition->bytes += (size_t)bytes;
}

/* Whole microseconds as seconds, without a detour over binary fractions. */
static void put_seconds(struct exposition *exposition, int64_t value_us)
{
    uint64_t size = value_us < 0 ? 0 - (uint64_t)value_us : (uint64_t)value_us;

    put(exposition, "%s%" PRIu64 ".%06" PRIu64, value_us < 0 ? "-" : "", size / US, size % US);
}

static void put_family(struct exposition *exposition, const char *name, const char *type, const char *help)
{
    put(exposition, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help, name, type);
}

static void put_processes(struct exposition *exposition, const struct store *store, int64_t now_us,
                          int64_t wall_us)
{
    const struct store_process *process;

    put_family(exposition, "build_info", "gauge", "The version that runs");
    put(exposition, "sluice_build_info{version=\"%s\"} 1\n", SLUICE_VERSION);
    put_family(exposition, "up", "gauge", "Processes of that kind that are up");
    for (int i = 0; i < STORE_KINDS; i++)
        put(exposition, "sluice_up{process=\"%s\"} %u\n", store_kind_name((enum store_kind)i),
            store_kind_up(store, (enum store_kind)i, now_us));
    put_family(exposition, "process_starts_total", "counter", "Processes of that kind that metricsd has met");
    for (int i = 0; i < STORE_KINDS; i++)
        put(exposition, "sluice_process_starts_total{process=\"%s\"} %" PRIu64 "\n",
            store_kind_name((enum store_kind)i), store_kind_starts(store, (enum store_kind)i));
    put_family(exposition, "process_start_time_seconds", "gauge",
               "When that process started, in seconds since 1970");
    for (unsigned i = 0; (process = store_process_at(store, i)); i++) {
        if (!store_process_is_up(store, process, now_us))
            continue;
        put(exposition, "sluice_process_start_time_seconds{process=\"%s\",instance=\"%u\"} ",
            store_kind_name(process->kind), process->instance);
        put_seconds(exposition, wall_us - (now_us - process->started_at_us));
        put(exposition, "\n");
    }
}

static void put_metric(struct exposition *exposition, const struct metric_spec *spec, bool first,
                       int64_t value)
{
    char name[96];

    snprintf(name, sizeof(name), "%s_%s", spec->process, spec->name);
    if (first)
        put_family(exposition, name, spec->kind == METRIC_KIND_COUNTER ? "counter" : "gauge", spec->help);
    put(exposition, spec->labels[0] ? "sluice_%s{%s} " : "sluice_%s%s ", name, spec->labels);
    if (spec->kind == METRIC_KIND_SECONDS)
        put_seconds(exposition, value);
    else
        put(exposition, "%" PRId64, value);
    put(exposition, "\n");
}

/* Four buckets to an octave are for quantiles. Prometheus gets each octave from 64 us to 134 s, and every
 * second one up to the longest deadline. */
static bool is_shown(unsigned bucket)
{
    unsigned octave = bucket / 4; /* above 2^4 us */

    return bucket % 4 == 0 && octave >= 2 && (octave <= 23 || octave % 2 == 1);
}

static void put_histogram(struct exposition *exposition, const struct histogram_spec *spec,
                          const struct histogram *histogram)
{
    uint64_t cumulated = 0;
    char name[96];

    snprintf(name, sizeof(name), "%s_%s", spec->process, spec->name);
    put_family(exposition, name, "histogram", spec->help);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        cumulated += histogram->buckets[i];
        if (!is_shown(i))
            continue;
        put(exposition, "sluice_%s_bucket{le=\"", name);
        put_seconds(exposition, histogram_edge_us(i));
        put(exposition, "\"} %" PRIu64 "\n", cumulated);
    }
    put(exposition, "sluice_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nsluice_%s_sum ", name, histogram->count,
        name);
    put_seconds(exposition, (int64_t)histogram->sum_us);
    put(exposition, "\nsluice_%s_count %" PRIu64 "\n", name, histogram->count);
}

int prometheus_render(const struct store *store, const struct metrics *sum, int64_t now_us, int64_t wall_us,
                      char *buffer, size_t size, struct text *out)
{
    struct exposition exposition = {.size = size};
    const char *before = "";

    exposition.at = buffer;
    put_processes(&exposition, store, now_us, wall_us);
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        put_metric(&exposition, spec, strcmp(spec->name, before) != 0 || spec->labels[0] == '\0',
                   sum->values[i]);
        before = spec->name;
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        put_histogram(&exposition, metric_histogram_spec((enum metric_histogram)i), &sum->histograms[i]);
    if (exposition.full)
        return -ENOBUFS;
    *out = (struct text){.at = buffer, .bytes = exposition.bytes};
    return 0;
}
