/* world.c - see world.h. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOP_MIN_US   50
#define HOP_VARY_US  250
#define FIRE_LATE_US 60
#define BACK_MIN_US  100000 /* a killed fetcher is noticed and back */
#define BACK_VARY_US 1500000
#define GATEWAY      1

static void broken(struct world *world, const char *what, uint64_t a, uint64_t b)
{
    if (world->broken[0] == '\0')
        snprintf(world->broken, sizeof(world->broken), "%s (%llu, %llu) at %lld us", what,
                 (unsigned long long)a, (unsigned long long)b, (long long)world->now_us);
}

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

static struct request *request_of(struct world *world, uint64_t id)
{
    struct request *request = &world->requests[id % WORLD_REQUESTS];

    return request->id == id ? request : NULL;
}

static struct attempt *attempt_of(struct world *world, uint64_t id)
{
    struct attempt *attempt = &world->attempts[id % (2 * FLIGHT_MAX)];

    return attempt->id == id ? attempt : NULL;
}

/* The one end of a request. */
static void end(struct world *world, const struct waiter *waiter, uint64_t *counter)
{
    struct request *request = request_of(world, waiter->id.request);

    if (!request) {
        broken(world, "a request has ended twice", waiter->id.request, 0);
        return;
    }
    *request = (struct request){.id = 0};
    (*counter)++;
}

/* Who must not be overtaken by this one: under fifo whoever came before it, under any policy those of its own
 * client and class; and whoever starves, by one who does not. What shares a call stands elsewhere. */
static bool overtaken(const struct world *world, const struct request *other, const struct request *request)
{
    const struct core_config *core = &world->config.core;
    bool like = other->client == request->client && other->priority == request->priority;
    int64_t starved_us = world->now_us - core->starvation_us;

    if (world->policy == &queue_policy_priority && other->submitted_us <= starved_us &&
        request->submitted_us > starved_us)
        return true;
    return other->order < request->order && (world->policy == &queue_policy_fifo || like);
}

static void check_order(struct world *world, const struct request *request, int64_t earliest_us)
{
    for (unsigned i = 0; i < WORLD_REQUESTS && world->crashes + world->kills == 0 && request->alone; i++) {
        const struct request *other = &world->requests[i];

        if (other->id && other->alone && !other->in_flight && other->deadline_us > earliest_us &&
            overtaken(world, other, request))
            broken(world, "overtaken", other->id, request->id);
    }
}

/* What a grant must be: for somebody alive who can still use it, and whose turn it is. */
static void check_grant(struct world *world, const struct core_grant *grant)
{
    bool alive = false;
    uint64_t order = 0;

    for (const struct waiter *waiter = grant->job->waiters; waiter; waiter = waiter->next) {
        struct request *request = request_of(world, waiter->id.request);

        if (!request) {
            broken(world, "a slot for one who has left", waiter->id.request, grant->attempt);
            return;
        }
        alive = alive || request->deadline_us > grant->earliest_us;
        request->in_flight = true;
        order = request->order;
        check_order(world, request, grant->earliest_us);
    }
    if (!alive)
        broken(world, "a slot for the dead", grant->attempt, 0);
    if (world->policy != &queue_policy_fifo || order == 0)
        return;
    for (unsigned i = 0; i < WORLD_REQUESTS && world->crashes + world->kills == 0; i++) {
        const struct request *other = &world->requests[i];

        if (other->id && !other->in_flight && other->order && other->order < order &&
            other->deadline_us > grant->earliest_us)
            broken(world, "overtaken in FIFO", other->id, order);
    }
}

static void expire(struct world *world)
{
    struct waiter *waiter;

    while ((waiter = core_expire(world->core, world->now_us))) {
        if (waiter->reason == REASON_DEADLINE_PASSED && waiter->deadline_us > world->now_us + 5000)
            broken(world, "expired before its deadline", waiter->id.request, 0);
        end(world, waiter, &world->expired);
        waiter_free(waiter);
    }
}

static const uint16_t settings = 1;

/* As before each grant of the real one. */
static void keep(struct world *world)
{
    struct limiter_record record = {.sequence = 1, .settings = settings, .now_us = world->now_us};

    if (core_remember(world->core, world->now_us, &record.core))
        limiter_record_encode(&record, "sim", world->kept);
}

