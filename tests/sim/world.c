/* world.c - see world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "tests/sim/world_inside.h"

#define BORN_US 1000000000

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

void world_forget(struct world *world, struct request *request)
{
    DL_DELETE(world->alive, request);
    request->id = 0;
}

/* The one end of a request. Takes the waiter. */
void world_end(struct world *world, struct waiter *waiter, uint64_t *counter)
{
    struct request *request = request_of(world, waiter->id.request);

    check_ended(world, request, waiter);
    if (request) {
        if (world->each_end)
            world->each_end(world, request, counter == &world->totals.answered);
        world_forget(world, request);
        (*counter)++;
    }
    waiter_free(waiter);
}

static void expire(struct world *world)
{
    struct waiter *waiter;

    while ((waiter = core_expire(world->core, world_core_now(world)))) {
        check_expired(world, waiter);
        world_end(world, waiter,
                  waiter->reason == REASON_CANCELLED ? &world->totals.lost : &world->totals.expired);
    }
}

/* As the real one does before each grant and with each order: the older of two records is written over. */
static void keep(struct world *world)
{
    struct limiter_record record = {.settings = WORLD_SETTINGS,
                                    .boot = world->boots,
                                    .now_us = world_core_now(world),
                                    .wall_us = world->now_us};

    if (!core_remember(world->core, world_core_now(world), &record.core))
        return;
    record.sequence = ++world->sequence;
    limiter_record_encode(&record, WORLD_LANE, world->kept + (world->sequence % 2) * LIMITER_RECORD_BYTES);
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
    world_plan(world, world->now_us + world_hop(world), EVENT_GRANT, grant->attempt);
    world->killed = world->killed || chance_permil(&world->chance, world->config.kill_permil);
}

static void plan_wakeup(struct world *world)
{
    int64_t wakeup_us = world_of_core(world, core_next_wakeup(world->core, world_core_now(world)));

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
    while (!world->torn && core_next(world->core, world_core_now(world), &grant)) {
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
            world_plan(world, world->now_us + world_hop(world), EVENT_ABORT, attempt);
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
                                   .arrival_us = world_core_now(world),
                                   .deadline_us = world_core_now(world) + patience_us};
    struct request *mine = &world->requests[id % WORLD_REQUESTS];
    struct core_verdict verdict;

    expire(world); /* who was displaced in this same moment is gone */
    if (mine->id) {
        world_broken(world, CHECK_ONE_END, "the table of requests is full", mine->id, 0);
        return NULL;
    }
    memcpy(request.key, &key, sizeof(key));
    core_submit(world->core, &request, world_core_now(world), &verdict);
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
        world_end(world, waiter, &world->totals.hung_up);
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
        restart_on_fetcher_back(world);
        return;
    case EVENT_READY:
        if (moment->a == restart_life(world) && world->fetcher_up)
            restart_on_ready(world);
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
            fetcher_on_attempt(world, moment->event, attempt);
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
    world->core = core_new(&world->config.core, world_core_now(world));
    if (!world->core)
        abort();
    check_unsure(world);
    restart_be_ready(world, 0, 0, 0);
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
               (long long)world_window(world));
    core_look(world->core, world_core_now(world), &after);
    world->totals.orders++;
    world->totals.checks[CHECK_SWITCH]++;
    if (before->queued != after.queued || before->waiters != after.waiters)
        world_broken(world, CHECK_SWITCH, "so many before and after", before->queued, after.queued);
}

void world_switch(struct world *world, const struct queue_policy *policy)
{
    struct core_view before;

    core_look(world->core, world_core_now(world), &before);
    core_policy(world->core, policy);
    world->policy = policy;
    keep(world);
    check_kept(world, &before);
}

void world_pause(struct world *world, bool paused)
{
    struct core_view before;

    core_look(world->core, world_core_now(world), &before);
    core_pause(world->core, paused, world_core_now(world));
    world->paused = paused;
    keep(world);
    check_kept(world, &before);
}

void world_rate(struct world *world, int64_t window_us)
{
    struct core_view before;

    core_look(world->core, world_core_now(world), &before);
    core_rate(world->core, window_us, world_core_now(world));
    check_unsure(world); /* for as long as the longer one of both may matter */
    world->config.core.limiter.window_us = window_us;
    keep(world);
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
            restart_kill(world);
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
    core_look(world->core, world_core_now(world), &view);
    if (alive != view.waiters)
        world_broken(world, CHECK_ONE_END, "waiters in the core, and in the world", view.waiters, alive);
    if (totals->submitted !=
        totals->refused + totals->answered + totals->expired + totals->hung_up + totals->lost + alive)
        world_broken(world, CHECK_ONE_END, "requests without an end, submitted and alive", totals->submitted,
                     alive);
}
