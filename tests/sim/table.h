/* table.h - the pacing table: how much of the quota each mode uses under each model of provider and path, and
 * how often it is rejected, beside the rules that are in use elsewhere. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "tests/sim/world.h"

/* The models, for the stories too; 0 beyond the last. */
const struct latency *table_latency(unsigned index);
unsigned table_rows(void);

/* As the real scheduler has them, for a lane with that window. */
struct core_config table_core(enum limiter_mode mode, int64_t window_us);

/* Prints the table of so many runs of so many calls; false when a bound is broken, which it names. Only rows
 * whose name contains `only` (NULL: all). */
bool table_print(unsigned seeds, unsigned calls, unsigned jobs, const char *only);

#endif
