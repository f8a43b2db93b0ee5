/* fetcher.c - see fetcher.h. What the scheduler grants waits for its time, is sent, ends, is stored and then
 * reported. What decides something is in the pure files beside this one; here bytes move, timers are armed
 * and lines logged. */
#include "fetcher/fetcher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/event.h"
#include "fetcher/cache_writer.h"
#include "fetcher/grant.h"
#include "fetcher/outbox.h"

#define LEASE_SLACK_US 1000000LL /* a probe's lease outlasts the longest call by so much */
#define DETAIL_BYTES   160

/* While a connection is being made, the process shows itself that it is awake. One that has been stopped for
 * longer than this must not send what it was granted before: the scheduler takes a peer for dead after 2 s.
 */
#define PULSE_US 100000LL
#define STALL_US 1000000LL

/* A provider. */
struct upstream_lane {
    const char *name, *url;
    struct breaker breaker;
    struct breaker told; /* as announced last */
};

struct fetcher {
    struct loop *loop;
    struct event_base *base;
    struct bus *bus;
    struct outbox outbox;
    struct event_publisher *events;
    struct message_codec *codec; /* for the bodies of `fetch` */
    struct metrics metrics;
    struct cache_writer *cache;
    struct freshness_policy freshness;
    struct transfers *transfers;
    struct upstream_lane lane;
    struct grant *grants;
    struct event *tick, *pulse;
    uint64_t serial; /* of the latest grant */
    uint64_t link;   /* counts ups and downs, so that no link is taken for another */
    int64_t last_sent_at_us, pulse_at_us;
    bool draining;
};

static void emit(struct fetcher *fetcher, const char *name, const struct grant *grant, enum reason reason,
                 int64_t value)
{
    struct message_event event = {.name = text_of(name),
                                  .lane = text_of(fetcher->lane.name),
                                  .reason = text_of(reason_name(reason)),
                                  .value = value};

    if (grant) {
        event.request = text_of(grant->request);
        event.attempt = grant->attempt;
    }
    event_emit(fetcher->events, &event);
}

static void send_breaker(struct fetcher *fetcher, const struct upstream_lane *lane)
{
    struct message message = {.type = MESSAGE_TYPE_breaker};
    const struct breaker *breaker = &lane->breaker;

    message.breaker.state = text_of(breaker_state_name(breaker->state));
    message.breaker.failures = breaker->failures;
    message.breaker.fail_max = breaker->config.fail_max;
    message.breaker.retry_at_us = breaker->retry_at_us;
    message.breaker.reason = text_of(reason_name(breaker->last_reason));
    outbox_send(&fetcher->outbox, &message, NULL);
}

/* Tells of every change, whatever has caused it. */
static void announce_breaker(struct fetcher *fetcher, struct upstream_lane *lane)
{
    static const char *const events[] = {[BREAKER_CLOSED] = "breaker_closed",
                                         [BREAKER_HALF_OPEN] = "breaker_half_open",
                                         [BREAKER_OPEN] = "breaker_opened"};
    const struct breaker *breaker = &lane->breaker;
    bool moved = breaker->state != lane->told.state;

    if (!moved && breaker->failures == lane->told.failures && breaker->retry_at_us == lane->told.retry_at_us)
        return;
    lane->told = *breaker;
    send_breaker(fetcher, lane);
    metric_set(&fetcher->metrics, METRIC_FETCHER_BREAKER, (int64_t)breaker->state);
    metric_set(&fetcher->metrics, METRIC_FETCHER_BREAKER_FAILURES, breaker->failures);
    metric_set(&fetcher->metrics, METRIC_FETCHER_BREAKER_OPENED, (int64_t)breaker->opened_total);
    if (!moved)
        return;
    emit(fetcher, events[breaker->state], NULL, breaker->last_reason, breaker->failures);
    log_warn(events[breaker->state], log_str("lane", lane->name), log_int("failures", breaker->failures),
             log_str("reason", reason_name(breaker->last_reason)));
}

/* The grant's one report, and its end. */
static void settle(struct fetcher *fetcher, struct grant *grant, struct message *fetched,
                   struct bus_body *body)
{
    fetched->fetched.attempt = grant->attempt;
    if (grant->link == fetcher->link)
        outbox_send(&fetcher->outbox, fetched, body);
    grant_remove(&fetcher->grants, grant);
    grant_free(grant);
}

