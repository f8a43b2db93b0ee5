/* history.c - see history.h. */
#include "metricsd/history.h"

#include <stdlib.h>

#include "common/resident.h"

#define SECOND_US 1000000LL
#define MINUTE    60
#define CATCH_UP  4 /* of a tick's lateness, this part moves the clock of the steps */

static const enum metric values[HISTORY_VALUE_COUNT] = {
#define VALUE(id) METRIC_##id,
    HISTORY_VALUES(VALUE)
#undef VALUE
};

static const enum metric_histogram durations[HISTORY_DURATION_COUNT] = {
#define DURATION(id) HISTOGRAM_##id,
    HISTORY_DURATIONS(DURATION)
#undef DURATION
};

static const struct {
    const char *name;
    double quantile;
} points[HISTORY_POINT_COUNT] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};

static const struct {
    const char *name;
    int64_t step_us;
    unsigned points;
} spans[HISTORY_SPANS] = {
    [HISTORY_15M] = {.name = "15m", .step_us = SECOND_US, .points = HISTORY_SECONDS},
    [HISTORY_24H] = {.name = "24h", .step_us = MINUTE * SECOND_US, .points = HISTORY_MINUTES},
};

/* Counters and histograms as they stood at the beginning of a step. */
struct mark {
    int64_t values[HISTORY_VALUE_COUNT];
    struct histogram durations[HISTORY_DURATION_COUNT];
};

struct history {
    bool begun;
    int64_t at_us;      /* the monotonic clock at the end of the last step */
    int64_t wall_us;    /* the wall clock then */
    unsigned in_minute; /* steps since the last whole minute */
    bool growth_known;  /* of the open minute */
    struct mark second, minute;
    int64_t open[HISTORY_SERIES]; /* the minute that is not complete: its gauges */
    uint64_t pushed[HISTORY_SPANS];
    int64_t (*rings[HISTORY_SPANS])[HISTORY_SERIES];
    int64_t seconds[HISTORY_SECONDS][HISTORY_SERIES];
    int64_t minutes[HISTORY_MINUTES][HISTORY_SERIES];
    char keys[HISTORY_SERIES][SNAPSHOT_KEY_BYTES];
};

static void name_series(struct history *history)
{
    char(*key)[SNAPSHOT_KEY_BYTES] = history->keys;

    for (int i = 0; i < HISTORY_VALUE_COUNT; i++, key++) {
        const struct metric_spec *spec = metric_spec(values[i]);

        snprintf(*key, SNAPSHOT_KEY_BYTES, "%s.%s", spec->process, spec->key);
    }
    for (int i = 0; i < HISTORY_DURATION_COUNT; i++) {
        for (int p = 0; p < HISTORY_POINT_COUNT; p++, key++)
            snapshot_key(*key, durations[i], points[p].name);
    }
}

struct history *history_new(void)
{
    struct history *history = resident_new(sizeof(*history));

    if (!history)
        return NULL;
    history->rings[HISTORY_15M] = history->seconds;
    history->rings[HISTORY_24H] = history->minutes;
    name_series(history);
    return history;
}

void history_free(struct history *history)
{
    free(history);
}

static bool is_counter(int value)
{
    return metric_spec(values[value])->kind == METRIC_KIND_COUNTER;
}

static void set_mark(struct mark *mark, const struct metrics *seen)
{
    for (int i = 0; i < HISTORY_VALUE_COUNT; i++)
        mark->values[i] = seen->values[values[i]];
    for (int i = 0; i < HISTORY_DURATION_COUNT; i++)
        mark->durations[i] = seen->histograms[durations[i]];
}

static void clear(int64_t point[HISTORY_SERIES])
{
    for (int i = 0; i < HISTORY_SERIES; i++)
        point[i] = HISTORY_NONE;
}

static int64_t *push(struct history *history, enum history_span span)
{
    int64_t *point = history->rings[span][history->pushed[span]++ % spans[span].points];

    clear(point);
    return point;
}

static void push_nothing(struct history *history, enum history_span span, int64_t count)
{
    if (count > spans[span].points)
        count = spans[span].points;
    while (count-- > 0)
        push(history, span);
}

/* What counters and histograms have grown by between two marks. */
static void put_growth(int64_t *point, const struct mark *from, const struct mark *to)
{
    int64_t *quantile = point + HISTORY_VALUE_COUNT;

    for (int i = 0; i < HISTORY_VALUE_COUNT; i++) {
        int64_t growth = to->values[i] - from->values[i];

        if (is_counter(i))
            point[i] = growth > 0 ? growth : 0;
    }
    for (int i = 0; i < HISTORY_DURATION_COUNT; i++) {
        struct histogram grown = to->durations[i];

        histogram_subtract(&grown, &from->durations[i]);
        for (int p = 0; p < HISTORY_POINT_COUNT; p++, quantile++) {
            if (grown.count > 0)
                *quantile = histogram_quantile_us(&grown, points[p].quantile);
        }
    }
}

