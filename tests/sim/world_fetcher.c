/* world_fetcher.c - see world.h. Here: the fetcher with its breaker, the ways, and what the provider makes of
 * what arrives. */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "tests/sim/world_inside.h"

#define FIRE_LATE_US   60
#define STOPPED_ONE_IN 200 /* fires: the fetcher's process is stopped for a while */
#define STOPPED_US     100000
#define HOLD_WINDOWS   10  /* a 503 asks to wait for up to so many */
#define TRIP_WINDOWS   20  /* the breaker stays open for up to so many */
#define SILENT_PERMIL  300 /* of failures: no answer at all */
#define HOLDING_PERMIL 300 /* of the others: ask to wait */
#define HOLD_KILLS     20  /* so many times as often at the beginning of a hold */

static void tell_breaker(struct world *world, enum core_breaker state, int64_t until_us)
{
    world->breaker = state;
    world->breaker_until_us = until_us;
    core_breaker(world->core, state, core_of_world(world, until_us), world_core_now(world));
}

/* Gives the grant back. */
static void finish_unsent(struct world *world, struct attempt *attempt, enum fetch_outcome outcome,
                          enum reason reason)
{
    attempt->over = true;
    attempt->outcome = outcome;
    attempt->reason = reason;
    world->totals.unsent++;
    world_plan(world, world->now_us + world_hop(world), EVENT_FETCHED, attempt->id);
}

/* The fetcher has the grant and waits for its time, late by a little. */
static void on_grant(struct world *world, const struct attempt *attempt)
{
    int64_t fire_us = attempt->earliest_us > world->now_us ? attempt->earliest_us : world->now_us;

    if (!world->config.steady && chance_below(&world->chance, STOPPED_ONE_IN) == 0)
        fire_us += chance_below(&world->chance, STOPPED_US);
    else
        fire_us += chance_below(&world->chance, FIRE_LATE_US);
    world_plan(world, fire_us, EVENT_FIRE, attempt->id);
}

static int64_t timeout_us(const struct world *world)
{
    return world->config.core.give_up_us - world->config.core.lease_us;
}

/* No answer within our time, or none at all: we give it up. */
static void stay_silent(struct world *world, struct attempt *attempt)
{
    attempt->outcome = FETCH_FAILED;
    attempt->reason = REASON_UPSTREAM_TIMEOUT;
    attempt->first_us = -1;
    attempt->hold_us = 0;
    world_plan(world, attempt->sent_us + timeout_us(world), EVENT_FIRST, attempt->id);
}

/* What takes longer to the provider than we wait is cut on its way. */
static void send(struct world *world, struct attempt *attempt)
{
    int64_t way_us = latency_draw(&world->config.latency, &world->chance, true, world->now_us);

    attempt->sent_us = world->now_us;
    world_plan(world, world->now_us + world_hop(world), EVENT_SENT, attempt->id);
    if (way_us < timeout_us(world))
        world_plan(world, world->now_us + way_us, EVENT_ARRIVE, attempt->id);
    else
        stay_silent(world, attempt);
}

static bool breaker_admits(struct world *world, struct attempt *attempt)
{
    if (world->breaker == CORE_BREAKER_CLOSED)
        return true;
    if (world->breaker == CORE_BREAKER_HALF_OPEN || world->now_us < world->breaker_until_us)
        return false;
    attempt->probe = true;
    tell_breaker(world, CORE_BREAKER_HALF_OPEN, 0);
    return true;
}

static void on_fire(struct world *world, struct attempt *attempt)
{
    if (attempt->over)
        return;
    if (world->now_us > attempt->latest_us) {
        finish_unsent(world, attempt, FETCH_UNSENT, REASON_NONE);
    } else if (chance_permil(&world->chance, world->config.answer_permil)) {
        finish_unsent(world, attempt, FETCH_CACHED, REASON_NONE);
    } else if (!breaker_admits(world, attempt)) {
        finish_unsent(world, attempt, FETCH_REFUSED, REASON_BREAKER_OPEN);
    } else {
        send(world, attempt);
    }
}

static void on_abort(struct world *world, struct attempt *attempt)
{
    if (!attempt->over && attempt->sent_us == 0)
        finish_unsent(world, attempt, FETCH_UNSENT, REASON_NONE);
}

/* By an error of its own, which may ask to wait, or by silence. */
static void fail(struct world *world, struct attempt *attempt)
{
    attempt->outcome = FETCH_FAILED;
    attempt->reason = REASON_UPSTREAM_ERROR;
    attempt->hold_us = 0;
    if (chance_permil(&world->chance, HOLDING_PERMIL))
        attempt->hold_us = 1 + chance_below(&world->chance, HOLD_WINDOWS * world_window(world));
}

static void on_arrive(struct world *world, struct attempt *attempt)
{
    struct provider_verdict verdict = provider_arrive(&world->provider, world->now_us);
    const struct latency *latency = &world->config.latency;
    bool limited = verdict.early && verdict.wait_us > 0;
    bool fails = !limited && chance_permil(&world->chance, world->config.fail_permil);

    check_arrival(world, attempt, &verdict);
    attempt->outcome = limited ? FETCH_LIMITED : FETCH_ANSWERED;
    attempt->hold_us = limited ? verdict.wait_us : world->provider.window_us;
    attempt->first_us = world->now_us + verdict.delay_us +
                        (limited ? 0 : latency_service(latency, &world->chance, world->now_us)) +
                        latency_draw(latency, &world->chance, false, world->now_us);
    if (fails)
        fail(world, attempt);
    if (attempt->first_us >= attempt->sent_us + timeout_us(world) ||
        (fails && chance_permil(&world->chance, SILENT_PERMIL)))
        stay_silent(world, attempt);
    else
        world_plan(world, attempt->first_us, EVENT_FIRST, attempt->id);
}

