/* stories.c - see stories.h. */
#include "tests/sim/stories.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/sim/fleet.h"
#include "tests/sim/table.h"

#define SECOND           1000000LL
#define KEYS             60 /* so many different questions, so that some are asked twice at a time */
#define CROWD_ONE_IN     20
#define CROWD            30
#define ORDER_ONE_IN     30 /* comings of a client: an operator does something */
#define STORIES_OF_TASK  4
#define STEADY_ONE_IN    10 /* stories in which nothing happens but work */
#define PATIENCE_WINDOWS 40
#define BUDGET_PERCENT   20

struct outcome {
    struct world_totals totals;
    uint64_t stories, accepted, rejected;
    uint64_t broken_seed; /* 0: none */
    char broken[200];
};

static unsigned story_count, story_calls; /* for the workers */

static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                      &queue_policy_fair};

static int64_t pick(struct world *world, int64_t limit)
{
    return chance_below(&world->chance, limit);
}

/* What an operator, or a gateway's death, may do. A rate only where windows keep the length with which they
 * opened: a provider that looks back would judge what was sent before by the new one. */
static void interfere(struct world *world)
{
    static const int64_t windows_us[] = {SECOND, SECOND / 10, SECOND / 50};
    bool keeps = world->config.provider == PROVIDER_REJECT || world->config.provider == PROVIDER_DELAY;

    switch (pick(world, keeps ? 6 : 5)) {
    case 0:
        world_pause(world, true);
        break;
    case 5:
        world_rate(world, windows_us[pick(world, 3)]);
        break;
    case 1:
        world_gateway_lost(world, 1 + (uint64_t)pick(world, WORLD_GATEWAYS));
        break;
    default:
        world_switch(world, policies[pick(world, 3)]);
    }
}

/* A client comes, asks for one of a few things, may hang up, may be in a hurry; and comes again. Now and then
 * many come at once. */
static void wander(struct world *world)
{
    int64_t window_us = world->config.core.limiter.window_us;
    int64_t crowd = pick(world, CROWD_ONE_IN) == 0 ? CROWD : 1;

    if (world->paused && pick(world, 4) == 0)
        world_pause(world, false);
    if (pick(world, ORDER_ONE_IN) == 0)
        interfere(world);
    for (int64_t i = 0; i < crowd; i++) {
        int64_t patience_us = window_us / 2 + pick(world, PATIENCE_WINDOWS * window_us);
        int64_t hang_up_us = pick(world, 3) == 0 ? 1 + pick(world, 2 * patience_us) : 0;

        world_submit(world, 1 + chance_next(&world->chance) % KEYS, (unsigned)pick(world, 3), patience_us,
                     hang_up_us);
    }
    world_plan(world, world->now_us + pick(world, 3 * window_us), EVENT_CLIENT, 0);
}

/* Patient crowds of different sizes, and pauses in between. */
static void crowd(struct world *world)
{
    int64_t window_us = world->config.core.limiter.window_us;

    for (int64_t i = pick(world, CROWD) / world->config.core.limiter.burst; i >= 0; i--)
        world_submit(world, chance_next(&world->chance), 10, 100000 * window_us, 0);
    world_plan(world, world->now_us + pick(world, 2 * CROWD * window_us), EVENT_CLIENT, 0);
}

static bool maybe(struct chance *chance)
{
    return chance_next(chance) % 2;
}

static void make_steady(struct world_config *config)
{
    config->steady = true;
    config->crash_permil = config->kill_permil = config->tear_permil = 0;
    config->fail_permil = config->answer_permil = 0;
    if (config->core.limiter.mode == LIMITER_FIXED) /* is rejected where the way is not steady */
        config->core.limiter.mode = LIMITER_ADAPTIVE;
    config->core.policy = &queue_policy_fifo;
    config->core.queue_max = 100;
    config->core.client_max = 0;
}

