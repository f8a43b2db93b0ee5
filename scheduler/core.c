/* core.c - see core.h. Here: who comes and who leaves. What is sent is in core_dispatch.c. */
#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "scheduler/core_inside.h"

/* Those that come for the first time are numbered behind all that are submitted again, which keep the order
 * in which they first came: the time, and below it a count, for times repeat. The count never does: if so
 * many were submitted again to one epoch, the next ones would be numbered as if they were new. */
#define SEQ_NEW       (UINT64_C(1) << 63)
#define SEQ_TIE_BITS  20
#define SEQ_TIES      (UINT64_C(1) << SEQ_TIE_BITS)
#define SEQ_TIME_BITS (63 - SEQ_TIE_BITS)

static void on_lifted(void *arg, const struct job *job, int64_t now_us)
{
    core_note(arg, DECISION_SCHEDULER_LIFTED,
              &(struct core_about){.job = job, .value = now_us - job->arrival_us});
}

struct core *core_new(const struct core_config *config, int64_t now_us)
{
    struct core *core = calloc(1, sizeof(*core));

    if (!core)
        return NULL;
    assert(config->flight_max >= 1 && config->flight_max <= FLIGHT_MAX);
    core->config = *config;
    limiter_init(&core->limiter, &config->limiter, now_us);
    retries_init(&core->retries, &config->retries);
    queue_init(&core->queue, &(struct queue_config){.policy = config->policy,
                                                    .max = config->queue_max,
                                                    .client_max = config->client_max,
                                                    .starvation_us = config->starvation_us,
                                                    .lifted = on_lifted,
                                                    .arg = core});
    if (roster_init(&core->roster, config->waiters_max, FLIGHT_MAX) < 0) {
        free(core);
        return NULL;
    }
    core->born_us = now_us;
    core->last_attempt = config->attempt_base;
    core->progress_us = now_us;
    core->hold_since_us = now_us;
    core->known_us = INT64_MIN;
    return core;
}

bool core_remember(const struct core *core, int64_t now_us, struct core_memory *memory)
{
    *memory = (struct core_memory){.policy = core->queue.config.policy,
                                   .window_us = core->limiter.config.window_us,
                                   .paused = core->paused};
    limiter_remember(&core->limiter, now_us, &memory->limiter);
    for (unsigned i = 0; i < core->flights.count; i++) {
        const struct flight *flight = &core->flights.table[i];

        if (flight->sent_us == 0 && flight->latest_us > memory->limiter.bound_us)
            memory->limiter.bound_us = flight->latest_us;
    }
    return core->past_told;
}

bool core_memory_equal(const struct core_memory *a, const struct core_memory *b)
{
    const struct limiter_memory *x = &a->limiter, *y = &b->limiter;
    const struct roundtrip_digest *p = &x->digest, *q = &y->digest;

    return a->policy == b->policy && a->window_us == b->window_us && a->paused == b->paused &&
           x->held == y->held && x->unanswered == y->unanswered && x->bound_us == y->bound_us &&
           x->extra_us == y->extra_us && x->hold_us == y->hold_us && x->doubt_ppm == y->doubt_ppm &&
           p->count == q->count && p->least_us == q->least_us && p->tenth_least_us == q->tenth_least_us &&
           p->tenth_most_us == q->tenth_most_us && p->most_us == q->most_us;
}

void core_restore(struct core *core, const struct core_memory *memory, int64_t known_us)
{
    limiter_restore(&core->limiter, &memory->limiter);
    core->paused = memory->paused;
    core->held = core->limiter.hold_us > core->hold_since_us;
    core->known_us = known_us;
    core->unknown = memory->limiter.unanswered;
    core->unknown_at_us = memory->limiter.bound_us;
}

static void release_job(struct core *core, struct job *job)
{
    queue_forget(&core->queue, job);
    if (core->config.free_payload)
        core->config.free_payload(job->payload);
    job_free(job);
}

void core_retire(struct core *core, struct job *job)
{
    struct waiter *waiter;

    while ((waiter = job_shift(job)))
        waiter_free(waiter);
    release_job(core, job);
}

