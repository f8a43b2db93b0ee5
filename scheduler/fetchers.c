/* fetchers.c - the link to the fetcher: permits go out, their ends come in. */
#include "common/clock.h"
#include "scheduler/claims.h"
#include "scheduler/scheduler_inside.h"

/* False: the fetcher is gone, and with it every grant; they wait again. */
bool fetchers_send(struct scheduler *scheduler, struct message *message, struct bus_body *body)
{
    int rc =
        scheduler->fetcher ? bus_send(scheduler->fetchers, scheduler->fetcher, message, body) : -ENOTCONN;

    if (rc == 0)
        return true;
    log_warn("fetcher_unreachable", log_hex("epoch", scheduler->fetcher), log_int("error", rc));
    if (scheduler->fetcher)
        bus_dismiss(scheduler->fetchers, scheduler->fetcher);
    return false;
}

static struct lane *lane_of_attempt(struct scheduler *scheduler, uint64_t attempt)
{
    unsigned index = lane_index_of(attempt);

    return index < LANES ? &scheduler->lanes[index] : NULL;
}

static struct text first_request(const struct job *job)
{
    return job->waiters ? ticket_text(job->waiters->mine) : (struct text){.at = "", .bytes = 0};
}

bool fetchers_hand_over(struct scheduler *scheduler, struct lane *lane, const struct core_grant *grant)
{
    const struct job *job = grant->job;
    struct message message = {.type = MESSAGE_TYPE_fetch,
                              .fetch = {.attempt = grant->attempt,
                                        .request = first_request(job),
                                        .lane = text_of(lane->name),
                                        .key = {.at = (const char *)job->key, .bytes = JOB_KEY_BYTES},
                                        .earliest_at_us = grant->earliest_us,
                                        .latest_at_us = grant->latest_us,
                                        .deadline_at_us = job_deadline_us(job)}};
    int64_t wait_us = grant->earliest_us - job->arrival_us;

    scheduler_count(scheduler, METRIC_SCHEDULER_GRANTED);
    histogram_add(&scheduler->metrics->histograms[HISTOGRAM_SCHEDULER_WAIT], wait_us);
    scheduler_tell(
        scheduler, lane, DECISION_SCHEDULER_GRANTED,
        &(struct audit_facts){.request = message.fetch.request, .attempt = grant->attempt, .value = wait_us});
    return fetchers_send(scheduler, &message, job->payload);
}

static void serve(struct scheduler *scheduler, const struct lane *lane, const struct waiter *waiter,
                  struct message *result, struct bus_body *body)
{
    top_clients_ended(&scheduler->top, ticket_mark(waiter->mine), TOP_SERVED);
    scheduler_tell(scheduler, lane, DECISION_SCHEDULER_SERVED,
                   &(struct audit_facts){.request = ticket_text(waiter->mine),
                                         .attempt = result->result.attempt,
                                         .value = result->result.wait_us});
    gateways_send(scheduler, waiter->id.gateway, result, body);
}

/* An answer for each who waits, or the reason why there is none. */
static void finish(struct scheduler *scheduler, const struct lane *lane, struct job *job,
                   const struct message_fetched *fetched, struct bus_body *body, int64_t now_us)
{
    bool refused = fetched->outcome == FETCH_REFUSED && lane->breaker_retry_at_us > now_us;
    struct rejection rejection = {.decision = DECISION_SCHEDULER_UNANSWERED,
                                  .reason = fetched->outcome == FETCH_REFUSED ? REASON_BREAKER_OPEN
                                                                              : reason_find(fetched->reason),
                                  .attempt = fetched->attempt,
                                  .retry_after_us = refused ? lane->breaker_retry_at_us - now_us : 0};
    int64_t upstream_us = fetched->sent_at_us > 0 ? fetched->ended_at_us - fetched->sent_at_us : 0;
    struct message message = {.type = MESSAGE_TYPE_result};
    struct waiter *waiter;

    message.result.source = text_of(fetched->outcome == FETCH_CACHED ? "cache" : "upstream");
    message.result.attempt = fetched->attempt;
    message.result.upstream_us = upstream_us > 0 ? upstream_us : 0;
    while ((waiter = job_shift(job))) {
        int64_t wait_us = job->granted_us - waiter->arrival_us;

        message.result.id = waiter->id.request;
        message.result.reason = text_of(reason_name(rejection.reason));
        message.result.joined = waiter->joined;
        message.result.wait_us =
            wait_us > 0 ? wait_us : 0; /* who joined in flight has not waited for a slot */
        if (bus_body_text(body).bytes > 0)
            serve(scheduler, lane, waiter, &message, body);
        else
            gateways_reject(scheduler, lane, waiter, &rejection, now_us);
        waiter_free(waiter);
    }
    core_retire(lane->core, job);
}

