/* attempt.c - the way of a grant: it waits for its time, is looked up in the cache a last time, passes the
 * breaker, is sent, ends, is stored, and is reported, once. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "fetcher/fetcher_inside.h"

/* While a connection is being made, the process notes so often that it is awake. One that has been stopped
 * for longer than STALL_US must not send what it was granted before: the scheduler takes a silent peer for
 * dead. */
#define PULSE_US 100000LL
#define STALL_US 1000000LL

void fetcher_report(struct fetcher *fetcher, struct message *message, struct bus_body *body)
{
    int rc = outbox_send(&fetcher->outbox, message, body);

    if (rc == 0 || rc == -ENOTCONN)
        return;
    log_warn("scheduler_unreachable", log_int("type", (int64_t)message->type), log_str("why", strerror(-rc)));
    bus_lose(fetcher->outbox.socket, fetcher->outbox.peer);
}

/* The grant's one report, and its end. */
static void settle(struct fetcher *fetcher, struct grant *grant, struct message *fetched,
                   struct bus_body *body)
{
    fetched->fetched.attempt = grant->attempt;
    if (grant->link == fetcher->link)
        fetcher_report(fetcher, fetched, body);
    grant_remove(&fetcher->grants, grant);
    grant_free(grant);
}

/* The permit comes back: nothing has been written. */
static void give_back(struct fetcher *fetcher, struct grant *grant, enum fetch_outcome outcome,
                      enum reason reason)
{
    struct message fetched = {.type = MESSAGE_TYPE_fetched};
    int64_t now_us = clock_now_us();

    if (grant->state == GRANT_STARTED)
        breaker_ended(&grant->lane->breaker, grant->serial, BREAKER_NEUTRAL, REASON_NONE, 0, now_us);
    fetched.fetched.outcome = outcome;
    fetched.fetched.reason = text_of(reason_name(reason));
    fetched.fetched.ended_at_us = now_us;
    fetcher_tell_unsent(fetcher, grant, reason);
    settle(fetcher, grant, &fetched, NULL);
}

static void give_back_those(struct fetcher *fetcher, enum grant_state state)
{
    struct grant *next;

    for (struct grant *grant = fetcher->grants; grant; grant = next) {
        next = grant->next;
        if (grant->state == state)
            give_back(fetcher, grant, FETCH_UNSENT, REASON_NONE);
    }
}

void attempt_give_all_back(struct fetcher *fetcher)
{
    give_back_those(fetcher, GRANT_WAITING);
    give_back_those(fetcher, GRANT_STARTED);
    fetcher_tell_breaker(fetcher, &fetcher->lane);
}

/* What came while draining has been kept until now: given back at once it would be granted again at once. */
void attempt_check_drained(struct fetcher *fetcher)
{
    if (!fetcher->draining || grant_count(fetcher->grants, GRANT_SENT) > 0)
        return;
    attempt_give_all_back(fetcher);
    loop_drained(fetcher->loop);
}

/* The record of an answer as a body frame; NULL when out of memory. */
static struct bus_body *record_of(const struct answer *answer)
{
    size_t bytes = answer_bytes(answer);
    char *record = malloc(bytes);
    struct bus_body *body = NULL;

    if (record) {
        answer_write(answer, record);
        body = bus_body_new((struct text){record, bytes});
    }
    free(record);
    return body;
}

/* Whether what the cache has will do; the reason why it will though it is stale, or NONE. Fresh: it may have
 * come meanwhile, for somebody else. Stale: another attempt for it has just failed, and a second one may not
 * follow so soon, whoever has asked for it. */
static bool will_do(struct fetcher *fetcher, const struct grant *grant, const struct answer *answer,
                    enum reason *reason)
{
    int64_t wall_us = clock_wall_us();
    struct failure failure;

    *reason = REASON_NONE;
    if (answer->stored_wall_us < grant->not_before_us)
        return false;
    if (answer->fresh_wall_us > wall_us)
        return true;
    if (answer->stale_wall_us <= wall_us ||
        cache_writer_find_failure(fetcher->cache, &grant->key, &failure) < 0 ||
        failure_phase(&failure, wall_us) != FAILURE_PAUSES)
        return false;
    *reason = failure.reason;
    return true;
}

