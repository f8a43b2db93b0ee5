/* world_restart.c - see world.h. Here: a scheduler dies, another goes on from its file; the fetcher comes
 * back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "tests/sim/world_inside.h"

#define BOTH_PERMIL    250 /* of deaths of the scheduler: the fetcher dies too */
#define REBOOT_PERMIL  300 /* of losses: the host was rebooted, and the file is there */
#define REBOOT_WINDOWS 10  /* the host is down for up to so many */
#define UPTIME_US      30000000

/* Everybody who waits asks again, as gateways do. */
static void submit_again(struct world *world)
{
    struct request *mine, *next;

    DL_FOREACH_SAFE(world->alive, mine, next)
    {
        struct core_request request = {.id = {.gateway = mine->gateway, .request = mine->id},
                                       .client = mine->client,
                                       .priority = (uint8_t)mine->priority,
                                       .again = true,
                                       .arrival_us = core_of_world(world, mine->submitted_us),
                                       .deadline_us = core_of_world(world, mine->deadline_us)};
        struct core_verdict verdict;

        mine->in_flight = false;
        mine->rests_until_us = 0;
        memcpy(request.key, mine->key, JOB_KEY_BYTES);
        core_submit(world->core, &request, world_core_now(world), &verdict);
        if (verdict.answer != CORE_REFUSED)
            continue;
        world_forget(world, mine);
        world->totals.expired++;
    }
}

/* Of this scheduler and this fetcher together. */
uint64_t restart_life(const struct world *world)
{
    return (world->totals.tears + world->totals.kills) << 32 | world->fetcher;
}

/* The host was down for a while: its monotonic clock starts anew, nobody of the others is left. */
static void reboot(struct world *world)
{
    struct request *request, *next;

    world->totals.reboots++;
    world->fetcher++;
    world->fetcher_up = false;
    world->boots++;
    world->told_hold_us = 0;
    world->now_us += chance_below(&world->chance, REBOOT_WINDOWS * world_window(world));
    world->boot_us = world->now_us - 1 - chance_below(&world->chance, UPTIME_US);
    DL_FOREACH_SAFE(world->alive, request, next)
    {
        world_forget(world, request);
        world->totals.lost++;
    }
    world->breaker = CORE_BREAKER_CLOSED;
    world_plan(world, world->now_us + BACK_MIN_US, EVENT_FETCHER_BACK, 0);
}

/* What the next one finds; false when nothing. */
static bool find_record(struct world *world, bool lost, struct limiter_record *record)
{
    struct limiter_present present = {.boot = world->boots,
                                      .settings = WORLD_SETTINGS,
                                      .now_us = world_core_now(world),
                                      .wall_us = world->now_us,
                                      .burst = world->config.core.limiter.burst,
                                      .ahead_us = world->config.core.lead_us + world->config.core.lease_us +
                                                  2 * world->config.core.give_up_us,
                                      .hold_max_us = world->config.core.limiter.hold_max_us};
    enum limiter_past past = LIMITER_PAST_UNKNOWN;
    unsigned index;

    if (lost) {
        memset(world->kept, 0, sizeof(world->kept));
        world->sequence = 0;
    }
    if (limiter_record_choose(world->kept, WORLD_LANE, record, &index) == 0) {
        world->sequence = record->sequence; /* the other one is the next to be written over */
        past = limiter_record_judge(record, &present);
        world->totals.checks[CHECK_STATE]++;
        if (past != LIMITER_PAST_KNOWN && past != LIMITER_PAST_REBOOTED)
            world_broken(world, CHECK_STATE, "it is not", (uint64_t)past, world->boots);
    } else if (!lost && world->sequence > 1) {
        world_broken(world, CHECK_STATE, "neither record is good", world->sequence, 0);
    }
    return past < LIMITER_PAST_IMPLAUSIBLE;
}

