/* fetcher.h - the process that talks to the provider: it sends what the scheduler grants, at the time that
 * the grant names, guards the provider with the circuit breaker, and is the only writer of the cache. */
#ifndef SLUICE_FETCHER_H
#define SLUICE_FETCHER_H

#include "common/config.h"
#include "common/loop.h"

struct fetcher;

/* Refuses options that the table cannot judge (config_judge of common/config.h): UPSTREAM_URL,
 * CACHE_NEGATIVE_STATUSES. */
int fetcher_judge(const struct config *config, char error[CONFIG_ERROR_BYTES]);

/* Opens everything and says READY. NULL when it cannot: it has logged why. The config is borrowed for its
 * life. */
struct fetcher *fetcher_new(struct loop *loop, const struct config *config);
void fetcher_free(struct fetcher *fetcher); /* says goodbye; takes NULL */

#endif