static void pump(struct world *world)
{
    struct core_grant grant;
    int64_t wakeup_us;

    expire(world);
    while (core_next(world->core, world->now_us, &grant)) {
        keep(world);
        check_grant(world, &grant);
        world->granted++;
        world->last_attempt = grant.attempt;
        world->killed |= chance_below(&world->chance, 1000) < world->config.kill_permil;
        world->attempts[grant.attempt % (2 * FLIGHT_MAX)] = (struct attempt){.id = grant.attempt,
                                                                             .generation = world->fetcher,
                                                                             .earliest_us = grant.earliest_us,
                                                                             .latest_us = grant.latest_us};
        memcpy(attempt_of(world, grant.attempt)->key, grant.job->key, JOB_KEY_BYTES);
        world_plan(world, world->now_us + hop(world), EVENT_GRANT, grant.attempt);
        if (world->each_grant)
            world->each_grant(world);
    }
    while (core_recall(world->core) != 0)
        ; /* the model fetcher never gives back: the harder case */
    expire(world);
    keep(world);
    wakeup_us = core_next_wakeup(world->core, world->now_us);
    if (wakeup_us == CORE_NEVER || (world->woken_us > world->now_us && world->woken_us <= wakeup_us))
        return;
    world->woken_us = wakeup_us > world->now_us ? wakeup_us : world->now_us + 1;
    world_plan(world, world->woken_us, EVENT_WAKE, 0);
}

bool world_submit(struct world *world, uint64_t key, unsigned priority, int64_t patience_us,
                  int64_t hang_up_us)
{
    struct core_request request = {.id = {.gateway = GATEWAY, .request = ++world->submitted},
                                   .client = key % WORLD_CLIENTS,
                                   .priority = (uint8_t)priority,
                                   .arrival_us = world->now_us,
                                   .deadline_us = world->now_us + patience_us};
    struct request *mine = &world->requests[world->submitted % WORLD_REQUESTS];
    struct core_verdict verdict;

    expire(world); /* who was displaced in this same moment is gone */
    if (mine->id) {
        broken(world, "the table of requests is full", mine->id, 0);
        return false;
    }
    memcpy(request.key, &key, sizeof(key));
    core_submit(world->core, &request, world->now_us, &verdict);
    if (verdict.answer == CORE_REFUSED) {
        world->refused++;
        return false;
    }
    mine->id = request.id.request;
    mine->order = mine->id;
    mine->priority = priority;
    mine->client = request.client;
    mine->submitted_us = world->now_us;
    mine->alone = verdict.answer == CORE_QUEUED;
    mine->deadline_us = request.deadline_us;
    mine->in_flight = verdict.position == 0;
    memcpy(mine->key, &key, sizeof(key));
    for (unsigned i = 0; i < WORLD_REQUESTS && verdict.answer == CORE_JOINED; i++) {
        struct request *other = &world->requests[i];

        /* A group stands where its first request came; of one that all have left that is not known. */
        if (other == mine || !other->id || memcmp(other->key, mine->key, sizeof(key)) != 0)
            continue;
        other->alone = false;
        mine->order = other->order < mine->order ? other->order : mine->order;
    }
    if (verdict.answer == CORE_JOINED && mine->order == mine->id)
        mine->order = 0;
    if (hang_up_us > 0)
        world_plan(world, world->now_us + hang_up_us, EVENT_HANG_UP, mine->id);
    return true;
}

static void on_hang_up(struct world *world, uint64_t id)
{
    struct waiter *waiter = core_cancel(world->core, (struct waiter_id){GATEWAY, id});

    if ((waiter != NULL) != (request_of(world, id) != NULL))
        broken(world, "here for one, gone for the other", id, 0);
    if (waiter)
        end(world, waiter, &world->hung_up);
    waiter_free(waiter);
}

/* The fetcher has the grant: it fires at the earliest time, late by a little; or gives it back. */
static void on_grant(struct world *world, struct attempt *attempt)
{
    int64_t fire_us = attempt->earliest_us > world->now_us ? attempt->earliest_us : world->now_us;

    if (attempt->generation != world->fetcher || !world->fetcher_up)
        return; /* handed to a dead one */
    if (chance_below(&world->chance, 200) == 0)
        fire_us += chance_below(&world->chance, 100000); /* stopped for a while */
    else
        fire_us += chance_below(&world->chance, FIRE_LATE_US);
    if (fire_us > attempt->latest_us) {
        attempt->outcome = FETCH_UNSENT;
        world->unsent++;
        world_plan(world, fire_us + hop(world), EVENT_FETCHED, attempt->id);
        return;
    }
    attempt->sent_us = fire_us;
    world_plan(world, fire_us + hop(world), EVENT_SENT, attempt->id);
    world_plan(world, fire_us + latency_draw(&world->config.latency, &world->chance, true), EVENT_ARRIVE,
               attempt->id);
}