static void cast(struct world_config *config, uint64_t seed)
{
    static const int64_t windows_us[] = {SECOND, SECOND / 10, SECOND / 50, 33333};
    static const int64_t grains_us[] = {0, 1000, 10000};
    struct chance chance = {seed * 7919};
    enum limiter_mode mode = (enum limiter_mode)(chance_next(&chance) % 3);
    struct core_config core = table_core(mode, windows_us[chance_next(&chance) % 4]);

    *config = (struct world_config){
        .seed = seed, .latency = *table_latency((unsigned)(chance_next(&chance) % table_rows()))};
    config->provider = (enum provider_kind)(chance_next(&chance) % 4);
    config->clock = (struct provider_clock){.grain_us = grains_us[chance_next(&chance) % 3],
                                            .slew_ppm = (int64_t)(chance_next(&chance) % 1001) - 500};
    core.limiter.clock_step_us = config->clock.grain_us > 1000 ? config->clock.grain_us : 1000;
    core.limiter.burst = 1 + (unsigned)(chance_next(&chance) % 3);
    core.limiter.guard_us = core.limiter.window_us / 10;
    core.policy = policies[chance_next(&chance) % 3];
    core.starvation_us = core.limiter.window_us * (1 + (int64_t)(chance_next(&chance) % 30));
    core.client_max = maybe(&chance) ? 0 : 8;
    core.queue_max = 10 + (unsigned)(chance_next(&chance) % 40);
    core.give_up_us = core.lease_us + 2 * SECOND;
    core.retries = (struct retries_config){.tries_max = (unsigned)(seed % 4),
                                           .budget_percent = BUDGET_PERCENT,
                                           .base_us = core.limiter.window_us / 2,
                                           .cap_us = 10 * core.limiter.window_us,
                                           .seed = seed};
    config->core = core;
    config->crash_permil = maybe(&chance) ? 0 : 5;
    if (config->latency.jitter == JITTER_PARETO && config->latency.cap_us == 0)
        config->crash_permil =
            0; /* for how long a dead fetcher's request may travel is a matter of plausibility */
    config->kill_permil = maybe(&chance) ? 0 : 5;
    config->tear_permil = maybe(&chance) ? 0 : 2;
    config->lose_permil = maybe(&chance) ? 0 : 100;
    config->fail_permil = maybe(&chance) ? 0 : 50;
    config->trip_permil = maybe(&chance) ? 0 : 300;
    config->answer_permil = maybe(&chance) ? 0 : 20;
    config->aborts = maybe(&chance);
    if (seed % STEADY_ONE_IN == 0)
        make_steady(config);
}

static void add(struct outcome *outcome, const struct world *world)
{
    const uint64_t *from = (const uint64_t *)&world->totals;
    uint64_t *to = (uint64_t *)&outcome->totals;

    for (size_t i = 0; i < sizeof(world->totals) / sizeof(*from); i++)
        to[i] += from[i];
    outcome->stories++;
    outcome->accepted += world->provider.accepted;
    outcome->rejected += world->config.core.limiter.mode == LIMITER_ADAPTIVE ? world->provider.rejected : 0;
    if (world->broken[0] == '\0' || outcome->broken_seed)
        return;
    outcome->broken_seed = world->config.seed;
    snprintf(outcome->broken, sizeof(outcome->broken), "%s", world->broken);
}

static void describe(const struct world *world)
{
    const struct core_config *core = &world->config.core;

    printf("story %llu: %s, T %lld us, burst %u, at first %s; %s, %s, grain %lld us, %+lld ppm\n",
           (unsigned long long)world->config.seed, limiter_mode_name(core->limiter.mode),
           (long long)core->limiter.window_us, core->limiter.burst, world->policy->name,
           world->config.latency.name, provider_kind_name(world->config.provider),
           (long long)world->config.clock.grain_us, (long long)world->config.clock.slew_ppm);
}