/* The permit comes back: nothing has been written. */
static void give_back(struct fetcher *fetcher, struct grant *grant, enum fetch_outcome outcome,
                      enum reason reason)
{
    struct message fetched = {.type = MESSAGE_TYPE_fetched};

    if (grant->state == GRANT_STARTED)
        breaker_ended(&grant->lane->breaker, grant->serial, BREAKER_NEUTRAL, REASON_NONE, clock_now_us());
    fetched.fetched.outcome = outcome;
    fetched.fetched.reason = text_of(reason_name(reason));
    fetched.fetched.ended_at_us = clock_now_us();
    metric_add(&fetcher->metrics, METRIC_FETCHER_UNSENT, 1);
    emit(fetcher, "unsent", grant, reason, 0);
    log_info("unsent", log_str("request", grant->request), log_int("attempt", (int64_t)grant->attempt),
             log_str("reason", reason_name(reason)));
    settle(fetcher, grant, &fetched, NULL);
}

/* All that have not been sent. */
static void give_all_back(struct fetcher *fetcher, enum grant_state state)
{
    struct grant *next;

    for (struct grant *grant = fetcher->grants; grant; grant = next) {
        next = grant->next;
        if (grant->state == state)
            give_back(fetcher, grant, FETCH_UNSENT, REASON_NONE);
    }
}

/* What came while draining has been kept until now: given back at once it would be granted again at once. */
static void check_drained(struct fetcher *fetcher)
{
    if (!fetcher->draining || grant_count(fetcher->grants, GRANT_SENT) > 0)
        return;
    give_all_back(fetcher, GRANT_WAITING);
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

/* The last look: the answer may have come meanwhile, for somebody else. */
static bool answer_from_cache(struct fetcher *fetcher, struct grant *grant)
{
    struct message fetched = {.type = MESSAGE_TYPE_fetched};
    struct bus_body *body = NULL;
    struct answer answer;

    if (cache_writer_find(fetcher->cache, &grant->key, &answer) == 0 &&
        answer.fresh_wall_us > clock_wall_us())
        body = record_of(&answer);
    if (body) {
        fetched.fetched.outcome = FETCH_CACHED;
        fetched.fetched.reason = text_of(reason_name(REASON_NONE));
        fetched.fetched.status = answer.status;
        fetched.fetched.ended_at_us = clock_now_us();
    }
    cache_writer_release(fetcher->cache);
    if (!body)
        return false;
    metric_add(&fetcher->metrics, METRIC_FETCHER_SAVED, 1);
    emit(fetcher, "saved", grant, REASON_NONE, 0);
    log_info("saved", log_str("request", grant->request), log_int("attempt", (int64_t)grant->attempt));
    settle(fetcher, grant, &fetched, body);
    bus_body_free(body);
    return true;
}

static void arm(struct fetcher *fetcher, struct grant *grant, int64_t now_us)
{
    int64_t delay_us = grant->earliest_at_us > now_us ? grant->earliest_at_us - now_us : 0;
    struct timeval delay = {.tv_sec = (time_t)(delay_us / US_PER_SECOND),
                            .tv_usec = (suseconds_t)(delay_us % US_PER_SECOND)};

    /* libevent counts from when this turn of the loop began, which would make the timer early. */
    event_base_update_cache_time(fetcher->base);
    evtimer_add(grant->timer, &delay);
}

static void start(struct fetcher *fetcher, struct grant *grant, int64_t now_us)
{
    struct timeval pulse = {.tv_usec = PULSE_US};

    grant->state = GRANT_STARTED;
    fetcher->pulse_at_us = now_us;
    if (transfer_start(grant->transfer) < 0)
        give_back(fetcher, grant, FETCH_UNSENT, REASON_INTERNAL);
    else if (grant->state == GRANT_STARTED)
        event_add(fetcher->pulse, &pulse);
    announce_breaker(fetcher, &fetcher->lane);
}

/* The grant's time has come. */
static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct grant *grant = arg;
    struct fetcher *fetcher = grant->owner;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)what;
    if (now_us < grant->earliest_at_us)
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

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
    struct fetcher *fetcher = arg;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)what;
    if (now_us - fetcher->pulse_at_us > STALL_US)
        give_all_back(fetcher, GRANT_STARTED);
    fetcher->pulse_at_us = now_us;
    if (grant_count(fetcher->grants, GRANT_STARTED) == 0)
        event_del(fetcher->pulse);
    announce_breaker(fetcher, &fetcher->lane);
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
    outbox_send(&fetcher->outbox, &sent, NULL);
    grant->state = GRANT_SENT;
    fetcher->last_sent_at_us = sent_at_us;
    breaker_sent(&grant->lane->breaker, grant->serial, sent_at_us);
    metric_add(&fetcher->metrics, METRIC_FETCHER_SENT, 1);
    emit(fetcher, "sent", grant, REASON_NONE, sent_at_us - grant->earliest_at_us);
    log_debug("sent", log_str("request", grant->request), log_int("attempt", (int64_t)grant->attempt),
              log_int("late_us", sent_at_us - grant->earliest_at_us));
}

