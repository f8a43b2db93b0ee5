/* history.h - the course of the main numbers: the last 15 minutes by the second, the last 24 hours by the
 * minute.
 *
 * Counters are told as what they grew by in the step, gauges as the largest that was told in it, quantiles as
 * those of what was counted in it. Steps are counted on the monotonic clock; the wall clock only dates the
 * last one, so setting it breaks nothing. HISTORY_NONE: nothing is known: metricsd did not tick, no process
 * of that kind was there (gauges), nothing was counted (quantiles). What was counted across missing ticks is
 * in no second, for it is not known in which; in the minute it is, if less than a minute is missing. Memory:
 * 900 + 1440 points of 28 numbers, 0.6 MB. Pure. */
#ifndef SLUICE_METRICSD_HISTORY_H
#define SLUICE_METRICSD_HISTORY_H

#include "metricsd/snapshot.h"

#define HISTORY_SECONDS 900
#define HISTORY_MINUTES 1440
#define HISTORY_NONE    INT64_MIN

/* HISTORY_VALUE(metric), HISTORY_QUANTILES(histogram): the series, in their order. */
#define HISTORY_VALUES(VALUE)                                                                                \
    VALUE(GATEWAY_REQUESTS)                                                                                  \
    VALUE(GATEWAY_SUCCESSFUL)                                                                                \
    VALUE(GATEWAY_FAILED)                                                                                    \
    VALUE(GATEWAY_DROPPED)                                                                                   \
    VALUE(GATEWAY_HITS)                                                                                      \
    VALUE(GATEWAY_STALE)                                                                                     \
    VALUE(GATEWAY_WAITING)                                                                                   \
    VALUE(SCHEDULER_QUEUE)                                                                                   \
    VALUE(SCHEDULER_WAITERS)                                                                                 \
    VALUE(SCHEDULER_LIMITED)                                                                                 \
    VALUE(SCHEDULER_PENALTIES_AVOIDED)                                                                       \
    VALUE(SCHEDULER_HOLD)                                                                                    \
    VALUE(FETCHER_SENT)                                                                                      \
    VALUE(FETCHER_BREAKER)                                                                                   \
    VALUE(METRICSD_SLOTS_SAVED)                                                                              \
    VALUE(METRICSD_GAPS)
#define HISTORY_DURATIONS(DURATION)                                                                          \
    DURATION(GATEWAY_REQUEST)                                                                                \
    DURATION(GATEWAY_HIT)                                                                                    \
    DURATION(SCHEDULER_WAIT)                                                                                 \
    DURATION(FETCHER_UPSTREAM)

#define ONE(id) +1
enum {
    HISTORY_VALUE_COUNT = HISTORY_VALUES(ONE),
    HISTORY_DURATION_COUNT = HISTORY_DURATIONS(ONE),
    HISTORY_POINT_COUNT = 3, /* p50, p95, p99 */
    HISTORY_SERIES = HISTORY_VALUE_COUNT + HISTORY_DURATION_COUNT * HISTORY_POINT_COUNT,
};
#undef ONE

enum history_span { HISTORY_15M, HISTORY_24H, HISTORY_SPANS };

struct history;

struct history *history_new(void);          /* NULL: out of memory */
void history_free(struct history *history); /* takes NULL */

/* Once a second. seen: store_seen() with what is derived from it; store: says who is up. True when a minute
 * is complete. */
bool history_tick(struct history *history, const struct store *store, const struct metrics *seen,
                  int64_t now_us, int64_t wall_us);

/* "15m", "24h"; HISTORY_SPANS: there is no such span. */
const char *history_span_name(enum history_span span);
enum history_span history_span_find(struct text name);
int64_t history_step_us(enum history_span span);

/* "gateway.requests_total", "gateway.request_seconds.p50". Borrowed for as long as history lives. */
struct text history_key(const struct history *history, unsigned series);

/* How many points there are, the wall clock at the end of the newest, and the numbers of one: HISTORY_SERIES
 * of them, 0 is the oldest point. */
unsigned history_points(const struct history *history, enum history_span span);
int64_t history_end_us(const struct history *history, enum history_span span);
const int64_t *history_point(const struct history *history, enum history_span span, unsigned place);

#endif
