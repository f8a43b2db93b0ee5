/* limiter_sim.c - the deterministic simulation: how much of the quota each rule uses and how often it is
 * rejected, and random stories in which everything that can happen happens.
 *
 *   sim_limiter [--seeds N] [--calls N] [--stories N] [--seed S]
 *
 * A story that breaks a promise prints its seed; --seed S replays that one alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define SECOND       1000000LL
#define BACKLOG      4
#define LEARNT_CALLS 2000 /* use of the quota is judged after so many */
#define REJECTED_MAX 1e-5 /* of all calls, in adaptive; and one more for chance */
#define LONG_WAY_US  10000

struct row {
    struct latency latency;
    int64_t window_us;
    double mean_lateness_us; /* of a round trip: no safe rule uses more than 1/(1 + that/T) */
    double use_min;          /* of adaptive */
};

static const struct row rows[] = {
    {{"uniform 0-80 ms, 60 ms", 60000, JITTER_UNIFORM, 80000}, SECOND, 80000, 0.919},
    {{"Pareto 2, 2 ms, 60 ms", 60000, JITTER_PARETO, 2000}, SECOND, 4000, 0.992},
    {{"exponential 20 ms, 60 ms", 60000, JITTER_EXPONENTIAL, 20000}, SECOND, 40000, 0.9565},
    {{"loopback", 200, JITTER_UNIFORM, 50}, SECOND / 10, 50, 0.98},
    {{"loopback", 200, JITTER_UNIFORM, 50}, SECOND / 50, 50, 0.95},
    {{"constant 40 ms", 40000, JITTER_UNIFORM, 200}, SECOND / 10, 200, 0.97},
    {{"0-80 ms out", 200, JITTER_UNIFORM_OUT, 80000}, SECOND / 10, 40000, 0.7},
    {{"0-80 ms out", 200, JITTER_UNIFORM_OUT, 80000}, SECOND / 50, 40000, 0.24},
    {{"0-80 ms out, 40 ms", 40000, JITTER_UNIFORM_OUT, 80000}, SECOND / 50, 40000, 0.24},
    {{"0-80 ms both ways, 40 ms", 40000, JITTER_UNIFORM, 80000}, SECOND / 50, 80000, 0.16},
    {{"exponential 5 ms, 60 ms", 60000, JITTER_EXPONENTIAL, 5000}, SECOND / 50, 10000, 0.27},
    {{"Pareto 2, 1 ms, 60 ms", 60000, JITTER_PARETO, 1000}, SECOND / 50, 2000, 0.3},
    {{"round trip 3 T, within 2 %", 60000, JITTER_UNIFORM, 400}, SECOND / 50, 400, 0.89},
};

struct figures {
    uint64_t calls, rejected, dirty_runs;
    double use, d_ms, g_ms;
};

static struct core_config core_of(enum limiter_mode mode, int64_t window_us)
{
    return (struct core_config){.limiter = {.mode = mode,
                                            .window_us = window_us,
                                            .burst = 1,
                                            .clock_step_us = 1000,
                                            .hold_max_us = 300 * SECOND},
                                .policy = &queue_policy_fifo,
                                .queue_max = 100,
                                .waiters_max = 1000,
                                .flight_max = FLIGHT_MAX,
                                .lead_us = 3000,
                                .lease_us = 50000,
                                .give_up_us = 10 * SECOND};
}

static void refill(struct world *world)
{
    world_submit(world, chance_next(&world->chance), 10, 1000000 * SECOND, 0);
}

static void saturate(struct world *world)
{
    for (int i = 0; i < BACKLOG; i++)
        refill(world);
}

/* One run with work always waiting. False: a promise was broken. */
static bool run_saturated(const struct row *row, enum limiter_mode mode, uint64_t seed, uint64_t calls,
                          struct figures *figures)
{
    static struct world world;
    struct world_config config = {.core = core_of(mode, row->window_us),
                                  .latency = row->latency,
                                  .seed = seed,
                                  .stop_us = INT64_MAX / 2,
                                  .stop_calls = LEARNT_CALLS};
    struct core_view view;
    uint64_t learnt;
    int64_t learnt_us;
    bool kept;

