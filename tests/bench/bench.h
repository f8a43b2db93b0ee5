/* bench.h - what the benchmarks written in C share: the clock, and chance that is the same in every run. */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Below limit; the state is any number at first. */
static inline unsigned pick(uint64_t *chance, unsigned limit)
{
    *chance = *chance * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(*chance >> 33) % limit;
}

#endif
