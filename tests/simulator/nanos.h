/* nanos.h - the simulator's two clocks, in nanoseconds, read only by the files that own a socket or a timer.
 */
#ifndef SIMULATOR_NANOS_H
#define SIMULATOR_NANOS_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND 1000000000LL
#define NS_PER_MS     1000000LL
#define NS_PER_US     1000LL

static inline int64_t nanos_read(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static inline int64_t nanos_now(void)
{
    return nanos_read(CLOCK_MONOTONIC);
}

static inline int64_t nanos_wall(void)
{
    return nanos_read(CLOCK_REALTIME);
}

#endif