static void on_arrive(struct world *world, struct attempt *attempt)
{
    int64_t wait_us = provider_arrive(&world->provider, world->now_us);

    attempt->outcome = wait_us > 0 ? FETCH_LIMITED : FETCH_ANSWERED;
    attempt->hold_us = wait_us;
    if (wait_us > 0 && world->config.core.limiter.mode == LIMITER_STRICT)
        broken(world, "rejected in strict", attempt->id, 0);
    attempt->first_us = world->now_us + latency_draw(&world->config.latency, &world->chance, false);
    world_plan(world, attempt->first_us, EVENT_FIRST, attempt->id);
}

static void on_fetched(struct world *world, const struct attempt *attempt)
{
    struct core_outcome outcome = {.kind = attempt->outcome,
                                   .sent_us = attempt->sent_us,
                                   .first_us = attempt->first_us,
                                   .hold_us = attempt->hold_us};
    struct job *job = core_fetched(world->core, attempt->id, &outcome, world->now_us);
    struct waiter *waiter;

    for (unsigned i = 0; i < WORLD_REQUESTS && !job; i++) {
        if (memcmp(world->requests[i].key, attempt->key, JOB_KEY_BYTES) == 0)
            world->requests[i].in_flight = false; /* it waits again, at its old place */
    }
    if (!job)
        return;
    while ((waiter = job_shift(job))) {
        end(world, waiter, &world->answered);
        waiter_free(waiter);
    }
    core_retire(world->core, job);
}

/* Dies at once; what it had sent travels on, and arrives. */
static void crash(struct world *world)
{
    world->crashes++;
    world->fetcher++;
    world->fetcher_up = false;
    world_plan(world, world->now_us + BACK_MIN_US + chance_below(&world->chance, BACK_VARY_US),
               EVENT_FETCHER_BACK, 0);
}

static void on_attempt(struct world *world, enum world_event event, uint64_t id)
{
    struct attempt *attempt = attempt_of(world, id);
    bool ours;

    if (!attempt)
        return;
    ours = attempt->generation == world->fetcher && world->fetcher_up;
    if (event == EVENT_GRANT)
        on_grant(world, attempt);
    else if (event == EVENT_ARRIVE)
        on_arrive(world, attempt);
    else if (event == EVENT_FIRST && ours)
        world_plan(world, world->now_us + hop(world), EVENT_FETCHED, id);
    else if (event == EVENT_SENT && ours)
        core_sent(world->core, id, attempt->sent_us);
    else if (event == EVENT_FETCHED && ours)
        on_fetched(world, attempt);
    if (event == EVENT_SENT && ours && chance_below(&world->chance, 1000) < world->config.crash_permil)
        crash(world);
}

/* Everybody who waits asks again, as gateways do. */
static void submit_again(struct world *world)
{
    for (unsigned i = 0; i < WORLD_REQUESTS; i++) {
        struct request *mine = &world->requests[i];
        struct core_request request = {.id = {.gateway = GATEWAY, .request = mine->id},
                                       .priority = 10,
                                       .again = true,
                                       .arrival_us = mine->submitted_us,
                                       .deadline_us = mine->deadline_us};
        struct core_verdict verdict;

        if (!mine->id)
            continue;
        mine->in_flight = false;
        memcpy(request.key, mine->key, JOB_KEY_BYTES);
        core_submit(world->core, &request, world->now_us, &verdict);
        if (verdict.answer != CORE_REFUSED)
            continue;
        *mine = (struct request){.id = 0};
        world->expired++;
    }
}

/* Of this scheduler and this fetcher together. */
static uint64_t life(const struct world *world)
{
    return world->kills << 32 | world->fetcher;
}

/* Nothing is left of the scheduler but its record; the fetcher goes on until it hears of the next one. */
static void kill_scheduler(struct world *world)
{
    struct limiter_present present = {.settings = settings,
                                      .now_us = world->now_us,
                                      .burst = world->config.core.limiter.burst,
                                      .ahead_us = world->config.core.lead_us + world->config.core.lease_us +
                                                  2 * world->config.core.give_up_us,
                                      .hold_max_us = world->config.core.limiter.hold_max_us};
    struct core_config config = world->config.core;
    struct limiter_record record;

    world->killed = false;
    world->kills++;
    config.attempt_base = world->last_attempt + FLIGHT_MAX;
    core_free(world->core);
    world->core = core_new(&config, world->now_us);
    if (limiter_record_decode(world->kept, "sim", &record) < 0 ||
        limiter_record_judge(&record, &present) != LIMITER_PAST_KNOWN)
        broken(world, "the state is not believed", world->kills, 0);
    else
        core_restore(world->core, &record.core, record.now_us);
    submit_again(world);
    if (world->fetcher_up)
        world_plan(world, world->now_us + hop(world) + chance_below(&world->chance, BACK_VARY_US),
                   EVENT_READY, life(world));
}