static void count_end(struct fetcher *fetcher, const struct transfer_result *result,
                      const struct upstream_verdict *verdict)
{
    struct metrics *metrics = &fetcher->metrics;
    unsigned class = result->head->status / 100;

    metric_add(metrics, METRIC_FETCHER_CONNECTS, result->connects);
    metric_add(metrics, METRIC_FETCHER_RESENDS, result->end == UPSTREAM_RESEND);
    metric_add(metrics, METRIC_FETCHER_UNSENT, verdict->outcome == FETCH_UNSENT);
    if (result->sent_at_us != 0)
        histogram_add(&metrics->histograms[HISTOGRAM_FETCHER_UPSTREAM],
                      result->ended_at_us - result->sent_at_us);
    if (verdict->answer && class >= 2 && class <= 5)
        metric_add(metrics, METRIC_FETCHER_2XX + class - 2, 1);
    else if (verdict->reason != REASON_NONE)
        metric_add(metrics, METRIC_FETCHER_ERRORS, 1);
}

/* A URL's long numbers have no place in a log. */
static void mask_detail(const char *detail, char masked[DETAIL_BYTES])
{
    size_t digits = 0;

    snprintf(masked, DETAIL_BYTES, "%s", detail);
    for (char *at = masked; *at; at++) {
        digits = *at >= '0' && *at <= '9' ? digits + 1 : 0;
        if (digits > 5)
            *at = '*';
    }
}

static void log_end(const struct grant *grant, const struct transfer_result *result,
                    const struct upstream_verdict *verdict, const char *event)
{
    int64_t sent_us = result->sent_at_us;
    char detail[DETAIL_BYTES];

    mask_detail(result->detail, detail);
    log_line(verdict->outcome == FETCH_ANSWERED ? LOG_INFO : LOG_WARN, event,
             log_str("request", grant->request), log_int("attempt", (int64_t)grant->attempt),
             log_int("status", result->head->status), log_str("reason", reason_name(verdict->reason)),
             log_int("first_us", result->first_at_us ? result->first_at_us - sent_us : -1),
             log_int("upstream_us", sent_us ? result->ended_at_us - sent_us : -1),
             log_int("hold_us", verdict->hold_us), log_int("connects", result->connects),
             log_str("detail", detail));
}

/* Stores what may be stored, and gives the record for the report; NULL when out of memory. */
static struct bus_body *keep_answer(struct fetcher *fetcher, struct grant *grant,
                                    const struct transfer_result *result)
{
    int64_t now_wall_us = clock_wall_us();
    struct answer answer = {
        .status = result->head->status, .fields = upstream_head_fields(result->head), .body = result->body};
    int rc;

    if (freshness_apply(&result->head->freshness, &fetcher->freshness, now_wall_us, &answer)) {
        rc = cache_writer_store(fetcher->cache, &grant->key, &answer, now_wall_us);
        if (rc == 0)
            emit(fetcher, "stored", grant, REASON_NONE, answer.fresh_wall_us - now_wall_us);
        else
            log_warn("not_stored", log_str("request", grant->request), log_str("why", strerror(-rc)));
    }
    return record_of(&answer);
}

