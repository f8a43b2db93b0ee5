/* model.c - see model.h. */
#include "tests/sim/model.h"

#include <math.h>

#define BLOCK_WINDOWS    2
#define PPM              1000000
#define STEPS            10
#define MIX_OTHER_PERMIL 100

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

bool chance_permil(struct chance *chance, unsigned permil)
{
    return permil > 0 && chance_below(chance, 1000) < permil;
}

void provider_init(struct provider *provider, enum provider_kind kind, int64_t window_us, unsigned burst)
{
    *provider = (struct provider){.kind = kind,
                                  .window_us = window_us,
                                  .block_us = BLOCK_WINDOWS * window_us,
                                  .burst = burst,
                                  .end_us = INT64_MIN,
                                  .blocked_until_us = INT64_MIN,
                                  .tokens = burst,
                                  .tokens_us = INT64_MIN};
}

const char *provider_kind_name(enum provider_kind kind)
{
    static const char *const names[] = {[PROVIDER_REJECT] = "reject",
                                        [PROVIDER_DELAY] = "delay",
                                        [PROVIDER_SLIDING] = "sliding window",
                                        [PROVIDER_BUCKET] = "token bucket"};

    return names[kind];
}

static int64_t clock_read(const struct provider_clock *clock, int64_t at_us)
{
    int64_t time_us = at_us + at_us * clock->slew_ppm / PPM + clock->offset_us;

    return clock->grain_us > 0 ? time_us - time_us % clock->grain_us : time_us;
}

static struct provider_verdict accept(struct provider *provider)
{
    provider->accepted++;
    return (struct provider_verdict){.early = false};
}

/* By its own clock so long: what it tells is rounded up to its grain, as providers do. */
static struct provider_verdict reject(struct provider *provider, int64_t wait_us)
{
    int64_t grain_us = provider->clock.grain_us > 0 ? provider->clock.grain_us : 1;

    provider->rejected++;
    return (struct provider_verdict){.early = true,
                                     .wait_us = (wait_us + grain_us - 1) / grain_us * grain_us};
}

/* The window may have changed its length since it opened: it keeps the one that it had. */
static struct provider_verdict judge_window(struct provider *provider, int64_t time_us)
{
    if (time_us < provider->blocked_until_us)
        return reject(provider, provider->blocked_until_us - time_us);
    if (time_us >= provider->end_us) {
        provider->open_us = time_us;
        provider->end_us = time_us + provider->window_us;
        provider->taken = 0;
    }
    if (provider->taken++ < provider->burst)
        return accept(provider);
    provider->blocked_until_us = time_us + provider->block_us;
    return reject(provider, provider->block_us);
}

static struct provider_verdict judge_delay(struct provider *provider, int64_t time_us)
{
    if (time_us >= provider->end_us) {
        provider->open_us = time_us;
        provider->end_us = time_us + provider->window_us;
        provider->taken = 0;
    }
    if (provider->taken++ < provider->burst)
        return accept(provider);
    provider->rejected++;
    provider->open_us = time_us + provider->block_us;
    provider->end_us = provider->open_us + provider->window_us;
    provider->taken = 1;
    return (struct provider_verdict){.early = true, .delay_us = provider->block_us};
}

static struct provider_verdict judge_sliding(struct provider *provider, int64_t time_us)
{
    int64_t *oldest_us = &provider->recent_us[provider->recent_count % provider->burst];

    if (provider->recent_count >= provider->burst && time_us - *oldest_us < provider->window_us)
        return reject(provider, provider->window_us - (time_us - *oldest_us));
    *oldest_us = time_us;
    provider->recent_count++;
    return accept(provider);
}

static struct provider_verdict judge_bucket(struct provider *provider, int64_t time_us)
{
    double each_us = (double)provider->window_us / provider->burst;

