/* world.c - see world.h. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define HOP_MIN_US     50
#define HOP_VARY_US    250
#define FIRE_LATE_US   60
#define STOPPED_ONE_IN 200 /* fires: the fetcher's process is stopped for a while */
#define STOPPED_US     100000
#define BACK_MIN_US    100000 /* a killed fetcher is noticed and back */
#define BACK_VARY_US   1500000
#define BORN_US        1000000000
#define HOLD_WINDOWS   10  /* a 503 asks to wait for up to so many */
#define TRIP_WINDOWS   20  /* the breaker stays open for up to so many */
#define SILENT_PERMIL  300 /* of failures: no answer at all */
#define HOLDING_PERMIL 300 /* of the others: ask to wait */
#define BOTH_PERMIL    250 /* of deaths of the scheduler: the fetcher dies too */
#define HOLD_KILLS     20  /* so many times as often at the beginning of a hold */
#define REBOOT_PERMIL  300 /* of losses: the host was rebooted, and the file is there */
#define REBOOT_WINDOWS 10  /* the host is down for up to so many */
#define UPTIME_US      30000000
#define SETTINGS       1
#define LANE           "sim"

static const char *const event_names[] = {[EVENT_CLIENT] = "client",   [EVENT_HANG_UP] = "hang-up",
                                          [EVENT_GRANT] = "grant",     [EVENT_ABORT] = "abort",
                                          [EVENT_FIRE] = "fire",       [EVENT_ARRIVE] = "arrive",
                                          [EVENT_FIRST] = "first",     [EVENT_SENT] = "sent",
                                          [EVENT_FETCHED] = "fetched", [EVENT_FETCHER_BACK] = "fetcher back",
                                          [EVENT_READY] = "ready",     [EVENT_WAKE] = "wake"};

