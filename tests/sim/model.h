/* model.h - the world outside of the scheduler, as the contract and measurements describe it: the provider's
 * window and the ways to it and back. Written independently of the limiter that it judges. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

uint64_t chance_next(struct chance *chance);
double chance_unit(struct chance *chance); /* [0, 1) */
int64_t chance_below(struct chance *chance, int64_t limit);

/* A window of `window_us` opens with the first request that arrives while none is open, and takes `burst` of
 * them. One more within it is rejected and starts a block of `block_us`; in the block all are rejected, which
 * does not prolong it. */
struct provider {
    int64_t window_us, block_us;
    unsigned burst;
    int64_t open_us; /* when the window opened */
    unsigned taken;
    int64_t blocked_until_us;
    uint64_t accepted, rejected;
};

void provider_init(struct provider *provider, int64_t window_us, unsigned burst);
/* 0: accepted; else how long the provider asks to wait. */
int64_t provider_arrive(struct provider *provider, int64_t at_us);

enum jitter { JITTER_NONE, JITTER_UNIFORM, JITTER_UNIFORM_OUT, JITTER_EXPONENTIAL, JITTER_PARETO };

struct latency {
    const char *name;
    int64_t base_us; /* round trip at least */
    enum jitter jitter;
    int64_t scale_us; /* uniform: width; exponential: mean; Pareto (shape 2): scale */
};

/* One way, out (to the provider) or back. */
int64_t latency_draw(const struct latency *latency, struct chance *chance, bool out);

#endif
