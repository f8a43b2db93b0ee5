/* windows.c - see windows.h. */
#include "metricsd/windows.h"

#include <stdlib.h>

#include "common/resident.h"

_Static_assert(WINDOWS_PAIRS <= MESSAGE_PAIRS, "they are a part of the feed's snapshot");

#define SLACK_US 100000LL /* ticks come so much too early or too late */

static const struct {
    const char *name;
    int64_t step_us;
} kinds[WINDOW_COUNT] = {
    [WINDOW_MINUTE] = {.name = "1m", .step_us = 1000000},
    [WINDOW_QUARTER] = {.name = "15m", .step_us = 15000000},
};

struct sums {
    int64_t at_us;
    struct histogram histograms[HISTOGRAM_COUNT];
};

/* The newest sums lie at (pushed - 1) % (WINDOWS_POINTS + 1). */
struct ring {
    uint64_t pushed;
    struct sums sums[WINDOWS_POINTS + 1];
};

struct windows {
    struct ring rings[WINDOW_COUNT];
    struct message_pair pairs[WINDOW_COUNT][WINDOWS_PAIRS];
    char keys[WINDOWS_PAIRS][SNAPSHOT_KEY_BYTES];
};

struct windows *windows_new(void)
{
    struct windows *windows = resident_new(sizeof(*windows));
    unsigned place = 0;

    for (int i = 0; windows && i < HISTOGRAM_COUNT; i++) {
        for (unsigned p = 0; p <= SNAPSHOT_POINTS; p++, place++) {
            snapshot_key(windows->keys[place], (enum metric_histogram)i,
                         p < SNAPSHOT_POINTS ? snapshot_points[p].name : "count");
            for (int w = 0; w < WINDOW_COUNT; w++)
                windows->pairs[w][place].key = text_of(windows->keys[place]);
        }
    }
    return windows;
}

void windows_free(struct windows *windows)
{
    free(windows);
}

static const struct sums *sums_at(const struct ring *ring, uint64_t number)
{
    return &ring->sums[number % (WINDOWS_POINTS + 1)];
}

static void push(struct ring *ring, const struct metrics *seen, int64_t now_us)
{
    struct sums *sums = &ring->sums[ring->pushed++ % (WINDOWS_POINTS + 1)];

    sums->at_us = now_us;
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        sums->histograms[i] = seen->histograms[i];
}

/* The newest sums that are old enough; else the oldest, since when there has been less than the window. */
static const struct sums *window_start(const struct ring *ring, int64_t start_us)
{
    uint64_t oldest = ring->pushed > WINDOWS_POINTS ? ring->pushed - WINDOWS_POINTS - 1 : 0;
    uint64_t number = oldest;

    while (number + 1 < ring->pushed && sums_at(ring, number + 1)->at_us <= start_us)
        number++;
    return sums_at(ring, number);
}

static void fill(struct message_pair *pair, const struct metrics *seen, const struct sums *start)
{
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        struct histogram histogram = seen->histograms[i];

        histogram_subtract(&histogram, &start->histograms[i]);
        for (unsigned p = 0; p < SNAPSHOT_POINTS; p++)
            (pair++)->value = histogram_quantile_us(&histogram, snapshot_points[p].quantile);
        (pair++)->value = (int64_t)histogram.count;
    }
}

void windows_tick(struct windows *windows, const struct metrics *seen, int64_t now_us)
{
    for (int w = 0; w < WINDOW_COUNT; w++) {
        struct ring *ring = &windows->rings[w];
        int64_t step_us = kinds[w].step_us;

        if (ring->pushed == 0 || now_us - sums_at(ring, ring->pushed - 1)->at_us >= step_us - SLACK_US)
            push(ring, seen, now_us);
        fill(windows->pairs[w], seen, window_start(ring, now_us - WINDOWS_POINTS * step_us + step_us / 2));
    }
}

const char *windows_name(enum window window)
{
    return kinds[window].name;
}

struct message_pairs windows_pairs(const struct windows *windows, enum window window)
{
    return (struct message_pairs){.count = WINDOWS_PAIRS, .items = windows->pairs[window]};
}
