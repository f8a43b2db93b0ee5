/* clock.c - see clock.h. */
#include "common/clock.h"

#include <time.h>

#define APART_US 5 /* two readings that are further apart are no pair: something came in between */
#define TRIES    4

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_wall_of_us(int64_t at_us)
{
    int64_t now_us = clock_now_us(), wall_us = 0, after_us;

    for (int i = 0; i < TRIES; i++) {
        wall_us = clock_wall_us();
        after_us = clock_now_us();
        if (after_us - now_us <= APART_US)
            break;
        now_us = after_us;
    }
    return wall_us - (now_us - at_us);
}