    world_open(&world, &config);
    world.client = saturate;
    world.each_grant = refill;
    world_plan(&world, world.now_us, EVENT_CLIENT, 0);
    world_run(&world);
    learnt = world.provider.accepted;
    learnt_us = world.now_us;
    world.config.stop_calls = calls;
    world_run(&world);
    core_look(world.core, world.now_us, &view);
    figures->calls += world.provider.accepted + world.provider.rejected;
    figures->rejected += world.provider.rejected;
    figures->dirty_runs += world.provider.rejected > 0;
    figures->use += (double)(world.provider.accepted - learnt) * (double)row->window_us /
                    (double)(world.now_us - learnt_us);
    figures->d_ms = (double)view.d_us / 1000;
    figures->g_ms = (double)view.g_us / 1000;
    kept = world.broken[0] == '\0';
    if (!kept)
        printf("seed %llu: %s\n", (unsigned long long)seed, world.broken);
    world_close(&world);
    return kept;
}

/* What it is measured against: a send every T. */
static double metronome_rejected(const struct row *row, uint64_t seed, uint64_t calls)
{
    struct chance chance = {seed};
    struct provider provider;

    provider_init(&provider, row->window_us, 1);
    for (uint64_t i = 0; i < calls; i++)
        provider_arrive(&provider, (int64_t)i * row->window_us + latency_draw(&row->latency, &chance, true));
    return (double)provider.rejected / (double)calls;
}

static bool measure(const struct row *row, enum limiter_mode mode, unsigned seeds, uint64_t calls,
                    struct figures *figures)
{
    *figures = (struct figures){.calls = 0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        if (!run_saturated(row, mode, seed, calls, figures))
            return false;
    }
    figures->use /= seeds;
    return true;
}

static bool judge(const struct row *row, const struct figures *strict, const struct figures *adaptive)
{
    bool long_way = row->latency.base_us >= LONG_WAY_US;
    const char *wrong = NULL;

    if ((double)adaptive->rejected > 1 + REJECTED_MAX * (double)adaptive->calls)
        wrong = "rejected too often";
    else if (adaptive->use < row->use_min)
        wrong = "wastes quota";
    else if (adaptive->use < strict->use - 0.001)
        wrong = "uses less than strict";
    else if (long_way &&
             (adaptive->use < 1.005 * strict->use || adaptive->d_ms < (double)row->latency.base_us / 2000))
        wrong = "d has not left 0 where the way is long";
    if (wrong)
        printf("  ^ %s\n", wrong);
    return wrong == NULL;
}

static bool print_table(unsigned seeds, uint64_t calls)
{
    bool good = true;

    printf("%u runs of %llu calls each; use of the quota after %d calls\n", seeds, (unsigned long long)calls,
           LEARNT_CALLS);
    printf("%-28s %6s | %9s | %13s | %-34s | %s\n", "latency", "T ms", "metronome", "strict", "adaptive",
           "bound");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct figures strict, adaptive;

        if (!measure(row, LIMITER_STRICT, seeds, calls, &strict) ||
            !measure(row, LIMITER_ADAPTIVE, seeds, calls, &adaptive))
            return false;
        printf("%-28s %6.0f | %8.1f%% | %5llu; %.4f | %3llu in %3llu; %.4f  d %5.1f G %5.1f | %.4f\n",
               row->latency.name, (double)row->window_us / 1000, 100 * metronome_rejected(row, 1, calls),
               (unsigned long long)strict.rejected, strict.use, (unsigned long long)adaptive.rejected,
               (unsigned long long)adaptive.dirty_runs, adaptive.use, adaptive.d_ms, adaptive.g_ms,
               1 / (1 + row->mean_lateness_us / (double)row->window_us));
        fflush(stdout);
        good = judge(row, &strict, &adaptive) && good;
    }
    return good;
}

static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                      &queue_policy_fair};