static void put_gauges(int64_t *point, const struct store *store, const struct metrics *seen, int64_t now_us)
{
    for (int i = 0; i < HISTORY_VALUE_COUNT; i++) {
        int64_t value = seen->values[values[i]];
        enum store_kind kind;

        if (!is_counter(i) && store_kind_find(text_of(metric_spec(values[i])->process), &kind) &&
            store_kind_up(store, kind, now_us) > 0 && value > point[i])
            point[i] = value;
    }
}

/* How many steps have passed; at_us moves on. Ticks are never quite in time, and after a stall they come at
 * another part of the second, so each moves the clock of the steps a little. */
static int64_t count_steps(struct history *history, int64_t now_us)
{
    int64_t steps = (now_us - history->at_us + SECOND_US / 2) / SECOND_US;

    if (steps <= 0)
        return 0;
    history->at_us += steps * SECOND_US;
    history->at_us += (now_us - history->at_us) / CATCH_UP;
    return steps;
}

/* The open minute is over; `end` is how all stood then. */
static void end_minute(struct history *history, const struct mark *end)
{
    int64_t *point = push(history, HISTORY_24H);

    memcpy(point, history->open, sizeof(history->open));
    if (history->growth_known)
        put_growth(point, &history->minute, end);
    history->minute = *end;
    history->growth_known = false;
    history->in_minute = 0;
    clear(history->open);
}

static void add_second(struct history *history, int64_t steps, const struct mark *now, const int64_t *gauges)
{
    int64_t *point;

    push_nothing(history, HISTORY_15M, steps - 1);
    point = push(history, HISTORY_15M);
    memcpy(point, gauges, HISTORY_SERIES * sizeof(*point));
    if (steps == 1)
        put_growth(point, &history->second, now);
}

/* Whether a minute is over. Where ticks are missing, the open one may have ended meanwhile, as it stood at
 * the last tick. */
static bool add_to_minute(struct history *history, int64_t steps, const struct mark *now,
                          const int64_t *gauges)
{
    int64_t before = history->in_minute + steps - 1; /* this tick's own step */
    bool over = before >= MINUTE;

    if (over) {
        end_minute(history, &history->second);
        push_nothing(history, HISTORY_24H, before / MINUTE - 1);
    }
    if (steps > MINUTE) /* in which of them, is not known */
        history->minute = *now;
    else
        history->growth_known = true;
    history->in_minute = (unsigned)(before % MINUTE) + 1;
    for (int i = 0; i < HISTORY_VALUE_COUNT; i++) {
        if (gauges[i] > history->open[i])
            history->open[i] = gauges[i];
    }
    if (history->in_minute < MINUTE)
        return over;
    end_minute(history, now);
    return true;
}

bool history_tick(struct history *history, const struct store *store, const struct metrics *seen,
                  int64_t now_us, int64_t wall_us)
{
    int64_t gauges[HISTORY_SERIES], steps;
    struct mark now;
    bool over;

    set_mark(&now, seen);
    if (!history->begun) {
        history->begun = true;
        history->at_us = now_us;
        history->second = history->minute = now;
        clear(history->open);
        return false;
    }
    steps = count_steps(history, now_us);
    if (steps == 0)
        return false;
    clear(gauges);
    put_gauges(gauges, store, seen, now_us);
    add_second(history, steps, &now, gauges);
    over = add_to_minute(history, steps, &now, gauges);
    history->second = now;
    history->wall_us = wall_us;
    return over;
}

const char *history_span_name(enum history_span span)
{
    return spans[span].name;
}

enum history_span history_span_find(struct text name)
{
    int span = 0;

    while (span < HISTORY_SPANS && !text_equal(name, spans[span].name))
        span++;
    return (enum history_span)span;
}

int64_t history_step_us(enum history_span span)
{
    return spans[span].step_us;
}

struct text history_key(const struct history *history, unsigned series)
{
    return text_of(history->keys[series]);
}

unsigned history_points(const struct history *history, enum history_span span)
{
    return history->pushed[span] < spans[span].points ? (unsigned)history->pushed[span] : spans[span].points;
}

int64_t history_end_us(const struct history *history, enum history_span span)
{
    return history->wall_us - (span == HISTORY_24H ? history->in_minute * SECOND_US : 0);
}

const int64_t *history_point(const struct history *history, enum history_span span, unsigned place)
{
    uint64_t oldest = history->pushed[span] - history_points(history, span);

    return history->rings[span][(oldest + place) % spans[span].points];
}
