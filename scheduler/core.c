/* core.c - see core.h. Here: who comes and who leaves. What is sent is in core_dispatch.c. */
#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "scheduler/core_inside.h"

/* Those that come for the first time are numbered behind all that are submitted again, which keep the order
 * in which they first came: the time, and below it a count, for times repeat. */
#define SEQ_NEW      (UINT64_C(1) << 63)
#define SEQ_TIE_BITS 12

struct core *core_new(const struct core_config *config, int64_t now_us)
{
    struct core *core = calloc(1, sizeof(*core));

    if (!core)
        return NULL;
    assert(config->flight_max >= 1 && config->flight_max <= FLIGHT_MAX);
    core->config = *config;
    limiter_init(&core->limiter, &config->limiter, now_us);
    queue_init(&core->queue, config->policy, config->queue_max);
    roster_init(&core->roster);
    core->interval_us = limiter_span_us(&core->limiter) / config->limiter.burst;
    core->last_attempt = config->attempt_base;
    core->progress_us = now_us;
    return core;
}

static void release_payload(const struct core *core, struct job *job)
{
    if (core->config.free_payload)
        core->config.free_payload(job->payload);
    job_free(job);
}

static void release_waiter(const struct core *core, struct waiter *waiter)
{
    if (core->config.free_mine)
        core->config.free_mine(waiter->mine);
    waiter_free(waiter);
}

void core_retire(struct core *core, struct job *job)
{
    struct waiter *waiter;

    while ((waiter = job_shift(job)))
        release_waiter(core, waiter);
    release_payload(core, job);
}

void core_free(struct core *core)
{
    struct waiter *waiter, *next_waiter;
    struct job *job;

    if (!core)
        return;
    roster_done(&core->roster); /* jobs stay reachable through the queue and the flights */
    while ((job = queue_pop(&core->queue)))
        core_retire(core, job);
    for (unsigned i = 0; i < core->flights.count; i++) {
        if (core->flights.table[i].job)
            core_retire(core, core->flights.table[i].job);
    }
    DL_FOREACH_SAFE(core->dismissed, waiter, next_waiter)
    {
        release_waiter(core, waiter);
    }
    free(core);
}

/* A job that nobody waits for any more. In flight it goes on (its answer is good for the cache), unless the
 * fetcher can still give it back. */
static void abandon(struct core *core, struct job *job)
{
    if (job->state == JOB_IN_FLIGHT) {
        flight_find(&core->flights, job->attempt)->recalled = true;
        return;
    }
    queue_remove(&core->queue, job);
    roster_remove_job(&core->roster, job);
    release_payload(core, job);
}

/* Takes the waiter out of everything; its job follows it out when it was the last one. */
static void leave(struct core *core, struct waiter *waiter)
{
    struct job *job = waiter->job;

    roster_remove_waiter(&core->roster, waiter);
    job_drop(job, waiter);
    if (job->waiter_count == 0)
        abandon(core, job);
    else if (job->state == JOB_QUEUED)
        queue_update(&core->queue, job);
}

void core_dismiss(struct core *core, struct waiter *waiter, enum reason reason, int64_t retry_after_us)
{
    leave(core, waiter);
    waiter->reason = (uint8_t)reason;
    waiter->retry_after_us = retry_after_us > 0 ? retry_after_us : 0;
    DL_APPEND(core->dismissed, waiter);
}

struct waiter *core_expire(struct core *core, int64_t now_us)
{
    struct waiter *waiter = deadlines_first(&core->roster.deadlines);

    if (waiter && waiter->deadline_us <= now_us)
        core_dismiss(core, waiter, REASON_DEADLINE_PASSED, 0);
    waiter = core->dismissed;
    if (waiter)
        DL_DELETE(core->dismissed, waiter);
    return waiter;
}

struct waiter *core_cancel(struct core *core, struct waiter_id id)
{
    struct waiter *waiter = roster_find_waiter(&core->roster, id);

    if (waiter)
        leave(core, waiter);
    return waiter;
}

void core_gateway_lost(struct core *core, uint64_t gateway)
{
    struct waiter *waiter, *next;

    for (waiter = core->roster.waiters; waiter; waiter = next) {
        next = waiter->hh.next;
        if (waiter->id.gateway == gateway)
            core_dismiss(core, waiter, REASON_CANCELLED, 0);
    }
}