static void tell(uint64_t seed, unsigned calls, bool aloud, struct outcome *outcome)
{
    static struct world world;
    struct world_config config;

    cast(&config, seed);
    config.stop_calls = calls;
    world_open(&world, &config);
    world.client = config.steady ? crowd : wander;
    world.aloud = aloud;
    if (aloud)
        describe(&world);
    world_plan(&world, world.now_us, EVENT_CLIENT, 0);
    world_run(&world);
    world_settle(&world);
    add(outcome, &world);
    world_close(&world);
}

static void work(unsigned task, void *result)
{
    for (unsigned i = 1; i <= STORIES_OF_TASK; i++) {
        if (task * STORIES_OF_TASK + i <= story_count)
            tell(task * STORIES_OF_TASK + i, story_calls, false, result);
    }
}

static void print(const struct outcome *sum)
{
    const struct world_totals *totals = &sum->totals;

    printf("stories: %llu of %u dispatches each: %llu requests (%llu refused, %llu answered, %llu expired, "
           "%llu left, %llu "
           "lost with\ntheir gateway), %llu grants (%llu came back unsent), %llu accepted, %llu rejected "
           "(adaptive)\n",
           (unsigned long long)sum->stories, story_calls, (unsigned long long)totals->submitted,
           (unsigned long long)totals->refused, (unsigned long long)totals->answered,
           (unsigned long long)totals->expired, (unsigned long long)totals->hung_up,
           (unsigned long long)totals->lost, (unsigned long long)totals->granted,
           (unsigned long long)totals->unsent, (unsigned long long)sum->accepted,
           (unsigned long long)sum->rejected);
    printf("events:  %llu fetchers and %llu schedulers killed, %llu of them within a write; %llu reboots, "
           "%llu lost states; "
           "%llu holds, %llu times\nthe breaker opened, %llu retries, %llu orders\n",
           (unsigned long long)totals->crashes, (unsigned long long)totals->kills + totals->tears,
           (unsigned long long)totals->tears, (unsigned long long)totals->reboots,
           (unsigned long long)totals->forgotten, (unsigned long long)totals->holds,
           (unsigned long long)totals->trips, (unsigned long long)totals->retried,
           (unsigned long long)totals->orders);
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        printf("checked: %12llu  %s\n", (unsigned long long)totals->checks[i],
               world_check_name((enum world_check)i));
}

bool stories_tell(unsigned count, unsigned calls, unsigned jobs)
{
    unsigned tasks = (count + STORIES_OF_TASK - 1) / STORIES_OF_TASK;
    struct outcome sum = {.stories = 0}, *parts;
    bool kept = true;

    story_count = count;
    story_calls = calls;
    parts = fleet_run(tasks, jobs, sizeof(*parts), work);
    for (unsigned i = 0; i < tasks; i++) {
        const uint64_t *from = (const uint64_t *)&parts[i].totals;
        uint64_t *to = (uint64_t *)&sum.totals;

        for (size_t t = 0; t < sizeof(sum.totals) / sizeof(*from); t++)
            to[t] += from[t];
        sum.stories += parts[i].stories;
        sum.accepted += parts[i].accepted;
        sum.rejected += parts[i].rejected;
    }
    print(&sum);
    for (unsigned i = 0; i < tasks; i++) {
        kept = kept && !parts[i].broken_seed;
        if (parts[i].broken_seed)
            printf("story %llu broke a promise: %s\nonce more, aloud: tests/sim/run --seed %llu --calls %u\n",
                   (unsigned long long)parts[i].broken_seed, parts[i].broken,
                   (unsigned long long)parts[i].broken_seed, calls);
    }
    munmap(parts, tasks * sizeof(*parts));
    return kept;
}

bool story_tell(uint64_t seed, unsigned calls, bool aloud)
{
    struct outcome outcome = {.stories = 0};

    tell(seed, calls, aloud, &outcome);
    if (outcome.broken_seed)
        printf("broken: %s\n", outcome.broken);
    return outcome.broken_seed == 0;
}