static bool sooner(const struct moment *a, const struct moment *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

void world_plan(struct world *world, int64_t at_us, enum world_event event, uint64_t a)
{
    struct moment moment = {.at_us = at_us, .seq = world->made++, .event = event, .a = a};
    unsigned place = world->moments++;

    if (world->moments > world->room) {
        world->room = world->room ? 2 * world->room : 1024;
        world->heap = realloc(world->heap, world->room * sizeof(struct moment));
        if (!world->heap)
            abort();
    }
    for (; place > 0 && sooner(&moment, &world->heap[(place - 1) / 2]); place = (place - 1) / 2)
        world->heap[place] = world->heap[(place - 1) / 2];
    world->heap[place] = moment;
}

static struct moment take(struct world *world)
{
    struct moment first = world->heap[0], last = world->heap[--world->moments];
    unsigned place = 0;

    for (;;) {
        unsigned child = 2 * place + 1;

        if (child >= world->moments)
            break;
        if (child + 1 < world->moments && sooner(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (!sooner(&world->heap[child], &last))
            break;
        world->heap[place] = world->heap[child];
        place = child;
    }
    world->heap[place] = last;
    return first;
}

static int64_t hop(struct world *world)
{
    return HOP_MIN_US + chance_below(&world->chance, HOP_VARY_US);
}

static int64_t core_now(const struct world *world)
{
    return core_of_world(world, world->now_us);
}

static int64_t window(const struct world *world)
{
    return world->config.core.limiter.window_us;
}

static struct request *request_of(struct world *world, uint64_t id)
{
    struct request *request = &world->requests[id % WORLD_REQUESTS];

    return id && request->id == id ? request : NULL;
}

static struct attempt *attempt_of(struct world *world, uint64_t id)
{
    struct attempt *attempt = &world->attempts[id % WORLD_ATTEMPTS];

    return attempt->id == id ? attempt : NULL;
}

static void forget(struct world *world, struct request *request)
{
    DL_DELETE(world->alive, request);
    request->id = 0;
}

/* The one end of a request. Takes the waiter. */
static void end(struct world *world, struct waiter *waiter, uint64_t *counter)
{
    struct request *request = request_of(world, waiter->id.request);

    check_ended(world, request, waiter);
    if (request) {
        if (world->each_end)
            world->each_end(world, request, counter == &world->totals.answered);
        forget(world, request);
        (*counter)++;
    }
    waiter_free(waiter);
}

static void expire(struct world *world)
{
    struct waiter *waiter;

    while ((waiter = core_expire(world->core, core_now(world)))) {
        check_expired(world, waiter);
        end(world, waiter, waiter->reason == REASON_CANCELLED ? &world->totals.lost : &world->totals.expired);
    }
}

/* As before each grant of the real one: the older of two records is written over. */
static void keep(struct world *world)
{
    struct limiter_record record = {
        .settings = SETTINGS, .boot = world->boots, .now_us = core_now(world), .wall_us = world->now_us};

    if (!core_remember(world->core, core_now(world), &record.core))
        return;
    record.sequence = ++world->sequence;
    limiter_record_encode(&record, LANE, world->kept + (world->sequence % 2) * LIMITER_RECORD_BYTES);
}

/* The scheduler dies while it writes what the grant means: the grant has not left. */
static bool tear(struct world *world)
{
    if (!chance_permil(&world->chance, world->config.tear_permil))
        return false;
    world->kept[(world->sequence % 2) * LIMITER_RECORD_BYTES +
                (size_t)chance_below(&world->chance, LIMITER_RECORD_BYTES)] ^= 0x55;
    world->totals.tears++;
    world->killed = true;
    world->torn = true;
    return true;
}

static void hand_over(struct world *world, const struct core_grant *grant)
{
    struct attempt *attempt = &world->attempts[grant->attempt % WORLD_ATTEMPTS];

    world->totals.granted++;
    world->last_attempt = grant->attempt;
    world->outstanding++;
    *attempt = (struct attempt){.id = grant->attempt,
                                .generation = world->fetcher,
                                .earliest_us = world_of_core(world, grant->earliest_us),
                                .latest_us = world_of_core(world, grant->latest_us)};
    memcpy(attempt->key, grant->job->key, JOB_KEY_BYTES);
    world_plan(world, world->now_us + hop(world), EVENT_GRANT, grant->attempt);
    world->killed = world->killed || chance_permil(&world->chance, world->config.kill_permil);
}

static void plan_wakeup(struct world *world)
{
    int64_t wakeup_us = world_of_core(world, core_next_wakeup(world->core, core_now(world)));

    if (wakeup_us == CORE_NEVER || (world->woken_us > world->now_us && world->woken_us <= wakeup_us))
        return;
    world->woken_us = wakeup_us > world->now_us ? wakeup_us : world->now_us + 1;
    world_plan(world, world->woken_us, EVENT_WAKE, 0);
}

static void pump(struct world *world)
{
    struct core_grant grant;
    uint64_t attempt;

    expire(world);
    while (!world->torn && core_next(world->core, core_now(world), &grant)) {
        keep(world);
        if (tear(world)) {
            world->last_attempt = grant.attempt;
            return;
        }
        check_grant(world, &grant);
        hand_over(world, &grant);
        if (world->each_grant)
            world->each_grant(world);
    }
    while ((attempt = core_recall(world->core)) != 0) {
        if (world->config.aborts) /* else the fetcher never gives back: the harder case */
            world_plan(world, world->now_us + hop(world), EVENT_ABORT, attempt);
    }
    expire(world);
    keep(world);
    check_idle(world);
    plan_wakeup(world);
}

/* A group stands where its first request came; of one that all have left that is not known. */
static void join(struct world *world, struct request *mine)
{
    struct request *other;

    mine->alone = false;
    DL_FOREACH(world->alive, other)
    {
        if (other == mine || memcmp(other->key, mine->key, JOB_KEY_BYTES) != 0)
            continue;
        other->alone = false;
        mine->order = other->order < mine->order ? other->order : mine->order;
    }
    if (mine->order == mine->id)
        mine->order = 0;
}

struct request *world_submit(struct world *world, uint64_t key, unsigned priority, int64_t patience_us,
                             int64_t hang_up_us)
{
    uint64_t id = ++world->totals.submitted;
    struct core_request request = {.id = {.gateway = 1 + id % WORLD_GATEWAYS, .request = id},
                                   .client = key % WORLD_CLIENTS,
                                   .priority = (uint8_t)priority,
                                   .arrival_us = core_now(world),
                                   .deadline_us = core_now(world) + patience_us};
    struct request *mine = &world->requests[id % WORLD_REQUESTS];
    struct core_verdict verdict;

    expire(world); /* who was displaced in this same moment is gone */
    if (mine->id) {
        world_broken(world, CHECK_ONE_END, "the table of requests is full", mine->id, 0);
        return NULL;
    }
    memcpy(request.key, &key, sizeof(key));
    core_submit(world->core, &request, core_now(world), &verdict);
    if (verdict.answer == CORE_REFUSED) {
        world->totals.refused++;
        check_refused(world, patience_us, verdict.reason);
        return NULL;
    }
    *mine = (struct request){.id = id,
                             .order = id,
                             .priority = priority,
                             .gateway = request.id.gateway,
                             .client = request.client,
                             .alone = true,
                             .submitted_us = world->now_us,
                             .deadline_us = world->now_us + patience_us,
                             .in_flight = verdict.position == 0,
                             .granted = world->totals.granted,
                             .eta_us = verdict.eta_us,
                             .ahead = verdict.position > 0 ? verdict.position - 1 : 0};
    memcpy(mine->key, &key, sizeof(key));
    DL_APPEND(world->alive, mine);
    if (verdict.answer == CORE_JOINED)
        join(world, mine);
    if (hang_up_us > 0)
        world_plan(world, world->now_us + hang_up_us, EVENT_HANG_UP, id);
    return mine;
}

static void on_hang_up(struct world *world, uint64_t id)
{
    const struct request *request = request_of(world, id);
    uint64_t gateway = request ? request->gateway : 1 + id % WORLD_GATEWAYS;
    struct waiter *waiter = core_cancel(world->core, (struct waiter_id){gateway, id});

    if ((waiter != NULL) != (request != NULL))
        world_broken(world, CHECK_ONE_END, "here for one, gone for the other", id, 0);
    if (waiter)
        end(world, waiter, &world->totals.hung_up);
}

static void tell_breaker(struct world *world, enum core_breaker state, int64_t until_us)
{
    world->breaker = state;
    world->breaker_until_us = until_us;
    core_breaker(world->core, state, core_of_world(world, until_us), core_now(world));
}

/* Gives the grant back. */
static void finish_unsent(struct world *world, struct attempt *attempt, enum fetch_outcome outcome,
                          enum reason reason)
{
    attempt->over = true;
    attempt->outcome = outcome;
    attempt->reason = reason;
    world->totals.unsent++;
    world_plan(world, world->now_us + hop(world), EVENT_FETCHED, attempt->id);
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
    world_plan(world, world->now_us + hop(world), EVENT_SENT, attempt->id);
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
        attempt->hold_us = 1 + chance_below(&world->chance, HOLD_WINDOWS * window(world));
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
    int64_t until_us = world->now_us + 1 + chance_below(&world->chance, TRIP_WINDOWS * window(world));

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

static void on_fetched(struct world *world, struct attempt *attempt)
{
    bool first = attempt->first_us > 0;
    struct core_outcome outcome = {.kind = attempt->outcome,
                                   .reason = attempt->reason,
                                   .sent_us = attempt->sent_us ? core_of_world(world, attempt->sent_us) : 0,
                                   .first_us = first ? core_of_world(world, attempt->first_us) : 0,
                                   .hold_us = attempt->hold_us};
    struct request *request;
    struct waiter *waiter;
    struct job *job;

    judge_health(world, attempt);
    reckon(world, attempt, &outcome);
    job = core_fetched(world->core, attempt->id, &outcome, core_now(world));
    DL_FOREACH(world->alive, request)
    {
        if (!job && memcmp(request->key, attempt->key, JOB_KEY_BYTES) == 0)
            request->in_flight = false; /* it waits again, at its old place */
    }
    world->totals.checks[CHECK_LIMITED] += attempt->outcome == FETCH_LIMITED;
    if (!job)
        return;
    if (attempt->outcome == FETCH_LIMITED && job->waiters)
        world_broken(world, CHECK_LIMITED, "it ended", attempt->id, job->waiters->id.request);
    while ((waiter = job_shift(job)))
        end(world, waiter, &world->totals.answered);
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
static void crash(struct world *world)
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

static void on_attempt(struct world *world, enum world_event event, struct attempt *attempt)
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
        world_plan(world, world->now_us + hop(world), EVENT_FETCHED, attempt->id);
    else if (event == EVENT_SENT && world->ready)
        core_sent(world->core, attempt->id, core_of_world(world, attempt->sent_us));
    else if (event == EVENT_FETCHED)
        report(world, attempt);
    if (event == EVENT_SENT && ours && chance_permil(&world->chance, world->config.crash_permil))
        crash(world);
}

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
        memcpy(request.key, mine->key, JOB_KEY_BYTES);
        core_submit(world->core, &request, core_now(world), &verdict);
        if (verdict.answer != CORE_REFUSED)
            continue;
        forget(world, mine);
        world->totals.expired++;
    }
}

/* Of this scheduler and this fetcher together. */
static uint64_t life(const struct world *world)
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
    world->now_us += chance_below(&world->chance, REBOOT_WINDOWS * window(world));
    world->boot_us = world->now_us - 1 - chance_below(&world->chance, UPTIME_US);
    DL_FOREACH_SAFE(world->alive, request, next)
    {
        forget(world, request);
        world->totals.lost++;
    }
    world->breaker = CORE_BREAKER_CLOSED;
    world_plan(world, world->now_us + BACK_MIN_US, EVENT_FETCHER_BACK, 0);
}

/* What the next one finds; false when nothing. */
static bool find_record(struct world *world, bool lost, struct limiter_record *record)
{
    struct limiter_present present = {.boot = world->boots,
                                      .settings = SETTINGS,
                                      .now_us = core_now(world),
                                      .wall_us = world->now_us,
                                      .burst = world->config.core.limiter.burst,
                                      .ahead_us = world->config.core.lead_us + world->config.core.lease_us +
                                                  2 * world->config.core.give_up_us,
                                      .hold_max_us = world->config.core.limiter.hold_max_us};
    enum limiter_past past = LIMITER_PAST_UNKNOWN;
    unsigned index;

    if (lost)
        memset(world->kept, 0, sizeof(world->kept));
    if (limiter_record_choose(world->kept, LANE, record, &index) == 0) {
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
static void kill_scheduler(struct world *world)
{
    bool lost = chance_permil(&world->chance, world->config.lose_permil);
    struct core_config config = world->config.core;
    struct limiter_record record;
    bool known;

    if (world->aloud)
        printf("              scheduler dies%s%s\n", world->torn ? " in a write" : "",
               lost ? ", its state is lost" : "");
    world->totals.kills += !world->torn;
    world->killed = false;
    world->torn = false;
    world->ready = false;
    core_free(world->core);
    if (world->fetcher_up && chance_permil(&world->chance, BOTH_PERMIL))
        crash(world);
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
    world->core = core_new(&config, core_now(world));
    if (!world->core)
        abort();
    if (known)
        core_restore(world->core, &record.core, record.boot == world->boots ? record.now_us : INT64_MIN);
    else
        world->paused = false;
    check_unsure(world);
    submit_again(world);
    if (world->fetcher_up)
        world_plan(world, world->now_us + hop(world) + chance_below(&world->chance, BACK_VARY_US),
                   EVENT_READY, life(world));
}

static void be_ready(struct world *world, int64_t last_sent_us, int64_t last_ended_us, unsigned in_flight)
{
    int64_t sent_us = last_sent_us ? core_of_world(world, last_sent_us) : 0;
    int64_t ended_us = last_ended_us ? core_of_world(world, last_ended_us) : 0;

    core_fetcher_past(world->core, sent_us, ended_us, core_now(world));
    core_fetcher_ready(world->core, FLIGHT_MAX, sent_us, in_flight, core_now(world));
    if (world->told_hold_us > world->now_us) {
        core_hold(world->core, core_of_world(world, world->told_hold_us), core_now(world));
        check_hold(world, world->told_hold_us);
    }
    world->ready = true;
    world->outstanding = in_flight;
    if (world->breaker == CORE_BREAKER_HALF_OPEN)
        world->breaker = CORE_BREAKER_OPEN; /* its probe was another link's */
    core_breaker(world->core, world->breaker, core_of_world(world, world->breaker_until_us), core_now(world));
}

/* What has not been sent is dropped, and what has ended is not told of one by one. */
static void on_ready(struct world *world)
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
    be_ready(world, last_sent_us, last_ended_us, in_flight);
}

static void on_fetcher_back(struct world *world)
{
    struct request *request;

    if (world->fetcher_up)
        return; /* two deaths, one return */
    if (world->ready)
        core_fetcher_lost(world->core, core_now(world));
    DL_FOREACH(world->alive, request)
    {
        request->in_flight = false;
    }
    world->fetcher_up = true;
    be_ready(world, 0, 0, 0);
}

static void step(struct world *world, const struct moment *moment)
{
    struct attempt *attempt;

    switch (moment->event) {
    case EVENT_CLIENT:
        world->client(world);
        return;
    case EVENT_HANG_UP:
        on_hang_up(world, moment->a);
        return;
    case EVENT_FETCHER_BACK:
        on_fetcher_back(world);
        return;
    case EVENT_READY:
        if (moment->a == life(world) && world->fetcher_up)
            on_ready(world);
        return;
    case EVENT_WAKE:
        return;
    case EVENT_GRANT:
    case EVENT_ABORT:
    case EVENT_FIRE:
    case EVENT_ARRIVE:
    case EVENT_FIRST:
    case EVENT_SENT:
    case EVENT_FETCHED:
    default:
        attempt = attempt_of(world, moment->a);
        if (attempt)
            on_attempt(world, moment->event, attempt);
    }
}

void world_open(struct world *world, const struct world_config *config)
{
    *world = (struct world){
        .config = *config, .chance = {config->seed}, .fetcher_up = true, .now_us = BORN_US, .boots = 1};
    provider_init(&world->provider, config->provider, config->core.limiter.window_us,
                  config->core.limiter.burst);
    world->provider.clock = config->clock;
    world->policy = config->core.policy;
    world->core = core_new(&world->config.core, core_now(world));
    if (!world->core)
        abort();
    check_unsure(world);
    be_ready(world, 0, 0, 0);
}

void world_close(struct world *world)
{
    core_free(world->core);
    free(world->heap);
}

/* An order that may move requests, and lose none. */
static void check_kept(struct world *world, const struct core_view *before)
{
    struct core_view after;

    if (world->aloud)
        printf("              order: policy %s, paused %d, T %lld us\n", world->policy->name, world->paused,
               (long long)window(world));
    core_look(world->core, core_now(world), &after);
    world->totals.orders++;
    world->totals.checks[CHECK_SWITCH]++;
    if (before->queued != after.queued || before->waiters != after.waiters)
        world_broken(world, CHECK_SWITCH, "so many before and after", before->queued, after.queued);
}

void world_switch(struct world *world, const struct queue_policy *policy)
{
    struct core_view before;

    core_look(world->core, core_now(world), &before);
    core_policy(world->core, policy);
    world->policy = policy;
    check_kept(world, &before);
}

void world_pause(struct world *world, bool paused)
{
    struct core_view before;

    core_look(world->core, core_now(world), &before);
    core_pause(world->core, paused, core_now(world));
    world->paused = paused;
    check_kept(world, &before);
}

void world_rate(struct world *world, int64_t window_us)
{
    struct core_view before;

    core_look(world->core, core_now(world), &before);
    core_rate(world->core, window_us, core_now(world));
    check_unsure(world); /* for as long as the longer one of both may matter */
    world->config.core.limiter.window_us = window_us;
    world->provider.window_us = window_us;
    world->provider.block_us = 2 * window_us;
    if (window_us > before.window_us)
        check_unsure(world);
    check_kept(world, &before);
}

void world_gateway_lost(struct world *world, uint64_t gateway)
{
    core_gateway_lost(world->core, gateway);
    world->totals.orders++;
    expire(world);
}

void world_run(struct world *world)
{
    while (world->moments > 0 && world->broken[0] == '\0') {
        struct moment moment;

        if (world->provider.accepted + world->provider.rejected >= world->config.stop_calls)
            return;
        moment = take(world);
        if (moment.at_us > world->now_us)
            world->now_us = moment.at_us; /* what was due while the host was down comes late */
        if (world->aloud)
            printf("%12lld us  %s %llu\n", (long long)(world->now_us - BORN_US), event_names[moment.event],
                   (unsigned long long)moment.a);
        step(world, &moment);
        pump(world);
        if (world->killed)
            kill_scheduler(world);
        check_alive(world);
    }
}

void world_settle(struct world *world)
{
    struct core_view view;
    const struct request *request;
    unsigned alive = 0;
    struct world_totals *totals = &world->totals;

    DL_COUNT(world->alive, request, alive);
    core_look(world->core, core_now(world), &view);
    if (alive != view.waiters)
        world_broken(world, CHECK_ONE_END, "waiters in the core, and in the world", view.waiters, alive);
    if (totals->submitted !=
        totals->refused + totals->answered + totals->expired + totals->hung_up + totals->lost + alive)
        world_broken(world, CHECK_ONE_END, "requests without an end, submitted and alive", totals->submitted,
                     alive);
}