/* Dismisses those in the queue whose deadline is not after that time; all of them for CORE_NEVER. */
void core_sweep(struct core *core, int64_t until_us, enum reason reason, int64_t retry_after_us)
{
    unsigned place = 0;
    struct job *job;

    while ((job = queue_at(&core->queue, place))) {
        core_dismiss_of(core, job, until_us, reason, retry_after_us);
        if (queue_at(&core->queue, place) == job)
            place++; /* else it has gone, or fallen back with its most urgent waiter's leaving */
    }
}

bool core_dismiss_of(struct core *core, struct job *job, int64_t until_us, enum reason reason,
                     int64_t retry_after_us)
{
    uint32_t left = job->waiter_count;
    struct waiter *waiter, *next;

    DL_FOREACH_SAFE(job->waiters, waiter, next)
    {
        bool due = waiter->deadline_us <= until_us;

        left -= due;
        if (due)
            core_dismiss(core, waiter, reason, retry_after_us); /* with the last one the job is gone */
        if (left == 0)
            return false;
    }
    return true;
}

static uint64_t next_seq(struct core *core, const struct core_request *request)
{
    uint64_t count = core->submitted++;

    if (!request->again)
        return SEQ_NEW | count;
    return (uint64_t)request->arrival_us << SEQ_TIE_BITS | (count & ((1U << SEQ_TIE_BITS) - 1));
}

/* Expected time until the answer for a job with so many ahead of it in the queue. */
static int64_t eta_us(const struct core *core, unsigned ahead, int64_t now_us)
{
    const struct roundtrip *roundtrip = &core->limiter.roundtrip;
    int64_t start_us = limiter_forecast_us(&core->limiter, now_us);

    if (core->breaker_state == CORE_BREAKER_OPEN && core->breaker_until_us > start_us)
        start_us = core->breaker_until_us;
    return start_us - now_us + (int64_t)ahead * core->interval_us + roundtrip->mean_us +
           2 * roundtrip->deviation_us;
}

static bool refuse(struct core_verdict *verdict, enum reason reason, int64_t retry_after_us)
{
    verdict->answer = CORE_REFUSED;
    verdict->reason = reason;
    verdict->retry_after_us = retry_after_us > 0 ? retry_after_us : 0;
    return true;
}

/* Refused because the answer would come too late? To come again makes sense when the line has got shorter by
 * what is missing. */
static bool refuse_late(const struct core *core, const struct core_request *request, int64_t now_us,
                        struct core_verdict *verdict)
{
    int64_t remaining_us = request->deadline_us - now_us;
    int64_t hold_us = core->limiter.hold_us;

    if (request->again || verdict->eta_us <= remaining_us)
        return false;
    if (hold_us >= request->deadline_us)
        return refuse(verdict, REASON_HOLD, hold_us - now_us);
    return refuse(verdict, REASON_DEADLINE_UNMEETABLE, verdict->eta_us - remaining_us);
}

static struct waiter *waiter_new(const struct core_request *request)
{
    struct waiter *waiter = calloc(1, sizeof(*waiter));

    if (!waiter)
        return NULL;
    waiter->id = request->id;
    waiter->arrival_us = request->arrival_us;
    waiter->deadline_us = request->deadline_us;
    waiter->priority = request->priority;
    waiter->mine = request->mine;
    return waiter;
}

static bool join(struct core *core, struct job *job, const struct core_request *request, uint64_t seq)
{
    struct waiter *waiter = waiter_new(request);

    if (!waiter)
        return false;
    waiter->joined = true;
    if (roster_add_waiter(&core->roster, waiter) < 0) {
        waiter_free(waiter);
        return false;
    }
    job_add(job, waiter);
    if (job->state != JOB_QUEUED)
        return true;
    if (seq < job->place.seq) { /* an older request, submitted again, takes the group to its place */
        queue_remove(&core->queue, job);
        job->place.seq = seq;
        queue_push_back(&core->queue, job);
    }
    queue_update(&core->queue, job);
    return true;
}

static void submit_join(struct core *core, struct job *job, const struct core_request *request,
                        int64_t now_us, struct core_verdict *verdict)
{
    bool queued = job->state == JOB_QUEUED;

    verdict->eta_us = core->limiter.roundtrip.mean_us;
    if (queued) {
        unsigned ahead = queue_position(&core->queue, job);

        verdict->eta_us = eta_us(core, ahead, now_us);
        if (refuse_late(core, request, now_us, verdict))
            return;
    }
    if (!join(core, job, request, next_seq(core, request))) {
        refuse(verdict, REASON_WAITERS_FULL, core->interval_us);
        return;
    }
    verdict->answer = CORE_JOINED;
    verdict->position = queued ? queue_position(&core->queue, job) + 1 : 0;
}

