/* core_dispatch.c - see core.h. Here: grants, how they end, and what stands in their way. */
#include <assert.h>

#include "scheduler/core_inside.h"

#define INTERVAL_SLOTS        32     /* over which, for each of a burst, the measured interval is smoothed */
#define SUCCESS_HOLD_SLACK_US 500000 /* a window that a success announces is no hold up to T and this */

/* A breaker that is not closed lets one pass, and that is the oldest: whoever has waited longest for it. */
static bool probes(const struct core *core)
{
    return core->breaker_state != CORE_BREAKER_CLOSED;
}

static struct job *next_job(const struct core *core)
{
    return probes(core) ? queue_oldest(&core->queue) : queue_peek(&core->queue);
}

/* Whether anything but time stands in the way of a grant. */
static bool dispatch_open(const struct core *core)
{
    unsigned limit = core->config.flight_max < core->credits ? core->config.flight_max : core->credits;

    if (!core->fetcher_ready || core->stopped || core->paused || queue_count(&core->queue) == 0)
        return false;
    if (probes(core))
        limit = limit < 1 ? limit : 1; /* a probe */
    return core->flights.count < limit;
}

/* When a send is allowed next; LIMITER_NEVER while that awaits something else than time. */
static int64_t allowed_us(const struct core *core, int64_t now_us)
{
    if (core->breaker_state == CORE_BREAKER_OPEN && core->breaker_until_us > now_us)
        now_us = core->breaker_until_us;
    return limiter_next_us(&core->limiter, now_us);
}

/* How long before its time a grant is handed over. Not to a breaker that is not closed: it judges on receipt.
 */
static int64_t lead_us(const struct core *core)
{
    return probes(core) ? 0 : core->config.lead_us;
}

/* Over as many slots as may go out at once: between those of a burst there is no time at all. */
static void measure_interval(struct core *core, int64_t earliest_us)
{
    unsigned burst = core->config.limiter.burst;
    int64_t *before_us = &core->slots_us[core->slot_count++ % burst];

    /* A hold is no property of the schedule, and is counted separately in every forecast. */
    if (!core->work_waited || core->limiter.hold_us > core->last_earliest_us)
        core->slot_run = 0;
    if (core->slot_run >= burst) {
        if (core->interval_count < INTERVAL_SLOTS * burst)
            core->interval_count++; /* the first ones count as their mean */
        core->interval_us += ((earliest_us - *before_us) / burst - core->interval_us) / core->interval_count;
    }
    *before_us = earliest_us;
    core->slot_run++;
    core->last_earliest_us = earliest_us;
    core->work_waited = queue_count(&core->queue) > 0;
}

static void launch(struct core *core, int64_t earliest_us, int64_t now_us, struct core_grant *grant)
{
    struct flight *flight = flight_add(&core->flights, ++core->last_attempt);
    int granted = limiter_grant(&core->limiter, core->last_attempt, now_us);
    struct job *job;

    assert(flight && granted == 0); /* dispatch_open() has looked */
    (void)granted;
    job = probes(core) ? queue_pop_oldest(&core->queue, &flight->place)
                       : queue_pop(&core->queue, &flight->place);
    flight->job = job;
    flight->earliest_us = earliest_us;
    flight->latest_us = earliest_us + core->config.lease_us;
    job->state = JOB_IN_FLIGHT;
    job->granted_us = now_us;
    core->progress_us = now_us;
    measure_interval(core, earliest_us);
    *grant = (struct core_grant){.attempt = flight->attempt,
                                 .earliest_us = flight->earliest_us,
                                 .latest_us = flight->latest_us,
                                 .job = job};
}

/* A send of an earlier epoch counts as arriving now. */
static void end_foreign(struct core *core, struct flight *flight, int64_t now_us)
{
    limiter_given_up(&core->limiter, flight->attempt, now_us);
    core_note(core, DECISION_SCHEDULER_GIVEN_UP,
              &(struct core_about){.value = flight->sent_us > 0 ? now_us - flight->sent_us : 0});
    flight_remove(&core->flights, flight);
}

/* Those whose end nobody has reported. */
static void give_up_foreign(struct core *core, int64_t now_us)
{
    for (unsigned i = core->flights.count; i > 0; i--) {
        struct flight *flight = &core->flights.table[i - 1];

        if (!flight->job && flight->latest_us <= now_us)
            end_foreign(core, flight, now_us);
    }
}

static void end_hold(struct core *core, int64_t now_us)
{
    if (!core->held || core->limiter.hold_us > now_us)
        return;
    core->held = false;
    core_note(core, DECISION_SCHEDULER_HOLD_OVER,
              &(struct core_about){.value = now_us - core->hold_since_us});
}