void core_free(struct core *core)
{
    struct waiter *waiter, *next_waiter;
    struct queue_place place;
    struct job *job;

    if (!core)
        return;
    roster_done(&core->roster); /* jobs stay reachable through the queue and the flights */
    while ((job = queue_pop(&core->queue, &place)))
        core_retire(core, job);
    for (unsigned i = 0; i < core->flights.count; i++) {
        if (core->flights.table[i].job)
            core_retire(core, core->flights.table[i].job);
    }
    for (unsigned i = 0; i < core->retries.count; i++)
        core_retire(core, core->retries.table[i].job);
    DL_FOREACH_SAFE(core->dismissed, waiter, next_waiter)
    {
        waiter_free(waiter);
    }
    free(core);
}

/* A job that nobody waits for any more. In flight it goes on (its answer is good for the cache), unless the
 * fetcher can still give it back. */
static void abandon(struct core *core, struct job *job)
{
    if (job->state == JOB_IN_FLIGHT) {
        flight_recall(flight_of(&core->flights, job), REASON_CANCELLED);
        return;
    }
    if (job->state == JOB_IN_PAUSE)
        retries_remove(&core->retries, job);
    else
        queue_remove(&core->queue, job);
    roster_remove_job(&core->roster, job);
    release_job(core, job);
}