static void on_ready(struct scheduler *scheduler, uint64_t peer, const struct message_ready *ready,
                     int64_t now_us)
{
    uint64_t other = scheduler->fetcher;

    /* One fetcher at a time: the newer one is the one that was restarted. */
    if (other && other != peer)
        bus_dismiss(scheduler->fetchers, other);
    scheduler->fetcher = peer;
    for (size_t i = 0; i < LANES; i++) {
        core_fetcher_past(scheduler->lanes[i].core, ready->last_sent_at_us, ready->last_ended_at_us, now_us);
        core_fetcher_ready(scheduler->lanes[i].core, FLIGHT_MAX, ready->last_sent_at_us,
                           (unsigned)ready->in_flight, now_us);
        if (ready->hold_at_us > now_us)
            core_hold(scheduler->lanes[i].core, ready->hold_at_us, now_us);
    }
    scheduler_tell(scheduler, NULL, DECISION_SCHEDULER_FETCHER_READY,
                   &(struct audit_facts){.value = (int64_t)ready->in_flight});
    for (size_t i = 0; i < LANES; i++)
        scheduler_tell_notes(scheduler, &scheduler->lanes[i]);
    gateways_tell(scheduler);
}

static void on_sent(struct scheduler *scheduler, const struct message_sent *sent)
{
    struct lane *lane = lane_of_attempt(scheduler, sent->attempt);
    int64_t late_us;

    if (!lane)
        return;
    late_us = core_sent(lane->core, sent->attempt, sent->sent_at_us);
    histogram_add(&scheduler->metrics->histograms[HISTOGRAM_SCHEDULER_LATENESS], late_us);
    scheduler_tell(scheduler, lane, DECISION_SCHEDULER_SENT,
                   &(struct audit_facts){.attempt = sent->attempt, .value = late_us});
}

/* Counts and tells how an attempt ended. */
static void tell_fetched(struct scheduler *scheduler, const struct lane *lane,
                         const struct message_fetched *fetched)
{
    static const struct {
        enum decision_id decision;
        enum metric metric;
    } kinds[] = {
        [FETCH_ANSWERED] = {DECISION_SCHEDULER_ANSWERED, METRIC_SCHEDULER_ANSWERED},
        [FETCH_LIMITED] = {DECISION_SCHEDULER_LIMITED, METRIC_SCHEDULER_LIMITED},
        [FETCH_FAILED] = {DECISION_SCHEDULER_FAILED, METRIC_SCHEDULER_FAILED},
        [FETCH_UNSENT] = {DECISION_SCHEDULER_RETURNED, METRIC_SCHEDULER_RETURNED},
        [FETCH_CACHED] = {DECISION_SCHEDULER_SAVED, METRIC_SCHEDULER_RETURNED},
        [FETCH_REFUSED] = {DECISION_SCHEDULER_RETURNED, METRIC_SCHEDULER_RETURNED},
    };
    bool limited = fetched->outcome == FETCH_LIMITED;

    scheduler_count(scheduler, kinds[fetched->outcome].metric);
    scheduler_tell(scheduler, lane, kinds[fetched->outcome].decision,
                   &(struct audit_facts){
                       .attempt = fetched->attempt,
                       .reason = limited ? REASON_HOLD : reason_find(fetched->reason),
                       .value = fetched->sent_at_us > 0 ? fetched->ended_at_us - fetched->sent_at_us : 0});
}