/* Whose pause is over goes back to where it waited. */
static void end_pauses(struct core *core, int64_t now_us)
{
    const struct retry *first;

    while ((first = retries_first(&core->retries)) && first->due_us <= now_us) {
        struct queue_place place = first->place;
        struct job *job = first->job;

        if (queue_count(&core->queue) == 0)
            core_work_comes(core, now_us);
        job->state = JOB_QUEUED;
        retries_remove(&core->retries, job);
        queue_return(&core->queue, job, &place);
    }
}

bool core_next(struct core *core, int64_t now_us, struct core_grant *grant)
{
    struct core_leaving dead = {.reason = REASON_DEADLINE_PASSED};

    give_up_foreign(core, now_us);
    end_hold(core, now_us);
    end_pauses(core, now_us);
    queue_lift(&core->queue, now_us);
    while (dispatch_open(core)) {
        int64_t earliest_us = allowed_us(core, now_us);
        struct job *job = next_job(core);

        if (earliest_us == LIMITER_NEVER || earliest_us - lead_us(core) > now_us)
            return false;
        /* No slot for the dead: those whose deadline comes before their slot leave, and the next one has it.
         */
        dead.until_us = earliest_us;
        if (!core_dismiss_of(core, job, &dead) || next_job(core) != job)
            continue;
        launch(core, earliest_us, now_us, grant);
        return true;
    }
    return false;
}

int64_t core_sent(struct core *core, uint64_t attempt, int64_t sent_us)
{
    struct flight *flight = flight_find(&core->flights, attempt);

    if (!flight || !flight->job)
        return 0;
    if (flight->sent_us == 0)
        retries_earn(&core->retries);
    flight->sent_us = sent_us;
    limiter_sent(&core->limiter, attempt, sent_us);
    return sent_us - flight->earliest_us;
}

/* The job waits again, at its old place: seq and priority are what they were. */
static struct job *requeue(struct core *core, struct job *job, const struct flight *flight,
                           enum reason reason)
{
    if (!job->waiters) {
        job->state = JOB_FINISHED;
        roster_remove_job(&core->roster, job);
        return job;
    }
    job->state = JOB_QUEUED;
    queue_return(&core->queue, job, &flight->place);
    core_note(core, DECISION_SCHEDULER_REQUEUED,
              &(struct core_about){.job = job, .attempt = flight->attempt, .reason = reason});
    return NULL;
}

static struct job *finish(struct core *core, struct job *job)
{
    struct waiter *waiter;

    for (waiter = job->waiters; waiter; waiter = waiter->next)
        roster_remove_waiter(&core->roster, waiter);
    roster_remove_job(&core->roster, job);
    job->state = JOB_FINISHED;
    return job;
}

bool core_outcome_holds(const struct core *core, const struct core_outcome *outcome)
{
    if (outcome->kind == FETCH_ANSWERED)
        return outcome->hold_us > core->limiter.config.window_us + SUCCESS_HOLD_SLACK_US;
    return outcome->hold_us > 0;
}

/* Whether what the limiter believes has been shaken, or is as it was before all shakes. */
static void note_doubt(struct core *core, uint64_t attempt, uint64_t unexpected_before, int64_t doubt_before)
{
    const struct limiter *limiter = &core->limiter;
    struct core_about about = {.value = limiter_d_us(limiter)};

    if (limiter->unexpected_total > unexpected_before) {
        about.attempt = attempt;
        core_note(core, DECISION_SCHEDULER_DOUBTED, &about);
    } else if (doubt_before > 0 && limiter->doubt_ppm == 0) {
        core_note(core, DECISION_SCHEDULER_DOUBT_OVER, &about);
    }
}

static void give_up(struct core *core, uint64_t attempt, int64_t sent_us, int64_t now_us)
{
    limiter_given_up(&core->limiter, attempt, now_us);
    core_note(core, DECISION_SCHEDULER_GIVEN_UP,
              &(struct core_about){.attempt = attempt, .value = sent_us > 0 ? now_us - sent_us : 0});
}

static void hold(struct core *core, uint64_t attempt, const struct core_outcome *outcome, int64_t now_us)
{
    struct core_about about = {.attempt = attempt,
                               .reason = outcome->kind == FETCH_LIMITED ? REASON_HOLD : outcome->reason};

    if (!core_hold(core, outcome->first_us + outcome->hold_us, now_us))
        return;
    about.value = core->limiter.hold_us - now_us;
    core_note(core, DECISION_SCHEDULER_HOLD, &about);
}