    if (provider->tokens_us != INT64_MIN)
        provider->tokens += (double)(time_us - provider->tokens_us) / each_us;
    if (provider->tokens > provider->burst)
        provider->tokens = provider->burst;
    provider->tokens_us = time_us;
    if (provider->tokens < 1 - 1e-9) /* what summing up has lost */
        return reject(provider, (int64_t)ceil((1 - provider->tokens) * each_us));
    provider->tokens -= 1;
    return accept(provider);
}

struct provider_verdict provider_arrive(struct provider *provider, int64_t at_us)
{
    int64_t time_us = clock_read(&provider->clock, at_us);

    switch (provider->kind) {
    case PROVIDER_DELAY:
        return judge_delay(provider, time_us);
    case PROVIDER_SLIDING:
        return judge_sliding(provider, time_us);
    case PROVIDER_BUCKET:
        return judge_bucket(provider, time_us);
    case PROVIDER_REJECT:
    default:
        return judge_window(provider, time_us);
    }
}

static int64_t changed(const struct latency *latency, int64_t first_us, struct chance *chance, int64_t now_us)
{
    int64_t phase = latency->each_us > 0 ? now_us / latency->each_us : 0,
            way_us = latency->other_us - first_us;

    switch (latency->change) {
    case CHANGE_DROP:
        return phase % 2 ? latency->other_us : first_us;
    case CHANGE_STEPS:
        return first_us + way_us * (phase % (STEPS + 1)) / STEPS;
    case CHANGE_DRIFT:
        way_us = way_us * (now_us % latency->each_us) / latency->each_us;
        return phase % 2 ? latency->other_us - way_us : first_us + way_us;
    case CHANGE_MIX:
        return chance_permil(chance, MIX_OTHER_PERMIL) ? latency->other_us : first_us;
    case CHANGE_NONE:
    default:
        return first_us;
    }
}

int64_t latency_draw(const struct latency *latency, struct chance *chance, bool out, int64_t now_us)
{
    int64_t base_us =
        latency->service_us ? latency->base_us : changed(latency, latency->base_us, chance, now_us);
    double tail_us;

    base_us /= 2;
    switch (latency->jitter) {
    case JITTER_UNIFORM_OUT:
        return base_us + (out ? chance_below(chance, latency->scale_us) : 0);
    case JITTER_UNIFORM_BACK:
        return base_us + (out ? 0 : chance_below(chance, latency->scale_us));
    case JITTER_UNIFORM:
        return base_us + chance_below(chance, latency->scale_us);
    case JITTER_EXPONENTIAL:
        return base_us + (int64_t)(-log(1.0 - chance_unit(chance)) * (double)latency->scale_us);
    case JITTER_PARETO:
        tail_us = (double)latency->scale_us * (1.0 / sqrt(1.0 - chance_unit(chance)) - 1.0);
        if (latency->cap_us > 0 && tail_us > (double)latency->cap_us)
            tail_us = (double)latency->cap_us;
        return base_us + (int64_t)tail_us;
    case JITTER_NONE:
    default:
        return base_us;
    }
}

int64_t latency_service(const struct latency *latency, struct chance *chance, int64_t now_us)
{
    int64_t service_us = latency->service_us;

    if (service_us == 0)
        return 0;
    service_us = changed(latency, service_us, chance, now_us);
    return service_us + chance_below(chance, latency->spread_us);
}

double latency_mean_lateness_us(const struct latency *latency)
{
    double scale_us = (double)latency->scale_us, least = scale_us / (scale_us + (double)latency->cap_us);

    if (latency->change != CHANGE_NONE)
        return -1;
    switch (latency->jitter) {
    case JITTER_UNIFORM:
        return scale_us + (double)latency->spread_us / 2;
    case JITTER_UNIFORM_OUT:
    case JITTER_UNIFORM_BACK:
        return scale_us / 2;
    case JITTER_EXPONENTIAL:
        return 2 * scale_us;
    case JITTER_PARETO: /* the integral of (scale / (scale + x))^2 up to the cap */
        return 2 * scale_us * (1 - (latency->cap_us > 0 ? least : 0));
    case JITTER_NONE:
    default:
        return (double)latency->spread_us / 2;
    }
}
