/* scheduler.h - the scheduler's process: links to gateways and to the fetcher, one timer, one core for each
 * lane. It moves messages between the bus and the cores, and reports every decision. */
#ifndef SLUICE_SCHEDULER_H
#define SLUICE_SCHEDULER_H

#include "common/config.h"
#include "common/loop.h"

struct scheduler;

/* Takes the lock in STATE_DIR, binds the endpoints and says READY. Borrows both. NULL when that fails; it has
 * logged why. */
struct scheduler *scheduler_new(struct loop *loop, const struct config *config);
void scheduler_free(struct scheduler *scheduler); /* takes NULL */

#endif