/* What the outcome says about the permit. */
static void settle(struct core *core, uint64_t attempt, const struct core_outcome *outcome, int64_t now_us)
{
    struct limiter *limiter = &core->limiter;
    uint64_t unexpected = limiter->unexpected_total;
    int64_t doubt_ppm = limiter->doubt_ppm;

    switch (outcome->kind) {
    case FETCH_UNSENT:
    case FETCH_CACHED:
    case FETCH_REFUSED:
        limiter_unsent(limiter, attempt);
        return;
    case FETCH_LIMITED:
        limiter_rejected(limiter, attempt, outcome->sent_us, outcome->first_us);
        break;
    case FETCH_ANSWERED:
    case FETCH_FAILED:
    default:
        if (outcome->first_us <= 0 || outcome->sent_us <= 0) {
            give_up(core, attempt, outcome->sent_us, now_us);
            break;
        }
        limiter_answered(limiter, attempt, outcome->sent_us, outcome->first_us);
        core->learnt_us = now_us;
        break;
    }
    note_doubt(core, attempt, unexpected, doubt_ppm);
    if (core_outcome_holds(core, outcome))
        hold(core, attempt, outcome, now_us);
}

/* An attempt of an earlier epoch has ended: which one is not known, and does not matter. */
static void settle_foreign(struct core *core, int64_t now_us)
{
    for (unsigned i = 0; i < core->flights.count; i++) {
        struct flight *flight = &core->flights.table[i];

        if (flight->job)
            continue;
        end_foreign(core, flight, now_us);
        return;
    }
}

/* Another attempt after a pause, for those who can wait for its answer; the others are told at once how this
 * one failed. False: it has been the last. */
static bool retry(struct core *core, struct job *job, const struct flight *ended,
                  const struct core_outcome *outcome, int64_t now_us)
{
    struct core_leaving impatient = {.reason = outcome->reason};
    bool open = core->breaker_state == CORE_BREAKER_OPEN && core->breaker_until_us > now_us;
    int64_t pause_us, due_us;

    if (!outcome->again || open || core->stopped || !job->waiters ||
        !retries_draw(&core->retries, job, &pause_us))
        return false;
    due_us = now_us + pause_us;
    impatient.until_us = due_us + core_eta_us(core, 0, due_us);
    if (job_deadline_us(job) <= impatient.until_us)
        return false;
    job->state = JOB_IN_PAUSE;
    retries_add(&core->retries, job, &ended->place, due_us);
    core_note(core, DECISION_SCHEDULER_RETRIED,
              &(struct core_about){
                  .job = job, .attempt = ended->attempt, .reason = outcome->reason, .value = pause_us});
    core_dismiss_of(core, job, &impatient);
    return true;
}

struct job *core_fetched(struct core *core, uint64_t attempt, const struct core_outcome *outcome,
                         int64_t now_us)
{
    struct flight *flight = flight_find(&core->flights, attempt);
    struct flight ended;
    struct job *job;

    if (!flight || !flight->job) {
        settle_foreign(core, now_us);
        if (core_outcome_holds(core, outcome)) /* it is for whoever asks, not only for that attempt */
            core_hold(core, outcome->first_us + outcome->hold_us, now_us);
        return NULL;
    }
    job = flight->job;
    ended = *flight;
    flight_remove(&core->flights, flight);
    core->progress_us = now_us;
    if (outcome->kind == FETCH_LIMITED || (outcome->kind == FETCH_UNSENT && outcome->reason == REASON_NONE)) {
        job = requeue(core, job, &ended, outcome->kind == FETCH_LIMITED ? REASON_HOLD : REASON_NONE);
        settle(core, attempt, outcome, now_us); /* now: a hold dismisses who cannot wait for its end */
        return job;
    }
    settle(core, attempt, outcome, now_us); /* first: a hold says how late a retry would be */
    return retry(core, job, &ended, outcome, now_us) ? NULL : finish(core, job);
}

uint64_t core_recall(struct core *core)
{
    for (unsigned i = 0; i < core->flights.count; i++) {
        struct flight *flight = &core->flights.table[i];

        if (!flight->recalled || flight->aborted)
            continue;
        flight->aborted = true;
        core_note(core, DECISION_SCHEDULER_RECALLED,
                  &(struct core_about){.attempt = flight->attempt, .reason = flight->recall_reason});
        return flight->attempt;
    }
    return 0;
}

void core_fetcher_ready(struct core *core, unsigned credits, int64_t last_sent_us, unsigned in_flight,
                        int64_t now_us)
{
    core->fetcher_ready = true;
    core->credits = credits;
    core->progress_us = now_us;
    for (unsigned i = 0; i < in_flight; i++) {
        struct flight *flight = flight_add(&core->flights, ++core->last_attempt);

        if (!flight || limiter_add_sent(&core->limiter, flight->attempt, last_sent_us, now_us) < 0)
            return; /* more than can be told apart: those that are counted hold everything up */
        flight->sent_us = last_sent_us;
        flight->latest_us = now_us + core->config.give_up_us;
    }
}