static void tell_end(struct fetcher *fetcher, struct grant *grant, const struct transfer_result *result,
                     const struct upstream_verdict *verdict)
{
    static const char *const events[] = {[FETCH_ANSWERED] = "answered",
                                         [FETCH_LIMITED] = "limited",
                                         [FETCH_FAILED] = "failed",
                                         [FETCH_UNSENT] = "unsent"};
    const char *event = events[verdict->outcome];
    bool limited = verdict->outcome == FETCH_LIMITED, sent = result->sent_at_us != 0;

    emit(fetcher, event, grant, verdict->reason,
         limited ? verdict->hold_us
         : sent  ? result->ended_at_us - result->sent_at_us
                 : 0);
    log_end(grant, result, verdict, event);
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

    if (verdict.answer && verdict.outcome != FETCH_LIMITED)
        body = keep_answer(fetcher, grant, result);
    fetched.fetched.outcome = verdict.outcome;
    fetched.fetched.reason = text_of(reason_name(verdict.reason));
    fetched.fetched.status = verdict.answer || verdict.outcome == FETCH_LIMITED ? result->head->status : 0;
    fetched.fetched.sent_at_us = result->sent_at_us;
    fetched.fetched.first_at_us = result->first_at_us;
    fetched.fetched.ended_at_us = result->ended_at_us;
    fetched.fetched.hold_us = verdict.hold_us;
    if (verdict.outcome == FETCH_ANSWERED && !body) { /* out of memory: there is nothing to pass on */
        fetched.fetched.outcome = FETCH_FAILED;
        fetched.fetched.reason = text_of(reason_name(REASON_INTERNAL));
    }
    breaker_ended(&lane->breaker, grant->serial, verdict.breaker, verdict.reason, result->ended_at_us);
    /* The breaker's news first: a scheduler that hears of a failure must not grant into an open breaker. */
    announce_breaker(fetcher, lane);
    count_end(fetcher, result, &verdict);
    tell_end(fetcher, grant, result, &verdict);
    settle(fetcher, grant, &fetched, body);
    bus_body_free(body);
    check_drained(fetcher);
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
    request.client_id = message.request.client_id;
    request.request_id = text_of(id);
    if (upstream_value_ok(message.request.traceparent))
        request.traceparent = message.request.traceparent;
    grant->timer = evtimer_new(fetcher->base, on_time, grant);
    grant->transfer = transfer_new(fetcher->transfers, &request, &transfer_handlers, grant);
    return grant->timer && grant->transfer ? NULL : "a field cannot be sent, or out of memory";
}

static void on_fetch(struct fetcher *fetcher, const struct message_fetch *fetch, struct bus_body *body)
{
    struct grant *grant = grant_new(fetch, ++fetcher->serial, fetcher->link);
    struct message fetched = {.type = MESSAGE_TYPE_fetched};
    const char *wrong;

    if (!grant) {
        log_error("fetch_refused", log_int("attempt", (int64_t)fetch->attempt),
                  log_str("why", "bad key or no memory"));
        fetched.fetched.attempt = fetch->attempt;
        fetched.fetched.outcome = FETCH_UNSENT;
        fetched.fetched.reason = text_of(reason_name(REASON_INTERNAL));
        fetched.fetched.ended_at_us = clock_now_us();
        outbox_send(&fetcher->outbox, &fetched, NULL);
        return;
    }
    grant->owner = fetcher;
    grant->lane = &fetcher->lane;
    grant_add(&fetcher->grants, grant);
    wrong =
        text_equal(fetch->lane, fetcher->lane.name) ? prepare(fetcher, grant, body) : "its lane is unknown";
    if (wrong) {
        log_error("fetch_refused", log_int("attempt", (int64_t)fetch->attempt), log_str("why", wrong));
        give_back(fetcher, grant, FETCH_UNSENT, REASON_INTERNAL);
    } else if (!fetcher->draining) {
        arm(fetcher, grant, clock_now_us());
    }
}

static void on_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct fetcher *fetcher = arg;
    struct grant *grant;

    (void)peer;
    switch (message->type) {
    case MESSAGE_TYPE_fetch:
        on_fetch(fetcher, &message->fetch, body);
        return;
    case MESSAGE_TYPE_abort:
        grant = grant_find(fetcher->grants, message->abort.attempt, fetcher->link);
        if (grant && grant->state != GRANT_SENT)
            give_back(fetcher, grant, FETCH_UNSENT, REASON_NONE);
        announce_breaker(fetcher, &fetcher->lane);
        return;
    default:
        log_warn("strange_message", log_int("type", (int64_t)message->type));
    }
}