/* A client of the stories: comes, asks for one of a few keys, may hang up, may be in a hurry; comes again. */
static void wander(struct world *world)
{
    struct chance *chance = &world->chance;
    int64_t window_us = world->config.core.limiter.window_us;
    int64_t crowd = chance_below(chance, 20) == 0 ? 30 : 1;

    if (chance_below(chance, 10) == 0)
        world_switch(world, policies[chance_below(chance, 3)]);

    for (int64_t i = 0; i < crowd; i++) {
        int64_t patience_us = window_us / 2 + chance_below(chance, 40 * window_us);
        int64_t hang_up_us = chance_below(chance, 3) == 0 ? 1 + chance_below(chance, 2 * patience_us) : 0;

        world_submit(world, 1 + chance_next(chance) % 60, (unsigned)chance_below(chance, 3), patience_us,
                     hang_up_us);
    }
    world_plan(world, world->now_us + chance_below(chance, 3 * window_us), EVENT_CLIENT, 0);
}

static bool tell_story(uint64_t seed, bool aloud)
{
    static struct world world;
    static const int64_t windows_us[] = {SECOND, SECOND / 10, SECOND / 50};
    struct chance chance = {seed * 7919};
    const struct row *row = &rows[chance_next(&chance) % (sizeof(rows) / sizeof(rows[0]))];
    struct world_config config = {
        .core = core_of((enum limiter_mode)(chance_next(&chance) % 2), windows_us[chance_next(&chance) % 3]),
        .latency = row->latency,
        .seed = seed,
        .stop_us = INT64_MAX / 2,
        .stop_calls = 300,
    };
    bool kept;

    config.core.limiter.burst = 1 + (unsigned)(chance_next(&chance) % 3);
    config.core.policy = policies[chance_next(&chance) % 3];
    config.core.starvation_us = config.core.limiter.window_us * (1 + (int64_t)(chance_next(&chance) % 30));
    config.core.client_max = chance_next(&chance) % 2 ? 0 : 8;
    config.core.queue_max = 10 + (unsigned)(chance_next(&chance) % 40);
    config.crash_permil = chance_next(&chance) % 2 ? 0 : 30;
    config.kill_permil = chance_next(&chance) % 2 ? 0 : 30;
    world_open(&world, &config);
    world.client = wander;
    world_plan(&world, world.now_us, EVENT_CLIENT, 0);
    world_run(&world);
    world_settle(&world);
    kept = world.broken[0] == '\0';
    if (!kept || aloud)
        printf("story %llu: %s; %s, %s, T %lld us, burst %u: %llu submitted, %llu refused, %llu answered, "
               "%llu expired, "
               "%llu hung up; %llu granted, %llu unsent, %llu accepted, %llu rejected, %llu crashes, %llu "
               "kills\n",
               (unsigned long long)seed, kept ? "good" : world.broken,
               limiter_mode_name(config.core.limiter.mode), row->latency.name,
               (long long)config.core.limiter.window_us, config.core.limiter.burst,
               (unsigned long long)world.submitted, (unsigned long long)world.refused,
               (unsigned long long)world.answered, (unsigned long long)world.expired,
               (unsigned long long)world.hung_up, (unsigned long long)world.granted,
               (unsigned long long)world.unsent, (unsigned long long)world.provider.accepted,
               (unsigned long long)world.provider.rejected, (unsigned long long)world.crashes,
               (unsigned long long)world.kills);
    world_close(&world);
    return kept;
}

int main(int argc, char **argv)
{
    unsigned long long seeds = 2, calls = 4000, stories = 200, seed = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--seeds") == 0)
            seeds = value;
        else if (strcmp(argv[i], "--calls") == 0)
            calls = value;
        else if (strcmp(argv[i], "--stories") == 0)
            stories = value;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = value;
    }
    if (seed)
        return tell_story(seed, true) ? EXIT_SUCCESS : EXIT_FAILURE;
    for (seed = 1; seed <= stories; seed++) {
        if (!tell_story(seed, false))
            return EXIT_FAILURE;
    }
    printf("%llu stories, every promise kept\n", stories);
    return seeds == 0 || print_table((unsigned)seeds, calls) ? EXIT_SUCCESS : EXIT_FAILURE;
}
