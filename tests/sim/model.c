/* model.c - see model.h. */
#include "tests/sim/model.h"

#include <math.h>

#define BLOCK_WINDOWS 2
#define PARETO_CAP_US 500000

uint64_t chance_next(struct chance *chance)
{
    uint64_t x = (chance->state += 0x9e3779b97f4a7c15U);

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

double chance_unit(struct chance *chance)
{
    return (double)(chance_next(chance) >> 11) * 0x1.0p-53;
}

int64_t chance_below(struct chance *chance, int64_t limit)
{
    return limit > 0 ? (int64_t)(chance_unit(chance) * (double)limit) : 0;
}

void provider_init(struct provider *provider, int64_t window_us, unsigned burst)
{
    *provider = (struct provider){.window_us = window_us,
                                  .block_us = BLOCK_WINDOWS * window_us,
                                  .burst = burst,
                                  .open_us = INT64_MIN / 2,
                                  .blocked_until_us = INT64_MIN};
}

int64_t provider_arrive(struct provider *provider, int64_t at_us)
{
    if (at_us < provider->blocked_until_us) {
        provider->rejected++;
        return provider->blocked_until_us - at_us;
    }
    if (at_us - provider->open_us >= provider->window_us) {
        provider->open_us = at_us;
        provider->taken = 0;
    }
    if (provider->taken < provider->burst) {
        provider->taken++;
        provider->accepted++;
        return 0;
    }
    provider->rejected++;
    provider->blocked_until_us = at_us + provider->block_us;
    return provider->block_us;
}

int64_t latency_draw(const struct latency *latency, struct chance *chance, bool out)
{
    int64_t base_us = latency->base_us / 2;
    double tail_us;

    switch (latency->jitter) {
    case JITTER_UNIFORM_OUT:
        return base_us + (out ? chance_below(chance, latency->scale_us) : 0);
    case JITTER_UNIFORM:
        return base_us + chance_below(chance, latency->scale_us);
    case JITTER_EXPONENTIAL:
        return base_us + (int64_t)(-log(1.0 - chance_unit(chance)) * (double)latency->scale_us);
    case JITTER_PARETO:
        tail_us = (double)latency->scale_us * (1.0 / sqrt(1.0 - chance_unit(chance)) - 1.0);
        return base_us + (tail_us < PARETO_CAP_US ? (int64_t)tail_us : PARETO_CAP_US);
    case JITTER_NONE:
    default:
        return base_us;
    }
}