/* What has not been sent is dropped, and what has ended is not told of one by one. */
static void on_ready(struct world *world)
{
    int64_t last_sent_us = 0, last_ended_us = 0;
    unsigned in_flight = 0;

    for (unsigned i = 0; i < 2 * FLIGHT_MAX; i++) {
        struct attempt *attempt = &world->attempts[i];
        bool sent = attempt->sent_us > 0 && attempt->sent_us <= world->now_us;
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
    core_fetcher_past(world->core, last_sent_us, last_ended_us, world->now_us);
    core_fetcher_ready(world->core, FLIGHT_MAX, last_sent_us, in_flight, world->now_us);
}

static void step(struct world *world, const struct moment *moment)
{
    switch (moment->event) {
    case EVENT_CLIENT:
        world->client(world);
        break;
    case EVENT_HANG_UP:
        on_hang_up(world, moment->a);
        break;
    case EVENT_FETCHER_BACK:
        core_fetcher_lost(world->core, world->now_us);
        for (unsigned i = 0; i < WORLD_REQUESTS; i++)
            world->requests[i].in_flight = false;
        core_fetcher_past(world->core, 0, 0, world->now_us);
        core_fetcher_ready(world->core, FLIGHT_MAX, 0, 0, world->now_us);
        world->fetcher_up = true;
        break;
    case EVENT_READY:
        if (moment->a == life(world) && world->fetcher_up)
            on_ready(world);
        break;
    case EVENT_GRANT:
    case EVENT_ARRIVE:
    case EVENT_FIRST:
    case EVENT_SENT:
    case EVENT_FETCHED:
        on_attempt(world, moment->event, moment->a);
        break;
    case EVENT_WAKE:
    default:
        break;
    }
}

/* While somebody waits and nothing is under way, there must be a time at which it goes on. */
static void check_alive(struct world *world)
{
    struct core_view view;

    core_look(world->core, world->now_us, &view);
    if (view.queued > 0 && view.in_flight == 0 && view.fetcher_ready && world->fetcher_up &&
        core_next_wakeup(world->core, world->now_us) >
            world->now_us + 10 * world->config.core.limiter.window_us + 1000000)
        broken(world, "work waits and nothing will move it", view.queued, 0);
}

void world_open(struct world *world, const struct world_config *config)
{
    *world =
        (struct world){.config = *config, .chance = {config->seed}, .fetcher_up = true, .now_us = 1000000000};
    provider_init(&world->provider, config->core.limiter.window_us, config->core.limiter.burst);
    world->config.stop_us += world->now_us;
    world->policy = config->core.policy;
    world->core = core_new(&world->config.core, world->now_us);
    if (!world->core)
        abort();
    core_fetcher_past(world->core, 0, 0, world->now_us);
    core_fetcher_ready(world->core, FLIGHT_MAX, 0, 0, world->now_us);
}

void world_close(struct world *world)
{
    core_free(world->core);
    free(world->heap);
}

void world_switch(struct world *world, const struct queue_policy *policy)
{
    struct core_view before, after;

    core_look(world->core, world->now_us, &before);
    core_policy(world->core, policy);
    core_look(world->core, world->now_us, &after);
    world->policy = policy;
    if (before.queued != after.queued || before.waiters != after.waiters)
        broken(world, "lost in a switch of the policy", before.queued, after.queued);
}

void world_run(struct world *world)
{
    while (world->moments > 0 && world->broken[0] == '\0') {
        struct moment moment;

        if (world->heap[0].at_us > world->config.stop_us ||
            world->provider.accepted + world->provider.rejected >= world->config.stop_calls)
            return;
        moment = take(world);
        world->now_us = moment.at_us;
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
    unsigned alive = 0;

    for (unsigned i = 0; i < WORLD_REQUESTS; i++)
        alive += world->requests[i].id != 0;
    core_look(world->core, world->now_us, &view);
    if (alive != view.waiters)
        broken(world, "waiters in the core, and in the world", view.waiters, alive);
    if (world->submitted != world->refused + world->answered + world->expired + world->hung_up + alive)
        broken(world, "requests without an end, submitted and alive", world->submitted, alive);
}