/* What is in flight was sent for another epoch: the scheduler is told how much that is, and later of each end
 * under the attempt number 0. */
static void on_up(void *arg, uint64_t peer, struct text role)
{
    struct fetcher *fetcher = arg;
    struct message ready = {.type = MESSAGE_TYPE_ready};

    (void)role;
    fetcher->link++;
    outbox_link(&fetcher->outbox, peer);
    for (struct grant *grant = fetcher->grants; grant; grant = grant->next) {
        grant->attempt = 0;
        grant->link = fetcher->link;
    }
    ready.ready.last_sent_at_us = fetcher->last_sent_at_us;
    ready.ready.in_flight = grant_count(fetcher->grants, GRANT_SENT);
    outbox_send(&fetcher->outbox, &ready, NULL);
    send_breaker(fetcher, &fetcher->lane);
    metric_set(&fetcher->metrics, METRIC_FETCHER_LINK_UP, 1);
    log_info("link_up", log_hex("scheduler", peer), log_int("in_flight", (int64_t)ready.ready.in_flight));
}

/* Nothing that has not been sent may be sent any more; what has been goes on, into the cache. */
static void on_down(void *arg, uint64_t peer, const char *why)
{
    struct fetcher *fetcher = arg;

    log_warn("link_down", log_hex("scheduler", peer), log_str("why", why));
    fetcher->link++;
    outbox_link(&fetcher->outbox, 0);
    metric_set(&fetcher->metrics, METRIC_FETCHER_LINK_UP, 0);
    give_all_back(fetcher, GRANT_WAITING);
    give_all_back(fetcher, GRANT_STARTED);
    announce_breaker(fetcher, &fetcher->lane);
}

static void on_writable(void *arg, uint64_t peer)
{
    struct fetcher *fetcher = arg;

    (void)peer;
    outbox_flush(&fetcher->outbox);
}

static void on_bad(void *arg, uint64_t peer, int error)
{
    (void)arg;
    log_warn("bad_message", log_hex("scheduler", peer), log_str("why", strerror(-error)));
}

static const struct bus_link_handlers link_handlers = {
    .up = on_up, .down = on_down, .message = on_message, .writable = on_writable, .bad = on_bad};

static void log_cache_notes(struct fetcher *fetcher)
{
    struct cache_note note;

    while (cache_writer_note(fetcher->cache, &note))
        log_line(note.grave ? LOG_WARN : LOG_INFO, note.event, log_str("why", note.why));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct fetcher *fetcher = arg;
    struct metrics *metrics = &fetcher->metrics;
    const struct cache_writer_stats *stats;

    (void)fd;
    (void)what;
    breaker_tick(&fetcher->lane.breaker, clock_now_us());
    announce_breaker(fetcher, &fetcher->lane);
    cache_writer_tick(fetcher->cache, clock_wall_us());
    log_cache_notes(fetcher);
    stats = cache_writer_stats(fetcher->cache);
    metric_set(metrics, METRIC_FETCHER_STORES, (int64_t)stats->stores_total);
    metric_set(metrics, METRIC_FETCHER_STORE_ERRORS, (int64_t)stats->errors_total);
    metric_set(metrics, METRIC_FETCHER_EVICTED, (int64_t)stats->evicted_total);
    metric_set(metrics, METRIC_FETCHER_ENTRIES, (int64_t)stats->entries);
    event_totals(fetcher->events, metrics);
}

static void on_drain(void *arg)
{
    struct fetcher *fetcher = arg;

    fetcher->draining = true;
    give_all_back(fetcher, GRANT_WAITING);
    give_all_back(fetcher, GRANT_STARTED);
    check_drained(fetcher);
}

/* What the others wait for comes last, so that a fetcher that cannot serve is never connected. 0 or -errno.
 */
