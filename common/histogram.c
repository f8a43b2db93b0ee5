/* histogram.c - see histogram.h.
 *
 * Bucket 0 is [0, 16 us]; from there each octave has four equal parts. */
#include "common/histogram.h"

#define FIRST_OCTAVE 4 /* 2^4 us */
#define PARTS_LOG2   2
#define PARTS        (1 << PARTS_LOG2)

static unsigned bucket_of(uint64_t duration_us)
{
    uint64_t above = duration_us - 1; /* edges are inclusive, as Prometheus's `le` is */
    unsigned octave, part, bucket;

    if (duration_us <= (1U << FIRST_OCTAVE))
        return 0;
    octave = 63U - (unsigned)__builtin_clzll(above);
    part = (unsigned)(above >> (octave - PARTS_LOG2)) & (PARTS - 1);
    bucket = 1 + (octave - FIRST_OCTAVE) * PARTS + part;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *histogram, int64_t duration_us)
{
    uint64_t value = duration_us > 0 ? (uint64_t)duration_us : 0;

    histogram->count++;
    histogram->sum_us += value;
    histogram->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum_us += from->sum_us;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

static uint64_t less(uint64_t from, uint64_t part)
{
    return from > part ? from - part : 0;
}

void histogram_subtract(struct histogram *from, const struct histogram *part)
{
    from->count = 0;
    from->sum_us = less(from->sum_us, part->sum_us);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        from->buckets[i] = less(from->buckets[i], part->buckets[i]);
        from->count += from->buckets[i];
    }
}

int64_t histogram_edge_us(unsigned bucket)
{
    unsigned octave, part;

    if (bucket == 0)
        return 1LL << FIRST_OCTAVE;
    if (bucket >= HISTOGRAM_BUCKETS - 1)
        return INT64_MAX;
    octave = FIRST_OCTAVE + (bucket - 1) / PARTS;
    part = (bucket - 1) % PARTS;
    return (1LL << octave) + (int64_t)(part + 1) * (1LL << (octave - PARTS_LOG2));
}

int64_t histogram_quantile_us(const struct histogram *histogram, double quantile)
{
    double wanted = quantile * (double)histogram->count;
    unsigned last = HISTOGRAM_BUCKETS - 1;
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (unsigned i = 0; i < last; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return histogram_edge_us(i);
    }
    return histogram_edge_us(last - 1);
}