/* The last look. */
static bool answer_from_cache(struct fetcher *fetcher, struct grant *grant)
{
    struct message fetched = {.type = MESSAGE_TYPE_fetched};
    struct bus_body *body = NULL;
    struct answer answer;
    enum reason reason;

    if (cache_writer_find(fetcher->cache, &grant->key, &answer) == 0 &&
        will_do(fetcher, grant, &answer, &reason))
        body = record_of(&answer);
    if (body) {
        fetched.fetched.outcome = FETCH_CACHED;
        fetched.fetched.reason = text_of(reason_name(reason));
        fetched.fetched.status = answer.status;
        fetched.fetched.ended_at_us = clock_now_us();
    }
    cache_writer_release(fetcher->cache);
    if (!body)
        return false;
    fetcher_tell_saved(fetcher, grant);
    settle(fetcher, grant, &fetched, body);
    bus_body_free(body);
    return true;
}

static void arm(struct fetcher *fetcher, struct grant *grant, int64_t now_us)
{
    /* libevent counts from when this turn of the loop began, which would make the timer early. */
    event_base_update_cache_time(fetcher->base);
    loop_arm(grant->timer, grant->earliest_at_us - now_us);
}

/* Shows that the process is awake; after a stop, what was about to be sent before it may not be sent any
 * more. */
static void show_awake(struct fetcher *fetcher, int64_t now_us)
{
    if (now_us - fetcher->pulse_at_us > STALL_US)
        give_back_those(fetcher, GRANT_STARTED);
    fetcher->pulse_at_us = now_us;
}

static void start(struct fetcher *fetcher, struct grant *grant, int64_t now_us)
{
    show_awake(fetcher, now_us);
    grant->state = GRANT_STARTED;
    if (breaker_is_probe(&grant->lane->breaker, grant->serial))
        transfer_limit(grant->transfer, grant->lane->probe_us);
    if (transfer_start(grant->transfer) < 0)
        give_back(fetcher, grant, FETCH_UNSENT, REASON_INTERNAL);
    else if (grant->state == GRANT_STARTED)
        loop_arm(fetcher->pulse, PULSE_US);
    fetcher_tell_breaker(fetcher, &fetcher->lane);
}

/* The answer is delivered when it comes. That it is late is known now, and while one call hangs others should
 * not follow it. */
static void tell_late(struct grant *grant, int64_t now_us)
{
    grant->late = true;
    breaker_ended(&grant->lane->breaker, grant->serial, BREAKER_FAILURE, REASON_UPSTREAM_SLOW, 0, now_us);
    fetcher_tell_late(grant->owner, grant);
    fetcher_tell_breaker(grant->owner, grant->lane);
}

/* Its time to be sent has come, or, once it is sent, the time by which it should have been answered. */
static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct grant *grant = arg;
    struct fetcher *fetcher = grant->owner;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)what;
    if (grant->state == GRANT_SENT)
        tell_late(grant, now_us);
    else if (now_us < grant->earliest_at_us)
        arm(fetcher, grant, now_us);
    else if (now_us > grant->latest_at_us || now_us > grant->deadline_at_us)
        give_back(fetcher, grant, FETCH_UNSENT, REASON_NONE);
    else if (answer_from_cache(fetcher, grant))
        return;
    else if (!breaker_admit(&grant->lane->breaker, grant->serial, now_us))
        give_back(fetcher, grant, FETCH_REFUSED, REASON_BREAKER_OPEN);
    else
        start(fetcher, grant, now_us);
}

void attempt_pulse(evutil_socket_t fd, short what, void *arg)
{
    struct fetcher *fetcher = arg;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)what;
    show_awake(fetcher, now_us);
    if (grant_count(fetcher->grants, GRANT_STARTED) == 0)
        event_del(fetcher->pulse);
    fetcher_tell_breaker(fetcher, &fetcher->lane);
}

/* The connection may have taken long, but then this process has been awake all the time, and the scheduler
 * still counts the permit as spent. */
static bool on_may_send(void *arg, int64_t now_us)
{
    const struct grant *grant = arg;
    const struct fetcher *fetcher = grant->owner;
    bool awake = now_us - fetcher->pulse_at_us <= STALL_US;

    return fetcher->outbox.peer != 0 && grant->link == fetcher->link && awake;
}

static void on_sent(void *arg, int64_t sent_at_us)
{
    struct grant *grant = arg;
    struct fetcher *fetcher = grant->owner;
    struct message sent = {.type = MESSAGE_TYPE_sent};

    sent.sent.attempt = grant->attempt;
    sent.sent.sent_at_us = sent_at_us;
    fetcher_report(fetcher, &sent, NULL);
    grant->state = GRANT_SENT;
    fetcher->last_sent_at_us = sent_at_us;
    breaker_sent(&grant->lane->breaker, grant->serial, sent_at_us);
    if (grant->lane->slow_us > 0)
        loop_try_arm(grant->timer, grant->lane->slow_us); /* else its end tells that it was slow */
    fetcher_tell_sent(fetcher, grant);
}