static int open_cache(struct fetcher *fetcher, const struct config *config)
{
    int rc = config_make_dir(config->cache_dir);

    if (rc < 0) /* without it there is no cache, and the log says so */
        log_warn("cache_dir", log_str("path", config->cache_dir), log_str("why", strerror(-rc)));
    rc = cache_writer_open(config->cache_dir, config->cache_max_mb << 20, &fetcher->cache);
    if (rc == -EBUSY)
        log_error("second_fetcher", log_str("cache_dir", config->cache_dir),
                  log_str("why", "another fetcher writes this cache"));
    else if (rc < 0)
        log_error("cache_failed", log_str("why", strerror(-rc)));
    else
        log_cache_notes(fetcher);
    return rc;
}

static int open_parts(struct fetcher *fetcher, const struct config *config)
{
    struct transfers_config transfers = {.user_agent = "sluice/" SLUICE_VERSION,
                                         .total_timeout_us = config->external_api_timeout_us,
                                         .body_max_bytes = (size_t)config->response_max_bytes};

    fetcher->codec = message_codec_new();
    fetcher->transfers = transfers_new(fetcher->base, &transfers);
    fetcher->bus = bus_new(fetcher->base);
    fetcher->tick = event_new(fetcher->base, -1, EV_PERSIST, on_tick, fetcher);
    fetcher->pulse = event_new(fetcher->base, -1, EV_PERSIST, on_pulse, fetcher);
    if (!fetcher->codec || !fetcher->transfers || !fetcher->bus || !fetcher->tick || !fetcher->pulse)
        return -ENOMEM;
    return event_add(fetcher->tick, &(struct timeval){.tv_sec = 1});
}

static int open_links(struct fetcher *fetcher, const struct config *config)
{
    char endpoint[CONFIG_ENDPOINT_BYTES];
    int rc = config_make_dir(config->runtime_dir);

    if (rc < 0)
        return rc;
    config_endpoint(config, "events", endpoint);
    fetcher->events = event_publisher_new(fetcher->bus, endpoint, "fetcher");
    if (!fetcher->events)
        return -errno;
    config_endpoint(config, "fetcher", endpoint);
    fetcher->outbox.socket = bus_connect(fetcher->bus, endpoint, "fetcher", &link_handlers, fetcher);
    return fetcher->outbox.socket ? 0 : -errno;
}

static void open_lane(struct fetcher *fetcher, const struct config *config)
{
    struct breaker_config breaker = {.fail_max = (unsigned)config->breaker_fail_max,
                                     .reset_us = config->breaker_reset_us,
                                     .lease_us = config->external_api_timeout_us + LEASE_SLACK_US};

    fetcher->lane = (struct upstream_lane){.name = "score", .url = config->upstream_url};
    breaker_init(&fetcher->lane.breaker, &breaker);
    fetcher->lane.told = fetcher->lane.breaker;
    fetcher->freshness =
        (struct freshness_policy){.ttl_us = config->cache_ttl_us, .stale_us = config->cache_stale_us};
}

struct fetcher *fetcher_new(struct loop *loop, const struct config *config)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
    int rc = -ENOMEM;

    if (!fetcher)
        return NULL;
    fetcher->loop = loop;
    fetcher->base = loop_base(loop);
    if (upstream_url_check(config->upstream_url) < 0) {
        log_error("bad_option", log_str("option", "UPSTREAM_URL"),
                  log_str("why", "not an http or https URL without user and fragment"));
        free(fetcher);
        return NULL;
    }
    open_lane(fetcher, config);
    if (open_cache(fetcher, config) < 0) { /* it has said why */
        free(fetcher);
        return NULL;
    }
    rc = open_parts(fetcher, config);
    if (rc == 0)
        rc = open_links(fetcher, config);
    if (rc < 0) {
        log_error("start_failed", log_str("why", strerror(-rc)));
        fetcher_free(fetcher);
        return NULL;
    }
    loop_on_drain(loop, on_drain, fetcher);
    loop_ready(loop, "");
    return fetcher;
}

void fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    while (fetcher->grants) {
        struct grant *grant = fetcher->grants;

        grant_remove(&fetcher->grants, grant);
        grant_free(grant);
    }
    transfers_free(fetcher->transfers);
    outbox_link(&fetcher->outbox, 0);
    event_publisher_free(fetcher->events);
    bus_free(fetcher->bus);
    message_codec_free(fetcher->codec);
    cache_writer_close(fetcher->cache);
    if (fetcher->tick)
        event_free(fetcher->tick);
    if (fetcher->pulse)
        event_free(fetcher->pulse);
    free(fetcher);
}
