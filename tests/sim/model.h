/* model.h - the world outside of the scheduler, as the contract and measurements describe it: providers with
 * their windows and clocks, and the ways to them and back. Written independently of the limiter that it
 * judges. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_BURST_MAX 64

struct chance {
    uint64_t state;
};

uint64_t chance_next(struct chance *chance);
double chance_unit(struct chance *chance); /* [0, 1) */
int64_t chance_below(struct chance *chance, int64_t limit);
bool chance_permil(struct chance *chance, unsigned permil);

/* How a provider judges an arrival that comes too early. */
enum provider_kind {
    /* A window opens with the first request that arrives while none is open, and takes `burst` of them. One
     * more is rejected and starts a block; in the block all are rejected, which does not prolong it. */
    PROVIDER_REJECT,
    PROVIDER_DELAY,   /* the same windows; one more is answered after the block, with which the next one opens
                       */
    PROVIDER_SLIDING, /* at most `burst` accepted ones within any window_us */
    PROVIDER_BUCKET,  /* `burst` tokens at most, one more each window_us / burst */
};

/* Its clock: it ticks in grains, may be fast or slow, and may be set forward. */
struct provider_clock {
    int64_t grain_us;  /* 0: none */
    int64_t slew_ppm;  /* faster than ours by so much */
    int64_t offset_us; /* grows with each step */
};

struct provider {
    enum provider_kind kind;
    struct provider_clock clock;
    int64_t window_us, block_us;
    unsigned burst;
    int64_t open_us, end_us; /* of the window, by its clock */
    unsigned taken;
    int64_t blocked_until_us;
    int64_t recent_us[MODEL_BURST_MAX]; /* sliding: the latest accepted ones, in a ring */
    uint64_t recent_count;
    double tokens; /* bucket */
    int64_t tokens_us;
    uint64_t accepted, rejected;
};

/* What it makes of an arrival: rejected for so long, by our clock; or answered only after a delay. */
struct provider_verdict {
    bool early;
    int64_t wait_us, delay_us;
};

void provider_init(struct provider *provider, enum provider_kind kind, int64_t window_us, unsigned burst);
const char *provider_kind_name(enum provider_kind kind);
struct provider_verdict provider_arrive(struct provider *provider, int64_t at_us);

enum jitter {
    JITTER_NONE,
    JITTER_UNIFORM,
    JITTER_UNIFORM_OUT,
    JITTER_UNIFORM_BACK,
    JITTER_EXPONENTIAL,
    JITTER_PARETO
};

/* What changes while time goes on. */
enum change {
    CHANGE_NONE,
    CHANGE_DROP,  /* at each change it becomes the other one, and back: base_us or other_us */
    CHANGE_STEPS, /* from base_us to other_us in ten equal steps, and anew */
    CHANGE_DRIFT, /* from base_us to other_us and back, steadily */
    CHANGE_MIX,   /* each time one of the two, by chance: one in ten the other */
};

/* A way there and back, and the time between them. */
struct latency {
    const char *name;
    int64_t base_us; /* round trip at least, without the service */
    enum jitter jitter;
    int64_t scale_us; /* uniform: width; exponential: mean; Pareto (shape 2): scale; of each way */
    int64_t cap_us;   /* Pareto: at most so much each way; 0: no cap */
    int64_t service_us, spread_us; /* the provider's own time, and what it varies by */
    enum change change;            /* of base_us, or of service_us where that is not 0 */
    int64_t other_us, each_us;
};

/* One way, out (to the provider) or back. */
int64_t latency_draw(const struct latency *latency, struct chance *chance, bool out, int64_t now_us);
int64_t latency_service(const struct latency *latency, struct chance *chance, int64_t now_us);
/* The mean of what is beyond the shortest round trip; below 0 where it changes with time. */
double latency_mean_lateness_us(const struct latency *latency);

#endif
