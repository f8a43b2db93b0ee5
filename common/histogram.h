/* histogram.h - a log-linear histogram of durations (as in HdrHistogram): 4 buckets to each power of two
 * from 16 us to 38 hours (longer than the longest deadline that can be configured), so a quantile is off by
 * at most 25 % of its value. Pure. */
#ifndef SLUICE_HISTOGRAM_H
#define SLUICE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 134

struct histogram {
    uint64_t count;
    uint64_t sum_us;
    uint64_t buckets[HISTOGRAM_BUCKETS]; /* not cumulated; the last one takes all that is longer */
};

/* A negative duration counts as 0. */
void histogram_add(struct histogram *histogram, int64_t duration_us);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Takes away what an earlier state of it, or a part of it, held; never less than nothing is left. */
void histogram_subtract(struct histogram *from, const struct histogram *part);

/* The upper edge of a bucket in microseconds; INT64_MAX for the last. */
int64_t histogram_edge_us(unsigned bucket);

/* The upper edge of the bucket in which the quantile (0..1) lies (so never less than its true value); for the
 * last bucket, its lower edge. 0 when empty. */
int64_t histogram_quantile_us(const struct histogram *histogram, double quantile);

#endif
