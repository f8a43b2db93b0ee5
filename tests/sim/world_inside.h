/* world_inside.h - what the files of the world share: world.c (time, requests, grants), world_fetcher.c and
 * world_restart.c. For them alone. */
#ifndef SIM_WORLD_INSIDE_H
#define SIM_WORLD_INSIDE_H

#include "tests/sim/world.h"

#define WORLD_LANE     "sim"
#define WORLD_SETTINGS 1
#define HOP_MIN_US     50
#define HOP_VARY_US    250
#define BACK_MIN_US    100000 /* a killed process is noticed and back */
#define BACK_VARY_US   1500000

static inline int64_t world_hop(struct world *world)
{
    return HOP_MIN_US + chance_below(&world->chance, HOP_VARY_US);
}

static inline int64_t world_core_now(const struct world *world)
{
    return core_of_world(world, world->now_us);
}

static inline int64_t world_window(const struct world *world)
{
    return world->config.core.limiter.window_us;
}

/* world.c */
void world_forget(struct world *world, struct request *request);
/* The one end of a request. Takes the waiter. */
void world_end(struct world *world, struct waiter *waiter, uint64_t *counter);

/* world_fetcher.c */
void fetcher_on_attempt(struct world *world, enum world_event event, struct attempt *attempt);
/* Dies at once; what it had sent travels on, and arrives. */
void fetcher_crash(struct world *world);

/* world_restart.c */
void restart_kill(struct world *world);
/* Of this scheduler and this fetcher together. */
uint64_t restart_life(const struct world *world);
void restart_be_ready(struct world *world, int64_t last_sent_us, int64_t last_ended_us, unsigned in_flight);
void restart_on_ready(struct world *world);
void restart_on_fetcher_back(struct world *world);

#endif