/* Puts a new job at its place; NULL when out of memory. */
static struct job *enter(struct core *core, const struct core_request *request)
{
    struct job *job = job_new(request->key, next_seq(core, request));
    struct waiter *waiter = waiter_new(request);

    if (!job || !waiter || roster_add_waiter(&core->roster, waiter) < 0) {
        job_free(job);
        waiter_free(waiter);
        return NULL;
    }
    if (roster_add_job(&core->roster, job) < 0) {
        roster_remove_waiter(&core->roster, waiter);
        job_free(job);
        waiter_free(waiter);
        return NULL;
    }
    job->payload = request->payload;
    job_add(job, waiter);
    queue_push_back(&core->queue, job);
    return job;
}

static void submit_new(struct core *core, const struct core_request *request, int64_t now_us,
                       struct core_verdict *verdict)
{
    struct job *job;

    if (core->breaker_state == CORE_BREAKER_OPEN && now_us < core->breaker_until_us) {
        refuse(verdict, REASON_BREAKER_OPEN, core->breaker_until_us - now_us);
        return;
    }
    if (!request->again && queue_full(&core->queue)) {
        verdict->position = queue_count(&core->queue) + 1;
        verdict->eta_us = eta_us(core, queue_count(&core->queue), now_us);
        refuse(verdict, REASON_QUEUE_FULL, eta_us(core, 0, now_us));
        return;
    }
    if (queue_count(&core->queue) == 0) {
        core->work_waited = false;
        core->progress_us = now_us;
    }
    job = enter(core, request);
    if (!job) {
        refuse(verdict, REASON_WAITERS_FULL, core->interval_us);
        return;
    }
    verdict->position = queue_position(&core->queue, job) + 1;
    verdict->eta_us = eta_us(core, verdict->position - 1, now_us);
    if (!refuse_late(core, request, now_us, verdict)) {
        verdict->answer = CORE_QUEUED;
        return;
    }
    job->payload = NULL; /* it is not taken */
    waiter_free(core_cancel(core, request->id));
}

void core_submit(struct core *core, const struct core_request *request, int64_t now_us,
                 struct core_verdict *verdict)
{
    const struct waiter *known = roster_find_waiter(&core->roster, request->id);
    struct job *job;

    *verdict = (struct core_verdict){.answer = CORE_KNOWN, .reason = REASON_NONE};
    if (known) {
        bool queued = known->job->state == JOB_QUEUED;

        verdict->position = queued ? queue_position(&core->queue, known->job) + 1 : 0;
        verdict->eta_us = eta_us(core, verdict->position, now_us);
        return;
    }
    if (request->deadline_us <= now_us) {
        refuse(verdict, REASON_DEADLINE_PASSED, 0);
        return;
    }
    if (roster_waiter_count(&core->roster) >= core->config.waiters_max) {
        refuse(verdict, REASON_WAITERS_FULL, eta_us(core, 0, now_us));
        return;
    }
    job = roster_find_job(&core->roster, request->key);
    if (job)
        submit_join(core, job, request, now_us, verdict);
    else
        submit_new(core, request, now_us, verdict);
}

void core_look(const struct core *core, int64_t now_us, struct core_view *view)
{
    int64_t g_us = limiter_g_us(&core->limiter);
    int64_t idle_us = core->progress_us, hold_us = core->limiter.hold_us;

    if (hold_us > idle_us)
        idle_us = hold_us;
    if (core->breaker_until_us > idle_us)
        idle_us = core->breaker_until_us;
    idle_us = now_us - idle_us - 2 * core->interval_us;
    *view = (struct core_view){
        .queued = queue_count(&core->queue),
        .waiters = roster_waiter_count(&core->roster),
        .in_flight = core->flights.count,
        .fetcher_ready = core->fetcher_ready,
        .d_us = limiter_d_us(&core->limiter),
        .g_us = g_us == LIMITER_NEVER ? 0 : g_us,
        .hold_us = hold_us > now_us ? hold_us - now_us : 0,
        .next_us = limiter_forecast_us(&core->limiter, now_us) - now_us,
        .stuck_us = queue_count(&core->queue) > 0 && !core->paused && idle_us > 0 ? idle_us : 0,
        .window_us = core->config.limiter.window_us,
        .interval_us = core->interval_us,
        .unexpected_total = core->limiter.unexpected_total,
        .paused = core->paused,
    };
}

int64_t core_eta_us(const struct core *core, unsigned ahead, int64_t now_us)
{
    return eta_us(core, ahead, now_us);
}