/* The provider has taken back what it said before, or whoever asks may not know it any more: what the cache
 * has of it must not stand in for an error later. */
static void forget_answer(struct fetcher *fetcher, const struct grant *grant)
{
    struct answer older;
    bool known = cache_writer_find(fetcher->cache, &grant->key, &older) == 0;

    cache_writer_release(fetcher->cache);
    if (known)
        cache_writer_remove(fetcher->cache, &grant->key);
}

/* While the cache has an answer that may stand in, others need not ask in vain so soon. A connection that
 * died as it was used again says nothing about the provider. */
static void keep_failure(struct fetcher *fetcher, const struct grant *grant,
                         const struct upstream_verdict *verdict)
{
    bool failed = (verdict->outcome == FETCH_FAILED && verdict->reason != REASON_UPSTREAM_RACE) ||
                  (verdict->outcome == FETCH_UNSENT && verdict->reason != REASON_NONE);
    int rc;

    if (!failed || fetcher->backoff.first_us == 0)
        return;
    rc = cache_writer_fail(fetcher->cache, &grant->key, &fetcher->backoff, verdict->reason, clock_wall_us());
    if (rc < 0 && rc != -ENOENT && rc != -ENODEV)
        log_warn("failure_not_kept", log_str("why", strerror(-rc)));
}

/* Stores what may be stored, and gives the record for the report; NULL when out of memory. */
static struct bus_body *keep_answer(struct fetcher *fetcher, struct grant *grant,
                                    const struct transfer_result *result)
{
    struct freshness_moment came = {.wall_us = clock_wall_us(),
                                    .took_us = result->ended_at_us - result->sent_at_us};
    struct answer answer = {
        .status = result->head->status, .fields = upstream_head_fields(result->head), .body = result->body};
    bool may = freshness_apply(&result->head->freshness, &fetcher->freshness, &came, &answer);
    bool stored =
        may && !grant->no_store &&
        (answer.status != 200 || content_storable(fetcher->content, result->head->says_json, result->body));

    if (stored) {
        int rc = cache_writer_store(fetcher->cache, &grant->key, &answer, came.wall_us);

        fetcher_tell_stored(fetcher, grant, rc, answer.fresh_wall_us - came.wall_us);
        stored = rc == 0;
    } else if (!may && !grant->no_store && answer.status < 500) {
        forget_answer(fetcher, grant);
    }
    if (!stored) /* or the client would be told that it was */
        answer.fresh_wall_us = answer.stale_wall_us = 0;
    return record_of(&answer);
}

/* Another attempt would cost a slot for what a stale answer does at once. */
static bool stale_stands_in(struct fetcher *fetcher, const struct grant *grant)
{
    struct answer answer;
    bool there = cache_writer_find(fetcher->cache, &grant->key, &answer) == 0 &&
                 answer.stale_wall_us > clock_wall_us();

    cache_writer_release(fetcher->cache);
    return there;
}

/* What the breaker learns from the end, unless it has heard of the attempt's failure already. */
static void tell_breaker(struct grant *grant, const struct transfer_result *result,
                         const struct upstream_verdict *verdict)
{
    int64_t slow_us = grant->lane->slow_us, took_us = result->ended_at_us - result->sent_at_us;

    if (!grant->late && verdict->breaker == BREAKER_SUCCESS && slow_us > 0 && took_us > slow_us)
        tell_late(grant, result->ended_at_us);
    else if (!grant->late)
        breaker_ended(&grant->lane->breaker, grant->serial, verdict->breaker, verdict->reason,
                      verdict->hold_us, result->ended_at_us);
}

