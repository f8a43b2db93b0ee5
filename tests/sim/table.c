/* table.c - see table.h. */
#include "tests/sim/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/sim/fleet.h"

#define MS             1000LL
#define SECOND         1000000LL
#define BACKLOG        4
#define FIRST_CALLS    600  /* a short run, as a user's first minutes */
#define LEARNT_CALLS   2000 /* use of the quota is judged after so many */
#define REJECTED_SHARE 1e-5 /* of all calls, in adaptive */
#define SIGMAS         3    /* chance may add so much */
#define SEEDS_OF_TASK  2
#define PEER_CALLS     20000

struct row {
    struct latency latency;
    int64_t window_us;
    enum provider_kind provider;
    struct provider_clock clock;
    double points;  /* adaptive's use may be so far below the bound 1/(1 + mean lateness/T); 0: not judged */
    double use_min; /* and must be at least this */
    double per_change; /* rejections that each change of the way may cost adaptive */
};

/* The design's three, and a tail of which one in 1000 is longer than half a second. */
static const struct row rows[] = {
    {.latency = {.name = "uniform 0-80 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 80 * MS},
     .window_us = SECOND,
     .points = 0.005},
    {.latency = {.name = "Pareto 2, 2 ms, cap 500, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_PARETO,
                 .scale_us = 2 * MS,
                 .cap_us = 500 * MS},
     .window_us = SECOND,
     .points = 0.005},
    {.latency = {.name = "exponential 20 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_EXPONENTIAL,
                 .scale_us = 20 * MS},
     .window_us = SECOND,
     .points = 0.005},
    {.latency = {.name = "Pareto 2, p99.9 500 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_PARETO,
                 .scale_us = 16330},
     .window_us = SECOND,
     .points = 0.005},
    {.latency = {.name = "loopback", .base_us = 200, .jitter = JITTER_UNIFORM, .scale_us = 50},
     .window_us = SECOND,
     .use_min = 0.995},
    {.latency = {.name = "loopback", .base_us = 200, .jitter = JITTER_UNIFORM, .scale_us = 50},
     .window_us = SECOND / 10,
     .use_min = 0.98},
    {.latency = {.name = "loopback", .base_us = 200, .jitter = JITTER_UNIFORM, .scale_us = 50},
     .window_us = SECOND / 50,
     .use_min = 0.95},
    {.latency = {.name = "loopback", .base_us = 200, .jitter = JITTER_UNIFORM, .scale_us = 50},
     .window_us = SECOND / 100,
     .use_min = 0.93},
    {.latency = {.name = "loopback", .base_us = 200, .jitter = JITTER_UNIFORM, .scale_us = 50},
     .window_us = SECOND / 1000,
     .use_min = 0.6},
    {.latency = {.name = "constant 40 ms", .base_us = 40 * MS, .jitter = JITTER_UNIFORM, .scale_us = 200},
     .window_us = SECOND / 10,
     .use_min = 0.97},
    {.latency = {.name = "0-80 ms out", .base_us = 200, .jitter = JITTER_UNIFORM_OUT, .scale_us = 80 * MS},
     .window_us = SECOND / 10,
     .use_min = 0.7},
    {.latency = {.name = "0-80 ms back", .base_us = 200, .jitter = JITTER_UNIFORM_BACK, .scale_us = 80 * MS},
     .window_us = SECOND / 10,
     .use_min = 0.7},
    {.latency = {.name = "0-80 ms out, 40 ms",
                 .base_us = 40 * MS,
                 .jitter = JITTER_UNIFORM_OUT,
                 .scale_us = 80 * MS},
     .window_us = SECOND / 50,
     .use_min = 0.24},
    {.latency = {.name = "0-80 ms both ways, 40 ms",
                 .base_us = 40 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 80 * MS},
     .window_us = SECOND / 50,
     .use_min = 0.16},
    {.latency = {.name = "exponential 5 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_EXPONENTIAL,
                 .scale_us = 5 * MS},
     .window_us = SECOND / 50,
     .use_min = 0.27},
    {.latency = {.name = "Pareto 2, 1 ms, cap 500, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_PARETO,
                 .scale_us = 1 * MS,
                 .cap_us = 500 * MS},
     .window_us = SECOND / 50,
     .use_min = 0.3},
    {.latency =
         {.name = "way of 3 T, within 2 %", .base_us = 60 * MS, .jitter = JITTER_UNIFORM, .scale_us = 200},
     .window_us = SECOND / 50,
     .use_min = 0.9},
    {.latency = {.name = "service of 3 T, within 2 %",
                 .base_us = 200,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 25,
                 .service_us = 59 * MS,
                 .spread_us = 350},
     .window_us = SECOND / 50,
     .use_min = 0.9},
    {.latency = {.name = "way drops 200 -> 40 ms",
                 .base_us = 200 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 2 * MS,
                 .change = CHANGE_DROP,
                 .other_us = 40 * MS,
                 .each_us = 600 * SECOND},
     .window_us = SECOND,
     .per_change = 2},
    {.latency = {.name = "way drops 200 -> 40 ms",
                 .base_us = 200 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 2 * MS,
                 .change = CHANGE_DROP,
                 .other_us = 40 * MS,
                 .each_us = 600 * SECOND},
     .window_us = SECOND / 50,
     .per_change = 2},
    {.latency = {.name = "way shrinks in steps",
                 .base_us = 200 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 2 * MS,
                 .change = CHANGE_STEPS,
                 .other_us = 40 * MS,
                 .each_us = 300 * SECOND},
     .window_us = SECOND,
     .per_change = 2},
    {.latency = {.name = "way drifts 40 <-> 200 ms",
                 .base_us = 200 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 2 * MS,
                 .change = CHANGE_DRIFT,
                 .other_us = 40 * MS,
                 .each_us = 900 * SECOND},
     .window_us = SECOND,
     .per_change = 2},
    {.latency = {.name = "two routes, 60 or 20 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 1 * MS,
                 .change = CHANGE_MIX,
                 .other_us = 20 * MS,
                 .each_us = 3600 * SECOND},
     .window_us = SECOND,
     .per_change = 2},
    {.latency = {.name = "service drops 100 -> 1 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 5 * MS,
                 .service_us = 100 * MS,
                 .spread_us = 2 * MS,
                 .change = CHANGE_DROP,
                 .other_us = 1 * MS,
                 .each_us = 600 * SECOND},
     .window_us = SECOND,
     .per_change = 2},
    {.latency = {.name = "service 100 or 1 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 5 * MS,
                 .service_us = 100 * MS,
                 .spread_us = 2 * MS,
                 .change = CHANGE_MIX,
                 .other_us = 1 * MS,
                 .each_us = 3600 * SECOND},
     .window_us = SECOND,
     .per_change = 2},
    {.latency = {.name = "uniform 0-80 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 80 * MS},
     .window_us = SECOND,
     .provider = PROVIDER_DELAY,
     .points = 0.005},
    {.latency = {.name = "uniform 0-80 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 80 * MS},
     .window_us = SECOND,
     .provider = PROVIDER_SLIDING,
     .points = 0.005},
    {.latency = {.name = "uniform 0-80 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_UNIFORM,
                 .scale_us = 80 * MS},
     .window_us = SECOND,
     .provider = PROVIDER_BUCKET,
     .points = 0.005},
    {.latency = {.name = "exponential 20 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_EXPONENTIAL,
                 .scale_us = 20 * MS},
     .window_us = SECOND,
     .clock = {.grain_us = 1000, .slew_ppm = -500},
     .points = 0.005},
    {.latency = {.name = "exponential 20 ms, 60 ms",
                 .base_us = 60 * MS,
                 .jitter = JITTER_EXPONENTIAL,
                 .scale_us = 20 * MS},
     .window_us = SECOND,
     .clock = {.grain_us = 1000, .slew_ppm = 500},
     .points = 0.005},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

enum rule { RULE_STRICT, RULE_ADAPTIVE, RULES };

struct figures {
    uint64_t runs, calls, rejected, early_rejected; /* early: within the first LEARNT_CALLS */
    uint64_t dirty_starts;                          /* runs with a rejection among their first FIRST_CALLS */
    double use, d_ms, g_ms, changes;
    char broken[200];
};

/* What is to be done, for the workers. */
static struct {
    unsigned seeds, calls, chunks;
    bool wanted[ROWS];
} plan;

const struct latency *table_latency(unsigned index)
{
    return index < ROWS ? &rows[index].latency : NULL;
}

unsigned table_rows(void)
{
    return ROWS;
}

struct core_config table_core(enum limiter_mode mode, int64_t window_us)
{
    return (struct core_config){.limiter = {.mode = mode,
                                            .window_us = window_us,
                                            .burst = 1,
                                            .clock_step_us = 1 * MS,
                                            .hold_max_us = 300 * SECOND},
                                .policy = &queue_policy_fifo,
                                .queue_max = 100,
                                .waiters_max = 1000,
                                .flight_max = FLIGHT_MAX,
                                .lead_us = 3 * MS,
                                .lease_us = 50 * MS,
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

static uint64_t run_until(struct world *world, uint64_t calls)
{
    world->config.stop_calls = calls;
    world_run(world);
    return world->provider.rejected;
}

/* One run with work always waiting. */
static void run_saturated(const struct row *row, enum limiter_mode mode, uint64_t seed, unsigned calls,
                          struct figures *figures)
{
    static struct world world;
    struct world_config config = {.core = table_core(mode, row->window_us),
                                  .provider = row->provider,
                                  .clock = row->clock,
                                  .latency = row->latency,
                                  .seed = seed};
    uint64_t learnt;
    int64_t learnt_us;
    struct core_view view;

    world_open(&world, &config);
    world.client = saturate;
    world.each_grant = refill;
    world_plan(&world, world.now_us, EVENT_CLIENT, 0);
    figures->dirty_starts += run_until(&world, FIRST_CALLS) > 0;
    figures->early_rejected += run_until(&world, LEARNT_CALLS);
    learnt = world.provider.accepted;
    learnt_us = world.now_us;
    figures->rejected += run_until(&world, calls);
    core_look(world.core, core_of_world(&world, world.now_us), &view);
    figures->runs++;
    figures->calls += world.provider.accepted + world.provider.rejected;
    if (world.now_us > learnt_us)
        figures->use += (double)(world.provider.accepted - learnt) * (double)row->window_us /
                        (double)(world.now_us - learnt_us);
    if (row->latency.each_us > 0)
        figures->changes += (double)world.now_us / (double)row->latency.each_us;
    figures->d_ms = (double)view.d_us / MS;
    figures->g_ms = (double)view.g_us / MS;
    if (world.broken[0] != '\0')
        snprintf(figures->broken, sizeof(figures->broken), "seed %llu: %s", (unsigned long long)seed,
                 world.broken);
    world_close(&world);
}

static void work(unsigned task, void *result)
{
    const struct row *row = &rows[task / plan.chunks / RULES];
    enum limiter_mode mode = task / plan.chunks % RULES == RULE_STRICT ? LIMITER_STRICT : LIMITER_ADAPTIVE;
    uint64_t seed = (uint64_t)(task % plan.chunks) * SEEDS_OF_TASK + 1;

    if (!plan.wanted[row - rows])
        return;
    for (uint64_t end = seed + SEEDS_OF_TASK; seed < end && seed <= plan.seeds; seed++)
        run_saturated(row, mode, seed, plan.calls, result);
}

static struct figures add_up(const struct figures *parts)
{
    struct figures sum = {.runs = 0};

    for (unsigned i = 0; i < plan.chunks; i++) {
        const struct figures *part = &parts[i];

        sum.runs += part->runs;
        sum.calls += part->calls;
        sum.rejected += part->rejected;
        sum.early_rejected += part->early_rejected;
        sum.dirty_starts += part->dirty_starts;
        sum.use += part->use;
        sum.changes += part->changes;
        sum.d_ms += part->d_ms / plan.chunks;
        sum.g_ms += part->g_ms / plan.chunks;
        if (part->broken[0] != '\0')
            memcpy(sum.broken, part->broken, sizeof(sum.broken));
    }
    sum.use /= (double)(sum.runs > 0 ? sum.runs : 1);
    return sum;
}

/* A send every T: the share that is rejected. Or a sleep of T after each answer: the use. */
static double metronome_rejected(const struct row *row)
{
    struct chance chance = {1};
    struct provider provider;

    provider_init(&provider, row->provider, row->window_us, 1);
    provider.clock = row->clock;
    for (int64_t i = 1; i <= PEER_CALLS; i++)
        provider_arrive(&provider,
                        i * row->window_us + latency_draw(&row->latency, &chance, true, i * row->window_us));
    return (double)provider.rejected / PEER_CALLS;
}

static double sleeper_use(const struct row *row)
{
    struct chance chance = {1};
    int64_t now_us = 0;

    for (int i = 0; i < PEER_CALLS; i++)
        now_us += latency_draw(&row->latency, &chance, true, now_us) +
                  latency_service(&row->latency, &chance, now_us) +
                  latency_draw(&row->latency, &chance, false, now_us) + row->window_us;
    return (double)row->window_us * PEER_CALLS / (double)now_us;
}

static double bound_of(const struct row *row)
{
    double late_us = latency_mean_lateness_us(&row->latency);

    return late_us < 0 ? NAN : 1 / (1 + late_us / (double)row->window_us);
}

static const char *judge(const struct row *row, const struct figures *strict, const struct figures *adaptive)
{
    double expected = REJECTED_SHARE * (double)adaptive->calls + row->per_change * adaptive->changes;

    if (strict->broken[0] != '\0')
        return strict->broken;
    if (adaptive->broken[0] != '\0')
        return adaptive->broken;
    if (strict->rejected > 0)
        return "rejected in strict";
    if ((double)adaptive->rejected > expected + SIGMAS * sqrt(expected))
        return "rejected too often";
    if (row->points > 0 && adaptive->use < bound_of(row) - row->points)
        return "too far below the bound";
    if (adaptive->use < row->use_min)
        return "wastes quota";
    if (row->per_change == 0 && adaptive->use < strict->use - 0.001)
        return "uses less than strict";
    return NULL;
}

static bool print_row(const struct row *row, const struct figures *strict, const struct figures *adaptive)
{
    const char *wrong = judge(row, strict, adaptive);
    double bound = bound_of(row);

    printf("%-31s %-14s %6.4g | %5.1f%% %6.4f | %3llu; %6.4f | %4llu (%llu) %5.1f%%; %6.4f  %7.2f %7.2f | ",
           row->latency.name, provider_kind_name(row->provider), (double)row->window_us / MS,
           100 * metronome_rejected(row), sleeper_use(row), (unsigned long long)strict->rejected, strict->use,
           (unsigned long long)adaptive->rejected, (unsigned long long)adaptive->early_rejected,
           100 * (double)adaptive->dirty_starts / (double)adaptive->runs, adaptive->use, adaptive->d_ms,
           adaptive->g_ms);
    if (isnan(bound))
        printf("%8s%8s", "", "");
    else
        printf("%8.4f%8.2f", bound, 100 * (adaptive->use - bound));
    printf("%s%s\n", wrong ? "  <- " : "", wrong ? wrong : "");
    return !wrong;
}

bool table_print(unsigned seeds, unsigned calls, unsigned jobs, const char *only)
{
    const struct figures *parts;
    bool good = true;

    plan.seeds = seeds;
    plan.calls = calls < 2 * LEARNT_CALLS ? 2 * LEARNT_CALLS : calls;
    plan.chunks = (seeds + SEEDS_OF_TASK - 1) / SEEDS_OF_TASK;
    for (size_t i = 0; i < ROWS; i++)
        plan.wanted[i] = !only || strstr(rows[i].latency.name, only);
    parts = fleet_run((unsigned)(ROWS * RULES * plan.chunks), jobs, sizeof(*parts), work);
    printf("pacing: %u runs of %u calls in each mode; use of the quota after %d calls; rejected: all (of "
           "them in the "
           "first %d), and the\nshare of runs that saw one in their first %d; slack: points above the bound "
           "1/(1 + mean lateness/T)\n",
           seeds, plan.calls, LEARNT_CALLS, LEARNT_CALLS, FIRST_CALLS);
    printf("%-31s %-14s %6s | %-13s | %-11s | %-42s | %8s%8s\n", "way there and back", "provider", "T ms",
           "metron.; sleep", "strict", "adaptive: rejected; use, d and G in ms", "bound", "slack");
    for (size_t i = 0; i < ROWS; i++) {
        const struct figures *of_row = parts + i * RULES * plan.chunks;
        struct figures strict = add_up(of_row), adaptive = add_up(of_row + plan.chunks);

        if (plan.wanted[i])
            good = print_row(&rows[i], &strict, &adaptive) && good;
    }
    munmap((void *)parts, ROWS * RULES * plan.chunks * sizeof(*parts));
    return good;
}