/* Nothing is left of the scheduler but its file; the fetcher goes on until it hears of the next one. */
void restart_kill(struct world *world)
{
    bool lost = chance_permil(&world->chance, world->config.lose_permil);
    struct core_config config = world->config.core;
    struct limiter_record record;
    bool known;

    world->forgot_us = lost ? world->now_us : world->forgot_us;
    if (world->aloud)
        printf("              scheduler dies%s%s\n", world->torn ? " in a write" : "",
               lost ? ", its state is lost" : "");
    world->totals.kills += !world->torn;
    world->killed = false;
    world->torn = false;
    world->ready = false;
    world->sent_of_epoch = 0;
    core_free(world->core);
    if (world->fetcher_up && chance_permil(&world->chance, BOTH_PERMIL))
        fetcher_crash(world);
    if (lost && chance_permil(&world->chance, REBOOT_PERMIL)) {
        reboot(world);
        lost = false;
    }
    world->totals.forgotten += lost;
    if (lost)
        world->held_until_us = 0; /* nobody knows of it any more */
    known = find_record(world, lost, &record);
    config.attempt_base = world->last_attempt + FLIGHT_MAX;
    config.policy = world->policy;
    world->core = core_new(&config, world_core_now(world));
    if (!world->core)
        abort();
    if (known)
        core_restore(world->core, &record.core, record.boot == world->boots ? record.now_us : INT64_MIN);
    else
        world->paused = false;
    check_unsure(world);
    submit_again(world);
    if (world->fetcher_up)
        world_plan(world, world->now_us + world_hop(world) + chance_below(&world->chance, BACK_VARY_US),
                   EVENT_READY, restart_life(world));
}

void restart_be_ready(struct world *world, int64_t last_sent_us, int64_t last_ended_us, unsigned in_flight)
{
    int64_t sent_us = last_sent_us ? core_of_world(world, last_sent_us) : 0;
    int64_t ended_us = last_ended_us ? core_of_world(world, last_ended_us) : 0;

    core_fetcher_past(world->core, sent_us, ended_us, world_core_now(world));
    core_fetcher_ready(world->core, FLIGHT_MAX, sent_us, in_flight, world_core_now(world));
    if (world->told_hold_us > world->now_us) {
        core_hold(world->core, core_of_world(world, world->told_hold_us), world_core_now(world));
        check_hold(world, world->told_hold_us);
    }
    world->ready = true;
    world->outstanding = in_flight;
    if (world->breaker == CORE_BREAKER_HALF_OPEN)
        world->breaker = CORE_BREAKER_OPEN; /* its probe was another link's */
    core_breaker(world->core, world->breaker, core_of_world(world, world->breaker_until_us),
                 world_core_now(world));
}

/* What has not been sent is dropped, and what has ended is not told of one by one. */
void restart_on_ready(struct world *world)
{
    int64_t last_sent_us = 0, last_ended_us = 0;
    unsigned in_flight = 0;

    for (unsigned i = 0; i < WORLD_ATTEMPTS; i++) {
        struct attempt *attempt = &world->attempts[i];
        bool sent = attempt->sent_us > 0;
        bool ended = sent && attempt->first_us > 0 && attempt->first_us <= world->now_us;

        if (!attempt->id || attempt->generation != world->fetcher)
            continue;
        if (sent && attempt->sent_us > last_sent_us)
            last_sent_us = attempt->sent_us;
        if (ended && attempt->first_us > last_ended_us)
            last_ended_us = attempt->first_us;
        in_flight += sent && !ended;
        if (!sent || ended)
            attempt->id = 0;
    }
    restart_be_ready(world, last_sent_us, last_ended_us, in_flight);
}

void restart_on_fetcher_back(struct world *world)
{
    struct request *request;

    if (world->fetcher_up)
        return; /* two deaths, one return */
    if (world->ready)
        core_fetcher_lost(world->core, world_core_now(world));
    DL_FOREACH(world->alive, request)
    {
        request->in_flight = false;
    }
    world->fetcher_up = true;
    restart_be_ready(world, 0, 0, 0);
}