static void on_ended(void *arg, const struct transfer_result *result)
{
    struct grant *grant = arg;
    struct fetcher *fetcher = grant->owner;
    struct upstream_lane *lane = grant->lane;
    int64_t first_wall_us = clock_wall_us() - (result->ended_at_us - result->first_at_us);
    struct upstream_verdict verdict = upstream_judge(result->end, result->head, first_wall_us);
    struct message fetched = {.type = MESSAGE_TYPE_fetched};
    struct bus_body *body = NULL;

    if (result->ended_at_us > fetcher->last_ended_at_us)
        fetcher->last_ended_at_us = result->ended_at_us;
    if (verdict.outcome != FETCH_ANSWERED && result->first_at_us + verdict.hold_us > fetcher->hold_at_us)
        fetcher->hold_at_us = result->first_at_us + verdict.hold_us; /* a scheduler may be away just now */
    if (verdict.answer && verdict.outcome != FETCH_LIMITED)
        body = keep_answer(fetcher, grant, result);
    keep_failure(fetcher, grant, &verdict); /* before the report: who hears of it finds it there */
    fetched.fetched.outcome = verdict.outcome;
    fetched.fetched.reason = text_of(reason_name(verdict.reason));
    fetched.fetched.status = verdict.answer || verdict.outcome == FETCH_LIMITED ? result->head->status : 0;
    fetched.fetched.sent_at_us = result->sent_at_us;
    fetched.fetched.first_at_us = result->first_at_us;
    fetched.fetched.ended_at_us = result->ended_at_us;
    fetched.fetched.hold_us = verdict.hold_us;
    fetched.fetched.again = verdict.again && !stale_stands_in(fetcher, grant);
    if (verdict.outcome == FETCH_ANSWERED && !body) { /* out of memory: there is nothing to pass on */
        fetched.fetched.outcome = FETCH_FAILED;
        fetched.fetched.reason = text_of(reason_name(REASON_INTERNAL));
    }
    tell_breaker(grant, result, &verdict);
    /* The breaker's news first: a scheduler that hears of a failure must not grant into an open breaker. */
    fetcher_tell_breaker(fetcher, lane);
    fetcher_tell_ended(fetcher, grant, result, &verdict);
    settle(fetcher, grant, &fetched, body);
    bus_body_free(body);
    attempt_check_drained(fetcher);
}

static const struct transfer_handlers transfer_handlers = {
    .may_send = on_may_send, .sent = on_sent, .ended = on_ended};

/* Makes the transfer, so that only its start is left for the time itself. NULL, or what is wrong. */
static const char *prepare(struct fetcher *fetcher, struct grant *grant, struct bus_body *body)
{
    char url[UPSTREAM_URL_BYTES], id[MESSAGE_ID_BYTES + 24];
    struct transfer_request request = {.url = url};
    struct message message;

    if (message_decode(fetcher->codec, bus_body_text(body), &message) < 0 ||
        message.type != MESSAGE_TYPE_request)
        return "its body is no request";
    request.head = text_equal(message.request.method, "HEAD");
    if (!request.head && !text_equal(message.request.method, "GET"))
        return "its method is not supported";
    if (upstream_url_make(grant->lane->url, message.request.query, url) < 0)
        return "its query makes no URL";
    snprintf(id, sizeof(id), "%s.%" PRIu64, grant->request, grant->attempt);
    grant->not_before_us = message.request.not_before_us;
    grant->no_store = message.request.no_store == 1;
    request.client_id = message.request.client_id;
    request.request_id = text_of(id);
    if (upstream_value_ok(message.request.traceparent))
        request.traceparent = message.request.traceparent;
    grant->timer = evtimer_new(fetcher->base, on_time, grant);
    grant->transfer = transfer_new(fetcher->transfers, &request, &transfer_handlers, grant);
    return grant->timer && grant->transfer ? NULL : "a field cannot be sent, or out of memory";
}

void attempt_fetch(struct fetcher *fetcher, const struct message_fetch *fetch, struct bus_body *body)
{
    struct grant *grant = grant_new(fetch, ++fetcher->serial, fetcher->link);
    struct message fetched = {.type = MESSAGE_TYPE_fetched};
    const char *wrong;

    if (!grant) {
        fetcher_tell_refused(fetcher, fetch->attempt, "bad key or no memory");
        fetched.fetched.attempt = fetch->attempt;
        fetched.fetched.outcome = FETCH_UNSENT;
        fetched.fetched.reason = text_of(reason_name(REASON_INTERNAL));
        fetched.fetched.ended_at_us = clock_now_us();
        fetcher_report(fetcher, &fetched, NULL);
        return;
    }
    grant->owner = fetcher;
    grant->lane = &fetcher->lane;
    grant_add(&fetcher->grants, grant);
    wrong =
        text_equal(fetch->lane, fetcher->lane.name) ? prepare(fetcher, grant, body) : "its lane is unknown";
    if (wrong) {
        fetcher_tell_refused(fetcher, fetch->attempt, wrong);
        give_back(fetcher, grant, FETCH_UNSENT, REASON_INTERNAL);
    } else if (!fetcher->draining) {
        arm(fetcher, grant, clock_now_us());
    }
}

void attempt_abort(struct fetcher *fetcher, uint64_t attempt)
{
    struct grant *grant = grant_find(fetcher->grants, attempt, fetcher->link);

    if (grant && grant->state != GRANT_SENT)
        give_back(fetcher, grant, FETCH_UNSENT, REASON_NONE);
    fetcher_tell_breaker(fetcher, &fetcher->lane);
}
