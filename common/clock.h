/* clock.h - the two clocks, read only at the edge of a process: pure files are given `now`.
 *
 * Microseconds everywhere. The monotonic clock is common to all processes of a host, so its
 * values may travel in messages; it means nothing after a reboot, where the wall clock is used. */
#ifndef SLUICE_CLOCK_H
#define SLUICE_CLOCK_H

#include <stdint.h>

#define US_PER_SECOND 1000000LL
#define US_PER_MS     1000LL

int64_t clock_now_us(void);  /* CLOCK_MONOTONIC */
int64_t clock_wall_us(void); /* CLOCK_REALTIME, since 1970 */

/* What the wall clock showed, or will, at that point of the monotonic one; to a few microseconds. */
int64_t clock_wall_of_us(int64_t at_us);

#endif