/* What the end says to the breaker; the scheduler hears of that first. */
static void judge_health(struct world *world, struct attempt *attempt)
{
    bool failed = attempt->outcome == FETCH_FAILED, answered = attempt->outcome == FETCH_ANSWERED;
    int64_t until_us = world->now_us + 1 + chance_below(&world->chance, TRIP_WINDOWS * world_window(world));

    if (attempt->probe && answered) {
        tell_breaker(world, CORE_BREAKER_CLOSED, 0);
    } else if (attempt->probe || (failed && world->breaker == CORE_BREAKER_CLOSED &&
                                  chance_permil(&world->chance, world->config.trip_permil))) {
        world->totals.trips++;
        tell_breaker(world, CORE_BREAKER_OPEN, failed ? until_us : world->now_us);
    }
}

/* What the strict rule makes of the end. */
static void reckon(struct world *world, const struct attempt *attempt, const struct core_outcome *outcome)
{
    world->outstanding -= world->outstanding > 0;
    if (!attempt->over)
        check_release(world, attempt->first_us > 0 ? attempt->first_us : world->now_us);
    if (!core_outcome_holds(world->core, outcome))
        return;
    check_hold(world, attempt->first_us + outcome->hold_us);
    world->killed = chance_permil(&world->chance, HOLD_KILLS * world->config.kill_permil);
}

/* After which it waits again: 0 for one that is not made again because it failed. */
static int64_t pause_of(struct world *world, uint64_t attempt)
{
    int64_t pause_us = 0;
    struct note note;

    while (core_noted(world->core, &note)) {
        if (note.decision != DECISION_SCHEDULER_RETRIED || note.attempt != attempt)
            continue;
        pause_us = note.value;
        world->totals.retried++;
    }
    return pause_us;
}

static void on_fetched(struct world *world, struct attempt *attempt)
{
    bool first = attempt->first_us > 0;
    struct core_outcome outcome = {.kind = attempt->outcome,
                                   .reason = attempt->reason,
                                   .sent_us = attempt->sent_us ? core_of_world(world, attempt->sent_us) : 0,
                                   .first_us = first ? core_of_world(world, attempt->first_us) : 0,
                                   .hold_us = attempt->hold_us,
                                   .again = attempt->outcome == FETCH_FAILED};
    struct request *request;
    int64_t pause_us;
    struct waiter *waiter;
    struct job *job;

    judge_health(world, attempt);
    reckon(world, attempt, &outcome);
    job = core_fetched(world->core, attempt->id, &outcome, world_core_now(world));
    pause_us = pause_of(world, attempt->id);
    check_retries(world);
    DL_FOREACH(world->alive, request)
    {
        if (job || memcmp(request->key, attempt->key, JOB_KEY_BYTES) != 0)
            continue;
        request->in_flight = false; /* it waits again, at its old place */
        request->rests_until_us = world->now_us + pause_us;
    }
    world->totals.checks[CHECK_LIMITED] += attempt->outcome == FETCH_LIMITED;
    if (!job)
        return;
    if (attempt->outcome == FETCH_LIMITED && job->waiters)
        world_broken(world, CHECK_LIMITED, "it ended", attempt->id, job->waiters->id.request);
    while ((waiter = job_shift(job)))
        world_end(world, waiter, &world->totals.answered);
    core_retire(world->core, job);
}

/* A scheduler that is away hears of holds when it is back, and of the ends only when the last one was. */
static void report(struct world *world, struct attempt *attempt)
{
    int64_t until_us = attempt->first_us + attempt->hold_us;

    if (attempt->outcome != FETCH_ANSWERED && attempt->hold_us > 0 && until_us > world->told_hold_us)
        world->told_hold_us = until_us;
    if (world->ready)
        on_fetched(world, attempt);
}

/* Dies at once; what it had sent travels on, and arrives. */
void fetcher_crash(struct world *world)
{
    if (world->aloud)
        printf("              fetcher dies\n");
    world->totals.crashes++;
    world->told_hold_us = 0;
    world->fetcher++;
    world->fetcher_up = false;
    check_unsure(world);
    world_plan(world, world->now_us + BACK_MIN_US + chance_below(&world->chance, BACK_VARY_US),
               EVENT_FETCHER_BACK, 0);
}

static void on_sent(struct world *world, const struct attempt *attempt)
{
    world->sent_of_epoch++;
    core_sent(world->core, attempt->id, core_of_world(world, attempt->sent_us));
}

void fetcher_on_attempt(struct world *world, enum world_event event, struct attempt *attempt)
{
    bool ours = attempt->generation == world->fetcher && world->fetcher_up;

    if (event == EVENT_ARRIVE)
        on_arrive(world, attempt);
    else if (!ours)
        return; /* it died with its fetcher */
    else if (event == EVENT_GRANT)
        on_grant(world, attempt);
    else if (event == EVENT_ABORT)
        on_abort(world, attempt);
    else if (event == EVENT_FIRE)
        on_fire(world, attempt);
    else if (event == EVENT_FIRST)
        world_plan(world, world->now_us + world_hop(world), EVENT_FETCHED, attempt->id);
    else if (event == EVENT_SENT && world->ready)
        on_sent(world, attempt);
    else if (event == EVENT_FETCHED)
        report(world, attempt);
    if (event == EVENT_SENT && ours && chance_permil(&world->chance, world->config.crash_permil))
        fetcher_crash(world);
}