void core_fetcher_past(struct core *core, int64_t last_sent_us, int64_t last_ended_us, int64_t now_us)
{
    unsigned burst = core->config.limiter.burst;
    int64_t last_us = core->unknown_at_us + core->config.give_up_us;

    if (core->past_told)
        return;
    core->past_told = true;
    /* Whatever that epoch did not know of has ended by then; what has not ended is counted as in flight. */
    if (last_ended_us > core->known_us && last_ended_us > 0)
        limiter_add_past(&core->limiter, burst, last_ended_us, now_us);
    /* Nobody is left who could tell. It was sent before its sender died. */
    if (last_sent_us > 0 || core->unknown == 0)
        return;
    limiter_add_past(&core->limiter, core->unknown < burst ? core->unknown : burst,
                     (last_us < now_us ? last_us : now_us) + limiter_journey_us(&core->limiter), now_us);
    core_note(core, DECISION_SCHEDULER_GIVEN_UP, &(struct core_about){.value = now_us - core->unknown_at_us});
}

void core_fetcher_lost(struct core *core, int64_t now_us)
{
    core->fetcher_ready = false;
    core->work_waited = false; /* until the next one has come is no slot */
    while (core->flights.count > 0) {
        struct flight *flight = &core->flights.table[core->flights.count - 1];
        /* What has not been reported as sent may have been, or, were it stopped rather than dead, still be
         * until its lease ends. */
        int64_t last_us = flight->sent_us > 0 ? flight->sent_us : flight->latest_us;
        int64_t ahead_us = last_us + limiter_journey_us(&core->limiter) - now_us;
        struct flight lost = *flight;
        struct job *job = flight->job;

        limiter_lost(&core->limiter, lost.attempt, last_us, now_us);
        core_note(core, DECISION_SCHEDULER_LOST,
                  &(struct core_about){.job = job, .attempt = job ? lost.attempt : 0, .value = ahead_us});
        flight_remove(&core->flights, flight);
        job = job ? requeue(core, job, &lost, REASON_NONE) : NULL;
        if (job)
            core_retire(core, job);
    }
}

void core_was_away(struct core *core)
{
    core->work_waited = false;
}

void core_breaker(struct core *core, enum core_breaker state, int64_t until_us, int64_t now_us)
{
    core->breaker_state = state;
    core->breaker_until_us = state == CORE_BREAKER_OPEN ? until_us : 0;
    core->progress_us = now_us;
    if (state == CORE_BREAKER_OPEN && until_us > now_us)
        core_sweep(core,
                   &(struct core_leaving){.until_us = CORE_NEVER,
                                          .reason = REASON_BREAKER_OPEN,
                                          .retry_after_us = until_us - now_us},
                   0);
}

bool core_hold(struct core *core, int64_t until_us, int64_t now_us)
{
    unsigned burst = core->config.limiter.burst;
    int64_t before_us = core->limiter.hold_us;

    limiter_hold(&core->limiter, until_us, now_us);
    if (core->limiter.hold_us <= now_us)
        return false;
    if (!core->held)
        core->hold_since_us = now_us;
    core->held = true;
    core_recall_unsent(core, REASON_HOLD);
    /* After it they are served in order: who would have to wait too long even then need not wait for its end.
     */
    core_sweep(core,
               &(struct core_leaving){.until_us = core->limiter.hold_us,
                                      .reason = REASON_HOLD,
                                      .retry_after_us = core->limiter.hold_us - now_us},
               burst * core_interval_us(core) - core_slip_us(core, burst));
    return core->limiter.hold_us > before_us;
}

void core_stop(struct core *core)
{
    core->stopped = true;
}

void core_recall_unsent(struct core *core, enum reason reason)
{
    for (unsigned i = 0; i < core->flights.count; i++) {
        struct flight *flight = &core->flights.table[i];

        if (flight->job && flight->sent_us == 0)
            flight_recall(flight, reason);
    }
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

int64_t core_next_wakeup(const struct core *core, int64_t now_us)
{
    const struct waiter *first = deadlines_first(&core->roster.deadlines);
    const struct retry *resting = retries_first(&core->retries);
    int64_t wakeup_us = CORE_NEVER, next_us;

    if (core->dismissed)
        return now_us;
    if (first)
        wakeup_us = first->deadline_us;
    if (core->held)
        wakeup_us = earlier(wakeup_us, core->limiter.hold_us);
    if (resting)
        wakeup_us = earlier(wakeup_us, resting->due_us);
    if (dispatch_open(core)) {
        next_us = allowed_us(core, now_us);
        if (next_us != LIMITER_NEVER)
            wakeup_us = earlier(wakeup_us, next_us - lead_us(core));
    }
    for (unsigned i = 0; i < core->flights.count; i++) {
        if (!core->flights.table[i].job)
            wakeup_us = earlier(wakeup_us, core->flights.table[i].latest_us);
    }
    return wakeup_us > now_us ? wakeup_us : now_us;
}