/* Takes the waiter out of everything; its job follows it out when it was the last one. */
static void leave(struct core *core, struct waiter *waiter)
{
    struct job *job = waiter->job;

    roster_remove_waiter(&core->roster, waiter);
    job_drop(job, waiter);
    if (!job->waiters)
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

/* Every waiter shares a job that is in flight or queued. */
void core_gateway_lost(struct core *core, uint64_t gateway)
{
    const struct core_leaving who = {.gateway = gateway, .until_us = CORE_NEVER, .reason = REASON_CANCELLED};

    for (unsigned i = 0; i < core->flights.count; i++) {
        if (core->flights.table[i].job)
            core_dismiss_of(core, core->flights.table[i].job, &who);
    }
    core_sweep(core, &who, 0);
}

unsigned core_position(const struct core *core, const struct job *job)
{
    if (job->state == JOB_IN_PAUSE)
        return retries_place(&core->retries, job) + 1;
    return job->state == JOB_QUEUED ? core->retries.count + queue_position(&core->queue, job) + 1 : 0;
}

struct job *core_at(const struct core *core, unsigned place)
{
    if (place < core->retries.count)
        return core->retries.table[place].job;
    return queue_at(&core->queue, place - core->retries.count);
}

void core_sweep(struct core *core, const struct core_leaving *who, int64_t step_us)
{
    unsigned place = 0;
    struct job *job;

    while ((job = core_at(core, place))) {
        struct core_leaving here = *who;

        here.until_us += (int64_t)(place / core->config.limiter.burst) * step_us;
        core_dismiss_of(core, job, &here);
        if (core_at(core, place) == job)
            place++; /* else it has gone, or fallen back with its most urgent waiter's leaving */
    }
}

bool core_dismiss_of(struct core *core, struct job *job, const struct core_leaving *who)
{
    struct waiter *waiter, *next;
    bool stays = false;

    DL_FOREACH_SAFE(job->waiters, waiter, next)
    {
        if (waiter->deadline_us <= who->until_us && (!who->gateway || waiter->id.gateway == who->gateway))
            core_dismiss(core, waiter, who->reason, who->retry_after_us); /* the job may go with the last */
        else
            stays = true;
    }
    return stays;
}

static uint64_t next_seq(struct core *core, const struct core_request *request)
{
    int64_t half_us = INT64_C(1) << (SEQ_TIME_BITS - 1), age_us = request->arrival_us - core->born_us;

    if (!request->again || core->resubmitted == SEQ_TIES)
        return SEQ_NEW | core->submitted++;
    age_us = age_us < -half_us ? -half_us : age_us;
    age_us = age_us >= half_us ? half_us - 1 : age_us;
    return (uint64_t)(age_us + half_us) << SEQ_TIE_BITS | core->resubmitted++;
}

static bool refuse(struct core_verdict *verdict, enum reason reason, int64_t retry_after_us)
{
    verdict->answer = CORE_REFUSED;
    verdict->reason = reason;
    verdict->retry_after_us = retry_after_us > 0 ? retry_after_us : 0;
    return true;
}

/* Refused because the answer of a job with so many ahead would come too late? To come again makes sense when
 * the line has got shorter by what is missing, and not before a hold ends that outlasts the deadline. */
static bool refuse_late(const struct core *core, const struct core_request *request, unsigned ahead,
                        int64_t now_us, struct core_verdict *verdict)
{
    int64_t missing_us = verdict->eta_us + core_slip_us(core, ahead) - (request->deadline_us - now_us);
    int64_t hold_us = core->limiter.hold_us;

    if (request->again || missing_us <= 0)
        return false;
    /* Where nothing is under way somebody has to try: if all were refused because some answers were slow,
     * nobody would ever learn that the provider has become quick again. */
    if (ahead == 0 && core->flights.count == 0 && core_hope_us(core, now_us) < request->deadline_us - now_us)
        return false;
    if (hold_us < request->deadline_us)
        return refuse(verdict, REASON_DEADLINE_UNMEETABLE, missing_us);
    return refuse(verdict, REASON_HOLD, hold_us - now_us > missing_us ? hold_us - now_us : missing_us);
}

/* NULL when there is no room or no memory. */
static struct waiter *let_in(struct core *core, const struct core_request *request)
{
    struct waiter *waiter = waiter_new(request->id, request->mine);

    if (!waiter)
        return NULL;
    waiter->arrival_us = request->arrival_us;
    waiter->deadline_us = request->deadline_us;
    waiter->priority = request->priority;
    if (roster_add_waiter(&core->roster, waiter) == 0)
        return waiter;
    waiter_free(waiter);
    return NULL;
}

/* An older request, submitted again, takes the group to its place; and whoever joins a call that everybody
 * has left has come just now. What is in flight, or in a pause, may have to wait there yet. */
static bool join(struct core *core, struct job *job, const struct core_request *request, uint64_t seq)
{
    struct waiter *waiter = let_in(core, request);
    bool moves = seq < job->seq || !job->waiters;

    if (!waiter)
        return false;
    waiter->joined = true;
    job_add(job, waiter);
    if (job->state != JOB_QUEUED) {
        job->seq = moves ? seq : job->seq;
        return true;
    }
    if (moves)
        queue_reorder(&core->queue, job, seq);
    queue_update(&core->queue, job);
    return true;
}

static void submit_join(struct core *core, struct job *job, const struct core_request *request,
                        int64_t now_us, struct core_verdict *verdict)
{
    if (!join(core, job, request, next_seq(core, request))) {
        refuse(verdict, REASON_WAITERS_FULL, core_interval_us(core));
        return;
    }
    /* Judged where the group is now: it may just have become more urgent. Sharing a flight costs nothing. */
    verdict->answer = CORE_JOINED;
    verdict->eta_us = core_eta_of(core, job, now_us);
    verdict->position = core_position(core, job);
    if (verdict->position == 0)
        return;
    if (refuse_late(core, request, verdict->position - 1, now_us, verdict))
        waiter_free(core_cancel(core, request->id));
}

/* Puts a new job at its place; NULL when out of memory. */
static struct job *enter(struct core *core, const struct core_request *request)
{
    struct job *job = job_new(request->key, next_seq(core, request));
    struct waiter *waiter = job ? let_in(core, request) : NULL;
    bool listed = waiter && roster_add_job(&core->roster, job) == 0;

    if (listed) {
        job_add(job, waiter);
        job->payload = request->payload;
        if (queue_push(&core->queue, job, request->client) == 0) {
            if (queue_count(&core->queue) > core->queued_max)
                core->queued_max = queue_count(&core->queue);
            return job;
        }
        roster_remove_job(&core->roster, job);
    }
    if (waiter)
        roster_remove_waiter(&core->roster, waiter);
    waiter_free(waiter);
    job_free(job);
    return NULL;
}

/* Whether there is a place for it; `victim` is who must leave for it, or NULL. */
static bool find_room(const struct core *core, const struct core_request *request, int64_t now_us,
                      struct core_verdict *verdict, struct job **victim)
{
    enum queue_room room =
        request->again ? QUEUE_ROOM : queue_room(&core->queue, request->client, request->priority);

    *victim = room == QUEUE_DISPLACES ? queue_last(&core->queue) : NULL;
    if (room == QUEUE_ROOM || room == QUEUE_DISPLACES)
        return true;
    verdict->position = core->retries.count + queue_count(&core->queue) + 1;
    verdict->eta_us = core_eta_us(core, verdict->position - 1, now_us);
    refuse(verdict, room == QUEUE_FULL ? REASON_QUEUE_FULL : REASON_CLIENT_FULL,
           core_slot_us(core, 0, now_us) - now_us);
    return false;
}

void core_work_comes(struct core *core, int64_t now_us)
{
    core->work_waited = false;
    core->progress_us = now_us;
}

static void submit_new(struct core *core, const struct core_request *request, int64_t now_us,
                       struct core_verdict *verdict)
{
    struct job *job, *victim;

    if (core->breaker_state == CORE_BREAKER_OPEN && now_us < core->breaker_until_us) {
        refuse(verdict, REASON_BREAKER_OPEN, core->breaker_until_us - now_us);
        return;
    }
    if (!find_room(core, request, now_us, verdict, &victim))
        return;
    if (queue_count(&core->queue) == 0)
        core_work_comes(core, now_us);
    job = enter(core, request);
    if (!job) {
        refuse(verdict, REASON_WAITERS_FULL, core_interval_us(core));
        return;
    }
    verdict->position = core_position(core, job);
    verdict->eta_us = core_eta_us(core, verdict->position - 1, now_us);
    if (!refuse_late(core, request, verdict->position - 1, now_us, verdict)) {
        verdict->answer = CORE_QUEUED;
        if (victim)
            core_dismiss_of(core, victim,
                            &(struct core_leaving){.until_us = CORE_NEVER,
                                                   .reason = REASON_DISPLACED,
                                                   .retry_after_us = core_slot_us(core, 0, now_us) - now_us});
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
    queue_lift(&core->queue, now_us);
    if (known) {
        verdict->position = core_position(core, known->job);
        verdict->eta_us = core_eta_of(core, known->job, now_us);
        return;
    }
    if (request->deadline_us <= now_us) {
        refuse(verdict, REASON_DEADLINE_PASSED, 0);
        return;
    }
    if (roster_waiter_count(&core->roster) >= core->config.waiters_max) {
        refuse(verdict, REASON_WAITERS_FULL, core_eta_us(core, 0, now_us));
        return;
    }
    job = roster_find_job(&core->roster, request->key);
    if (job)
        submit_join(core, job, request, now_us, verdict);
    else
        submit_new(core, request, now_us, verdict);
}

/* For how long nothing has happened that should have: nobody may count on a hold, an open breaker, or an
 * answer that still has time. */
static int64_t idle_us(const struct core *core, int64_t now_us)
{
    int64_t since_us = core->progress_us;

    if (core->limiter.hold_us > since_us)
        since_us = core->limiter.hold_us;
    if (core->breaker_until_us > since_us)
        since_us = core->breaker_until_us;
    for (unsigned i = 0; i < core->flights.count; i++) {
        const struct flight *flight = &core->flights.table[i];
        int64_t due_us = flight->sent_us > 0 ? flight->sent_us + core->config.give_up_us : flight->latest_us;

        if (due_us > since_us)
            since_us = due_us;
    }
    return now_us - since_us - 2 * core_interval_us(core);
}

void core_look(const struct core *core, int64_t now_us, struct core_view *view)
{
    int64_t g_us = limiter_g_us(&core->limiter), hold_us = core->limiter.hold_us;
    int64_t stuck_us = queue_count(&core->queue) > 0 && !core->paused ? idle_us(core, now_us) : 0;

    *view = (struct core_view){
        .queued = core->retries.count + queue_count(&core->queue),
        .in_pause = core->retries.count,
        .queued_max = core->queued_max,
        .waiters = roster_waiter_count(&core->roster),
        .in_flight = core->flights.count,
        .fetcher_ready = core->fetcher_ready,
        .d_us = limiter_d_us(&core->limiter),
        .g_us = g_us == LIMITER_NEVER ? 0 : g_us,
        .doubt_ppm = core->limiter.doubt_ppm,
        .hold_us = hold_us > now_us ? hold_us - now_us : 0,
        .next_us = limiter_forecast_us(&core->limiter, now_us, 0) - now_us,
        .stuck_us = stuck_us > 0 ? stuck_us : 0,
        .window_us = core->config.limiter.window_us,
        .interval_us = core_interval_us(core),
        .unexpected_total = core->limiter.unexpected_total,
        .retries_total = core->retries.total,
        .retries_denied_total = core->retries.denied_total,
        .paused = core->paused,
    };
}