static void on_fetched(struct scheduler *scheduler, const struct message_fetched *fetched,
                       struct bus_body *body, int64_t now_us)
{
    struct lane *lane = lane_of_attempt(scheduler, fetched->attempt);
    struct core_outcome outcome = {.kind = (enum fetch_outcome)fetched->outcome,
                                   .reason = reason_find(fetched->reason),
                                   .sent_us = fetched->sent_at_us,
                                   .first_us = fetched->first_at_us,
                                   .hold_us = fetched->hold_us,
                                   .again = fetched->again != 0};
    struct job *job;

    if (!lane)
        return;
    tell_fetched(scheduler, lane, fetched);
    job = core_fetched(lane->core, fetched->attempt, &outcome, now_us);
    scheduler_tell_notes(scheduler, lane);
    if (job)
        finish(scheduler, lane, job, fetched, body, now_us);
    scheduler_pump_soon(scheduler);
}

static void on_breaker(struct scheduler *scheduler, const struct message_breaker *breaker, int64_t now_us)
{
    struct lane *lane = scheduler_lane(scheduler, breaker->lane);

    if (!lane || !lane_breaker(lane, breaker, now_us)) {
        log_warn("bad_breaker", log_text("lane", breaker->lane), log_text("state", breaker->state));
        return;
    }
    log_info("breaker", log_str("lane", lane->name), log_text("state", breaker->state),
             log_int("failures", (int64_t)breaker->failures), log_text("reason", breaker->reason));
    gateways_tell(scheduler);
    scheduler_pump_soon(scheduler);
}

static void fetcher_up(void *arg, uint64_t peer, struct text role)
{
    (void)arg; /* it counts from its `ready` on */
    log_info("fetcher_up", log_hex("epoch", peer), log_text("role", role));
}

static void fetcher_down(void *arg, uint64_t peer, const char *why)
{
    struct scheduler *scheduler = arg;
    int64_t now_us = clock_now_us(), in_flight = 0;
    struct core_view view;

    log_warn("fetcher_down", log_hex("epoch", peer), log_str("why", why));
    if (peer != scheduler->fetcher)
        return;
    scheduler->fetcher = 0;
    for (size_t i = 0; i < LANES; i++) {
        core_look(scheduler->lanes[i].core, now_us, &view);
        in_flight += view.in_flight;
    }
    scheduler_tell(scheduler, NULL, DECISION_SCHEDULER_FETCHER_LOST,
                   &(struct audit_facts){.value = in_flight, .note = text_of(why)});
    for (size_t i = 0; i < LANES; i++) {
        core_fetcher_lost(scheduler->lanes[i].core, now_us);
        scheduler_tell_notes(scheduler, &scheduler->lanes[i]);
    }
    controls_fetcher_lost(scheduler);
    gateways_tell(scheduler);
    scheduler_pump_soon(scheduler);
}

static void fetcher_message(void *arg, uint64_t peer, const struct message *told, struct bus_body *body)
{
    struct scheduler *scheduler = arg;
    struct message believed = *told;
    const struct message *message = &believed;
    int64_t now_us = clock_now_us();

    claims_of_fetcher(&believed, now_us);
    if (message->type == MESSAGE_TYPE_ready)
        on_ready(scheduler, peer, &message->ready, now_us);
    else if (peer != scheduler->fetcher)
        log_warn("stray_fetcher", log_hex("epoch", peer), log_int("type", (int64_t)message->type));
    else if (message->type == MESSAGE_TYPE_sent)
        on_sent(scheduler, &message->sent);
    else if (message->type == MESSAGE_TYPE_fetched)
        on_fetched(scheduler, &message->fetched, body, now_us);
    else if (message->type == MESSAGE_TYPE_breaker)
        on_breaker(scheduler, &message->breaker, now_us);
    else if (message->type == MESSAGE_TYPE_control_result)
        controls_result(scheduler, &message->control_result);
    else
        log_warn("unexpected_message", log_hex("fetcher", peer), log_int("type", (int64_t)message->type));
    scheduler_pump_soon(scheduler);
}

const struct bus_link_handlers fetchers_handlers = {
    .up = fetcher_up, .down = fetcher_down, .message = fetcher_message, .bad = scheduler_bad};
