/* roundtrip.c - see roundtrip.h. */
#include "scheduler/roundtrip.h"

#define SLACK_US      500 /* clocks and stamps */
#define CEILING_CARE  3
#define LIGHT_TAIL    8 /* the ten longest must lie within an eighth of the rest's range */
#define SMALL_N_EXTRA 200

void roundtrip_init(struct roundtrip *roundtrip)
{
    *roundtrip = (struct roundtrip){.mean_us = 0};
}

/* Keeps the first ROUNDTRIP_KEPT in order. sign: 1 ascending, -1 descending. */
static void keep(int64_t *sorted, uint32_t count, int64_t us, int sign)
{
    uint32_t place = count < ROUNDTRIP_KEPT ? count : ROUNDTRIP_KEPT;

    if (place == ROUNDTRIP_KEPT && sign * us >= sign * sorted[place - 1])
        return;
    if (place == ROUNDTRIP_KEPT)
        place--;
    for (; place > 0 && sign * sorted[place - 1] > sign * us; place--)
        sorted[place] = sorted[place - 1];
    sorted[place] = us;
}

static void smooth(struct roundtrip *roundtrip, int64_t us)
{
    int64_t error_us = us - roundtrip->mean_us;

    if (roundtrip_count(roundtrip) == 0) {
        roundtrip->mean_us = us;
        roundtrip->deviation_us = us / 2;
        return;
    }
    roundtrip->mean_us += error_us / 8;
    roundtrip->deviation_us += ((error_us < 0 ? -error_us : error_us) - roundtrip->deviation_us) / 4;
}

void roundtrip_add(struct roundtrip *roundtrip, int64_t us)
{
    struct roundtrip_half *half = &roundtrip->halves[0];

    smooth(roundtrip, us);
    if (half->count == ROUNDTRIP_HALF) {
        roundtrip->halves[1] = *half;
        *half = (struct roundtrip_half){.count = 0};
    }
    keep(half->least_us, half->count, us, 1);
    keep(half->most_us, half->count, us, -1);
    half->count++;
}

uint32_t roundtrip_count(const struct roundtrip *roundtrip)
{
    return roundtrip->halves[0].count + roundtrip->halves[1].count;
}

static uint32_t kept(const struct roundtrip_half *half)
{
    return half->count < ROUNDTRIP_KEPT ? half->count : ROUNDTRIP_KEPT;
}

/* First and tenth of both halves together; there are at least ten. */
static void extremes(const int64_t *a, uint32_t a_count, const int64_t *b, uint32_t b_count, int sign,
                     int64_t *first, int64_t *tenth)
{
    uint32_t i = 0, j = 0;

    for (uint32_t rank = 0; rank < ROUNDTRIP_KEPT; rank++) {
        int64_t us;

        if (j == b_count || (i < a_count && sign * a[i] <= sign * b[j]))
            us = a[i++];
        else
            us = b[j++];
        if (rank == 0)
            *first = us;
        *tenth = us;
    }
}

/* (1 + 200/n) times the distance: few samples say little about what comes. */
static int64_t widened(int64_t distance_us, uint32_t count)
{
    return distance_us * (count + SMALL_N_EXTRA) / count;
}

int64_t roundtrip_floor_us(const struct roundtrip *roundtrip)
{
    const struct roundtrip_half *a = &roundtrip->halves[0], *b = &roundtrip->halves[1];
    int64_t first_us = 0, tenth_us = 0, floor_us;

    if (roundtrip_count(roundtrip) < ROUNDTRIP_MIN_FLOOR)
        return 0;
    extremes(a->least_us, kept(a), b->least_us, kept(b), 1, &first_us, &tenth_us);
    floor_us = first_us - widened(tenth_us - first_us, roundtrip_count(roundtrip)) - SLACK_US;
    return floor_us > 0 ? floor_us : 0;
}

int64_t roundtrip_ceiling_us(const struct roundtrip *roundtrip)
{
    const struct roundtrip_half *a = &roundtrip->halves[0], *b = &roundtrip->halves[1];
    int64_t first_us = 0, tenth_us = 0, least_us = 0;

    if (roundtrip_count(roundtrip) < ROUNDTRIP_MIN_CEILING)
        return INT64_MAX;
    extremes(a->least_us, kept(a), b->least_us, kept(b), 1, &least_us, &tenth_us);
    extremes(a->most_us, kept(a), b->most_us, kept(b), -1, &first_us, &tenth_us);
    if ((first_us - tenth_us) * LIGHT_TAIL > tenth_us - least_us)
        return INT64_MAX;
    return first_us + CEILING_CARE * widened(first_us - tenth_us, roundtrip_count(roundtrip)) + SLACK_US;
}

int64_t roundtrip_shortest_us(const struct roundtrip *roundtrip)
{
    const struct roundtrip_half *a = &roundtrip->halves[0], *b = &roundtrip->halves[1];

    if (a->count == 0 || b->count == 0)
        return a->count == 0 ? b->least_us[0] : a->least_us[0];
    return a->least_us[0] < b->least_us[0] ? a->least_us[0] : b->least_us[0];
}

int64_t roundtrip_longest_us(const struct roundtrip *roundtrip)
{
    const struct roundtrip_half *halves = roundtrip->halves;

    return halves[0].most_us[0] > halves[1].most_us[0] ? halves[0].most_us[0] : halves[1].most_us[0];
}

void roundtrip_summarise(const struct roundtrip *roundtrip, struct roundtrip_digest *digest)
{
    const struct roundtrip_half *a = &roundtrip->halves[0], *b = &roundtrip->halves[1];

    *digest = (struct roundtrip_digest){.count = 0};
    if (roundtrip_count(roundtrip) < ROUNDTRIP_KEPT)
        return;
    digest->count = roundtrip_count(roundtrip);
    extremes(a->least_us, kept(a), b->least_us, kept(b), 1, &digest->least_us, &digest->tenth_least_us);
    extremes(a->most_us, kept(a), b->most_us, kept(b), -1, &digest->most_us, &digest->tenth_most_us);
}

void roundtrip_restore(struct roundtrip *roundtrip, const struct roundtrip_digest *digest)
{
    struct roundtrip_half *half = &roundtrip->halves[1];

    roundtrip_init(roundtrip);
    if (digest->count < ROUNDTRIP_KEPT)
        return;
    half->count = digest->count < ROUNDTRIP_HALF ? digest->count : ROUNDTRIP_HALF;
    for (unsigned i = 0; i < ROUNDTRIP_KEPT; i++) {
        half->least_us[i] = i == 0 ? digest->least_us : digest->tenth_least_us;
        half->most_us[i] = i == 0 ? digest->most_us : digest->tenth_most_us;
    }
    roundtrip->mean_us = digest->tenth_least_us;
}
