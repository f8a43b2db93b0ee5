/* scheduler.c - see scheduler.h. */
#include "scheduler/scheduler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/event.h"
#include "scheduler/lane.h"

#define GATEWAYS_MAX 256
#define TELL_US      US_PER_SECOND

static const char *const lane_names[] = {"score"};
#define LANES (sizeof(lane_names) / sizeof(lane_names[0]))

struct scheduler {
    struct loop *loop;
    const struct config *config;
    int lock;
    struct bus *bus;
    struct bus_socket *gateways, *fetchers;
    struct event_publisher *events;
    struct event *pump_timer, *tell_timer;
    struct metrics metrics;
    struct lane lanes[LANES];
    uint64_t fetcher; /* the epoch of the one that is ready; 0 none */
    unsigned gateway_count;
    uint64_t gateway_epochs[GATEWAYS_MAX];
    bool draining;
};

/* What a decision is about; empty members are left out of line and event. */
struct decision {
    const struct lane *lane;
    struct text request;
    uint64_t attempt;
    enum reason reason;
    const char *measure; /* what value is, in the log line */
    int64_t value;
};

/* One line and one event for each decision. */
static void report(struct scheduler *scheduler, enum log_level level, const char *name,
                   const struct decision *decision)
{
    struct message_event event = {.name = text_of(name), .request = decision->request};
    struct log_field fields[6] = {{.key = NULL}};
    unsigned count = 0;

    event.attempt = decision->attempt;
    event.value = decision->value;
    if (decision->lane) {
        event.lane = text_of(decision->lane->name);
        fields[count++] = log_text("lane", event.lane);
    }
    if (decision->request.bytes > 0)
        fields[count++] = log_text("request", decision->request);
    if (decision->attempt)
        fields[count++] = log_int("attempt", (int64_t)decision->attempt);
    if (decision->reason != REASON_NONE) {
        event.reason = text_of(reason_name(decision->reason));
        fields[count++] = log_text("reason", event.reason);
    }
    if (decision->measure)
        fields[count++] = log_int(decision->measure, decision->value);
    fields[count] = (struct log_field){.key = NULL};
    log_write(level, name, fields);
    event_emit(scheduler->events, &event);
}

static void count(struct scheduler *scheduler, enum metric metric)
{
    metric_add(&scheduler->metrics, metric, 1);
}

/* Something has changed: look what is to be done, once, when this wake-up's messages are all in. */
static void pump_soon(struct scheduler *scheduler)
{
    event_active(scheduler->pump_timer, EV_TIMEOUT, 0);
}

/* A gateway that takes nothing any more is dead: its requests go with it. */
static void send_gateway(struct scheduler *scheduler, uint64_t gateway, struct message *message,
                         struct bus_body *body)
{
    int rc = bus_send(scheduler->gateways, gateway, message, body);

    if (rc == 0 || rc == -ENOTCONN)
        return;
    log_warn("gateway_unreachable", log_hex("epoch", gateway), log_int("error", rc));
    bus_dismiss(scheduler->gateways, gateway);
}

/* False: the fetcher is gone, and with it every grant; they wait again. */
static bool send_fetcher(struct scheduler *scheduler, struct message *message, struct bus_body *body)
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

static struct lane *lane_find(struct scheduler *scheduler, struct text name)
{
    for (size_t i = 0; i < LANES; i++) {
        if (text_equal(name, scheduler->lanes[i].name))
            return &scheduler->lanes[i];
    }
    return NULL;
}

static struct lane *lane_of_attempt(struct scheduler *scheduler, uint64_t attempt)
{
    unsigned index = lane_index_of(attempt);

    return index < LANES ? &scheduler->lanes[index] : NULL;
}

static void tell_state(struct scheduler *scheduler, uint64_t gateway, const struct lane *lane)
{
    struct message message;

    lane_state(lane, clock_now_us(), &message);
    send_gateway(scheduler, gateway, &message, NULL);
}

static void tell_all(struct scheduler *scheduler)
{
    /* From the end: a gateway that is found dead leaves the list. */
    for (unsigned g = scheduler->gateway_count; g > 0; g--) {
        for (size_t i = 0; i < LANES && g <= scheduler->gateway_count; i++)
            tell_state(scheduler, scheduler->gateway_epochs[g - 1], &scheduler->lanes[i]);
    }
}

static void reject(struct scheduler *scheduler, const struct lane *lane, const struct waiter *waiter,
                   enum reason reason, int64_t retry_after_us, int64_t now_us)
{
    const struct ticket *ticket = waiter->mine;
    int64_t wait_us = now_us - waiter->arrival_us;
    struct message message = {.type = MESSAGE_TYPE_rejected,
                              .rejected = {.id = waiter->id.request,
                                           .reason = text_of(reason_name(reason)),
                                           .retry_after_us = retry_after_us,
                                           .wait_us = wait_us > 0 ? wait_us : 0}};

    count(scheduler, METRIC_SCHEDULER_REJECTED);
    report(scheduler, LOG_INFO, "rejected",
           &(struct decision){lane, ticket_text(ticket), 0, reason, "wait_us", message.rejected.wait_us});
    send_gateway(scheduler, waiter->id.gateway, &message, NULL);
}

static void dismiss(struct scheduler *scheduler, const struct lane *lane, struct waiter *waiter,
                    int64_t now_us)
{
    struct ticket *ticket = waiter->mine;

    if (waiter->reason == REASON_CANCELLED) {
        count(scheduler, METRIC_SCHEDULER_CANCELLED);
        report(scheduler, LOG_INFO, "cancelled",
               &(struct decision){lane, ticket_text(ticket), 0, REASON_CANCELLED, "wait_us",
                                  now_us - waiter->arrival_us});
    } else {
        reject(scheduler, lane, waiter, (enum reason)waiter->reason, waiter->retry_after_us, now_us);
    }
    free(ticket);
    waiter_free(waiter);
}

/* An answer for each who waits, or the reason why there is none. */
static void finish(struct scheduler *scheduler, const struct lane *lane, struct job *job,
                   const struct message_fetched *fetched, struct bus_body *body, int64_t now_us)
{
    enum reason reason = reason_find(fetched->reason);
    bool refused = fetched->outcome == FETCH_REFUSED;
    int64_t upstream_us = fetched->sent_at_us > 0 ? fetched->ended_at_us - fetched->sent_at_us : 0;
    struct message message = {.type = MESSAGE_TYPE_result};
    struct waiter *waiter;

    message.result.source = text_of(fetched->outcome == FETCH_CACHED ? "cache" : "upstream");
    message.result.attempt = fetched->attempt;
    message.result.upstream_us = upstream_us > 0 ? upstream_us : 0;
    while ((waiter = job_shift(job))) {
        int64_t wait_us = job->granted_us - waiter->arrival_us;

        message.result.id = waiter->id.request;
        message.result.reason = text_of(reason_name(reason));
        message.result.joined = waiter->joined;
        message.result.wait_us =
            wait_us > 0 ? wait_us : 0; /* who joined in flight has not waited for a slot */
        if (bus_body_text(body).bytes > 0)
            send_gateway(scheduler, waiter->id.gateway, &message, body);
        else
            reject(scheduler, lane, waiter, refused ? REASON_BREAKER_OPEN : reason,
                   refused && lane->breaker_retry_at_us > now_us ? lane->breaker_retry_at_us - now_us : 0,
                   now_us);
        free(waiter->mine);
        waiter_free(waiter);
    }
    core_retire(lane->core, job);
}

static struct text first_request(const struct job *job)
{
    return job->waiters ? ticket_text(job->waiters->mine) : (struct text){.at = "", .bytes = 0};
}

static bool hand_over(struct scheduler *scheduler, struct lane *lane, const struct core_grant *grant)
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

    count(scheduler, METRIC_SCHEDULER_GRANTED);
    histogram_add(&scheduler->metrics.histograms[HISTOGRAM_SCHEDULER_WAIT], wait_us);
    report(scheduler, LOG_INFO, "granted",
           &(struct decision){lane, message.fetch.request, grant->attempt, REASON_NONE, "wait_us", wait_us});
    return send_fetcher(scheduler, &message, job->payload);
}

static void pump_lane(struct scheduler *scheduler, struct lane *lane, int64_t now_us)
{
    struct core_grant grant;
    struct waiter *waiter;
    uint64_t attempt;
    bool alive = true;

    while (alive && core_next(lane->core, now_us, &grant))
        alive = hand_over(scheduler, lane, &grant);
    while (alive && (attempt = core_recall(lane->core)) != 0) {
        struct message message = {.type = MESSAGE_TYPE_abort, .abort = {.attempt = attempt}};

        report(scheduler, LOG_INFO, "recalled", &(struct decision){.lane = lane, .attempt = attempt});
        alive = send_fetcher(scheduler, &message, NULL);
    }
    while ((waiter = core_expire(lane->core, now_us)))
        dismiss(scheduler, lane, waiter, now_us);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    struct scheduler *scheduler = arg;
    int64_t now_us = clock_now_us(), wakeup_us = CORE_NEVER, delay_us;
    unsigned in_flight = 0;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < LANES; i++) {
        struct core_view view;
        int64_t lane_us;

        pump_lane(scheduler, &scheduler->lanes[i], now_us);
        lane_us = core_next_wakeup(scheduler->lanes[i].core, now_us);
        wakeup_us = lane_us < wakeup_us ? lane_us : wakeup_us;
        core_look(scheduler->lanes[i].core, now_us, &view);
        in_flight += view.in_flight;
    }
    if (scheduler->draining && in_flight == 0) {
        loop_drained(scheduler->loop); /* bus_free() says goodbye; gateways submit again to the next epoch */
        return;
    }
    if (wakeup_us == CORE_NEVER) {
        event_del(scheduler->pump_timer);
        return;
    }
    delay_us = wakeup_us - clock_now_us();
    delay_us = delay_us > 0 ? delay_us : 0;
    event_add(scheduler->pump_timer, &(struct timeval){.tv_sec = (time_t)(delay_us / US_PER_SECOND),
                                                       .tv_usec = (suseconds_t)(delay_us % US_PER_SECOND)});
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    struct scheduler *scheduler = arg;

    (void)fd;
    (void)what;
    metric_set(&scheduler->metrics, METRIC_SCHEDULER_QUEUE, 0);
    metric_set(&scheduler->metrics, METRIC_SCHEDULER_WAITERS, 0);
    metric_set(&scheduler->metrics, METRIC_SCHEDULER_FETCHER_UP, scheduler->fetcher != 0);
    for (size_t i = 0; i < LANES; i++)
        lane_gauges(&scheduler->lanes[i], clock_now_us(), &scheduler->metrics);
    event_totals(scheduler->events, &scheduler->metrics);
    tell_all(scheduler);
}

static void answer_submit(struct scheduler *scheduler, const struct lane *lane, uint64_t gateway,
                          const struct message_submit *submit, const struct core_verdict *verdict)
{
    struct decision decision = {.lane = lane, .request = submit->request};
    struct message message;

    if (verdict->answer == CORE_REFUSED) {
        message = (struct message){.type = MESSAGE_TYPE_rejected,
                                   .rejected = {.id = submit->id,
                                                .reason = text_of(reason_name(verdict->reason)),
                                                .retry_after_us = verdict->retry_after_us,
                                                .position = verdict->position,
                                                .eta_us = verdict->eta_us}};
        count(scheduler, METRIC_SCHEDULER_REJECTED);
        decision.reason = verdict->reason;
        decision.measure = "retry_after_us";
        decision.value = verdict->retry_after_us;
        report(scheduler, LOG_INFO, "rejected", &decision);
    } else {
        message = (struct message){.type = MESSAGE_TYPE_accepted,
                                   .accepted = {.id = submit->id,
                                                .position = verdict->position,
                                                .eta_us = verdict->eta_us,
                                                .joined = verdict->answer == CORE_JOINED}};
        if (verdict->answer == CORE_JOINED)
            count(scheduler, METRIC_SCHEDULER_COALESCED);
        decision.measure = "eta_us";
        decision.value = verdict->eta_us;
        report(scheduler, LOG_INFO, verdict->answer == CORE_JOINED ? "joined" : "admitted", &decision);
        if (scheduler->metrics.values[METRIC_SCHEDULER_QUEUE_MAX] < verdict->position)
            metric_set(&scheduler->metrics, METRIC_SCHEDULER_QUEUE_MAX, verdict->position);
    }
    send_gateway(scheduler, gateway, &message, NULL);
}

static void on_submit(struct scheduler *scheduler, uint64_t gateway, const struct message_submit *submit,
                      struct bus_body *body, int64_t now_us)
{
    struct lane *lane = lane_find(scheduler, submit->lane);
    struct core_request request = {
        .id = {.gateway = gateway, .request = submit->id},
        .priority = (uint8_t)submit->priority,
        .again = submit->again,
        .arrival_us = submit->age_us < now_us ? now_us - submit->age_us : 0,
        .deadline_us = submit->remain_us < CORE_NEVER - now_us ? now_us + submit->remain_us : CORE_NEVER};
    struct core_verdict verdict = {.answer = CORE_REFUSED, .reason = REASON_INTERNAL};

    count(scheduler, METRIC_SCHEDULER_SUBMITTED);
    request.mine = ticket_new(submit->request);
    request.payload = bus_body_keep(body);
    if (lane && body && request.mine && submit->key.bytes == JOB_KEY_BYTES) {
        memcpy(request.key, submit->key.at, JOB_KEY_BYTES);
        core_submit(lane->core, &request, now_us, &verdict);
    }
    if (verdict.answer != CORE_QUEUED)
        bus_body_free(body);
    if (verdict.answer != CORE_QUEUED && verdict.answer != CORE_JOINED)
        free(request.mine);
    answer_submit(scheduler, lane, gateway, submit, &verdict);
    pump_soon(scheduler);
}

static void on_cancel(struct scheduler *scheduler, uint64_t gateway, uint64_t id, int64_t now_us)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &scheduler->lanes[i];
        struct waiter *waiter =
            core_cancel(lane->core, (struct waiter_id){.gateway = gateway, .request = id});

        if (!waiter)
            continue;
        waiter->reason = REASON_CANCELLED;
        dismiss(scheduler, lane, waiter, now_us);
        pump_soon(scheduler);
    }
}

static void gateway_up(void *arg, uint64_t peer, struct text role)
{
    struct scheduler *scheduler = arg;

    log_info("gateway_up", log_hex("epoch", peer), log_text("role", role));
    if (scheduler->gateway_count == GATEWAYS_MAX) {
        log_warn("too_many_gateways", log_hex("epoch", peer));
        bus_dismiss(scheduler->gateways, peer);
        return;
    }
    scheduler->gateway_epochs[scheduler->gateway_count++] = peer;
    for (size_t i = 0; i < LANES; i++)
        tell_state(scheduler, peer, &scheduler->lanes[i]);
}

static void gateway_down(void *arg, uint64_t peer, const char *why)
{
    struct scheduler *scheduler = arg;

    log_warn("gateway_down", log_hex("epoch", peer), log_str("why", why));
    for (unsigned g = 0; g < scheduler->gateway_count; g++) {
        if (scheduler->gateway_epochs[g] == peer)
            scheduler->gateway_epochs[g] = scheduler->gateway_epochs[--scheduler->gateway_count];
    }
    for (size_t i = 0; i < LANES; i++)
        core_gateway_lost(scheduler->lanes[i].core, peer);
    pump_soon(scheduler);
}

static void gateway_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct scheduler *scheduler = arg;
    int64_t now_us = clock_now_us();

    if (scheduler->draining)
        return; /* unanswered on purpose: it is submitted again to the next epoch */
    if (message->type == MESSAGE_TYPE_submit)
        on_submit(scheduler, peer, &message->submit, body, now_us);
    else if (message->type == MESSAGE_TYPE_cancel)
        on_cancel(scheduler, peer, message->cancel.id, now_us);
    else
        log_warn("unexpected_message", log_hex("gateway", peer), log_int("type", (int64_t)message->type));
}

static void on_bad(void *arg, uint64_t peer, int error)
{
    (void)arg;
    log_warn("bad_message", log_hex("epoch", peer), log_int("error", error));
}

static void on_ready(struct scheduler *scheduler, uint64_t peer, const struct message_ready *ready,
                     int64_t now_us)
{
    uint64_t other = scheduler->fetcher;

    /* One fetcher at a time: the newer one is the one that was restarted. */
    if (other && other != peer)
        bus_dismiss(scheduler->fetchers, other);
    scheduler->fetcher = peer;
    for (size_t i = 0; i < LANES; i++)
        core_fetcher_ready(scheduler->lanes[i].core, FLIGHT_MAX, ready->last_sent_at_us,
                           (unsigned)ready->in_flight, now_us);
    report(scheduler, LOG_INFO, "fetcher_ready",
           &(struct decision){.measure = "in_flight", .value = (int64_t)ready->in_flight});
    tell_all(scheduler);
}

static void on_sent(struct scheduler *scheduler, const struct message_sent *sent)
{
    struct lane *lane = lane_of_attempt(scheduler, sent->attempt);
    int64_t late_us;

    if (!lane)
        return;
    late_us = core_sent(lane->core, sent->attempt, sent->sent_at_us);
    histogram_add(&scheduler->metrics.histograms[HISTOGRAM_SCHEDULER_LATENESS], late_us);
    report(
        scheduler, LOG_DEBUG, "sent",
        &(struct decision){.lane = lane, .attempt = sent->attempt, .measure = "late_us", .value = late_us});
}

/* Counts, names and reports how an attempt ended. */
static void report_fetched(struct scheduler *scheduler, const struct lane *lane,
                           const struct message_fetched *fetched)
{
    static const struct {
        const char *event;
        enum metric metric;
    } kinds[] = {
        [FETCH_ANSWERED] = {"answered", METRIC_SCHEDULER_ANSWERED},
        [FETCH_LIMITED] = {"limited", METRIC_SCHEDULER_LIMITED},
        [FETCH_FAILED] = {"failed", METRIC_SCHEDULER_FAILED},
        [FETCH_UNSENT] = {"returned", METRIC_SCHEDULER_RETURNED},
        [FETCH_CACHED] = {"saved", METRIC_SCHEDULER_RETURNED},
        [FETCH_REFUSED] = {"returned", METRIC_SCHEDULER_RETURNED},
    };
    struct decision decision = {
        .lane = lane, .attempt = fetched->attempt, .reason = reason_find(fetched->reason)};

    count(scheduler, kinds[fetched->outcome].metric);
    if (fetched->sent_at_us > 0) {
        decision.measure = "upstream_us";
        decision.value = fetched->ended_at_us - fetched->sent_at_us;
    }
    report(scheduler, LOG_INFO, kinds[fetched->outcome].event, &decision);
    if (fetched->hold_us > 0)
        report(scheduler, LOG_WARN, "hold",
               &(struct decision){.lane = lane,
                                  .attempt = fetched->attempt,
                                  .reason = REASON_HOLD,
                                  .measure = "hold_us",
                                  .value = fetched->hold_us});
}

static void on_fetched(struct scheduler *scheduler, const struct message_fetched *fetched,
                       struct bus_body *body, int64_t now_us)
{
    struct lane *lane = lane_of_attempt(scheduler, fetched->attempt);
    struct core_outcome outcome = {.kind = (enum fetch_outcome)fetched->outcome,
                                   .reason = reason_find(fetched->reason),
                                   .sent_us = fetched->sent_at_us,
                                   .first_us = fetched->first_at_us,
                                   .hold_us = fetched->hold_us};
    struct job *job;

    if (!lane)
        return;
    report_fetched(scheduler, lane, fetched);
    job = core_fetched(lane->core, fetched->attempt, &outcome, now_us);
    if (job)
        finish(scheduler, lane, job, fetched, body, now_us);
    pump_soon(scheduler);
}

static void on_breaker(struct scheduler *scheduler, const struct message_breaker *breaker, int64_t now_us)
{
    for (size_t i = 0; i < LANES; i++) {
        if (!lane_breaker(&scheduler->lanes[i], breaker, now_us)) {
            log_warn("bad_breaker", log_text("state", breaker->state));
            return;
        }
        log_warn("breaker", log_str("lane", scheduler->lanes[i].name), log_text("state", breaker->state),
                 log_int("failures", (int64_t)breaker->failures), log_text("reason", breaker->reason));
    }
    tell_all(scheduler);
    pump_soon(scheduler);
}

static void fetcher_up(void *arg, uint64_t peer, struct text role)
{
    (void)arg; /* it counts from its `ready` on */
    log_info("fetcher_up", log_hex("epoch", peer), log_text("role", role));
}

static void fetcher_down(void *arg, uint64_t peer, const char *why)
{
    struct scheduler *scheduler = arg;

    log_warn("fetcher_down", log_hex("epoch", peer), log_str("why", why));
    if (peer != scheduler->fetcher)
        return;
    scheduler->fetcher = 0;
    for (size_t i = 0; i < LANES; i++)
        core_fetcher_lost(scheduler->lanes[i].core, clock_now_us());
    report(scheduler, LOG_WARN, "fetcher_lost", &(struct decision){.lane = NULL});
    tell_all(scheduler);
    pump_soon(scheduler);
}

static void fetcher_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct scheduler *scheduler = arg;
    int64_t now_us = clock_now_us();

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
    else
        log_warn("unexpected_message", log_hex("fetcher", peer), log_int("type", (int64_t)message->type));
    pump_soon(scheduler);
}

static void on_drain(void *arg)
{
    struct scheduler *scheduler = arg;

    scheduler->draining = true;
    for (size_t i = 0; i < LANES; i++)
        core_stop(scheduler->lanes[i].core);
    pump_soon(scheduler);
}

/* Taken before any bind: a second bind on an ipc path succeeds, and would steal the clients. */
static int take_lock(const char *state_dir)
{
    char path[CONFIG_TEXT_BYTES + 32];
    int fd, rc = config_make_dir(state_dir);

    if (rc < 0) {
        log_error("state_dir", log_str("path", state_dir), log_str("why", strerror(-rc)));
        return rc;
    }
    snprintf(path, sizeof(path), "%s/scheduler.lock", state_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    rc = -errno;
    log_error("lock", log_str("path", path),
              log_str("why", rc == -EWOULDBLOCK ? "another scheduler runs on this state" : strerror(-rc)));
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool open_bus(struct scheduler *scheduler)
{
    static const struct bus_link_handlers gateway = {
        .up = gateway_up, .down = gateway_down, .message = gateway_message, .bad = on_bad};
    static const struct bus_link_handlers fetcher = {
        .up = fetcher_up, .down = fetcher_down, .message = fetcher_message, .bad = on_bad};
    char endpoint[CONFIG_ENDPOINT_BYTES];
    int rc = config_make_dir(scheduler->config->runtime_dir);

    if (rc < 0) {
        log_error("runtime_dir", log_str("path", scheduler->config->runtime_dir),
                  log_str("why", strerror(-rc)));
        return false;
    }
    config_endpoint(scheduler->config, "events", endpoint);
    scheduler->events = event_publisher_new(scheduler->bus, endpoint, "scheduler");
    config_endpoint(scheduler->config, "fetcher", endpoint);
    scheduler->fetchers = bus_serve(scheduler->bus, endpoint, &fetcher, scheduler);
    config_endpoint(scheduler->config, "gateways", endpoint);
    scheduler->gateways = bus_serve(scheduler->bus, endpoint, &gateway, scheduler);
    if (scheduler->events && scheduler->fetchers && scheduler->gateways)
        return true;
    log_error("bus", log_str("endpoint", endpoint), log_str("why", strerror(errno)));
    return false;
}

static bool open_all(struct scheduler *scheduler)
{
    struct event_base *base = loop_base(scheduler->loop);

    scheduler->lock = take_lock(scheduler->config->state_dir);
    if (scheduler->lock < 0)
        return false;
    scheduler->bus = bus_new(base);
    if (!scheduler->bus)
        return false;
    for (size_t i = 0; i < LANES; i++) {
        if (lane_open(&scheduler->lanes[i], lane_names[i], (unsigned)i, scheduler->config,
                      bus_epoch(scheduler->bus), clock_now_us()) < 0)
            return false;
    }
    scheduler->pump_timer = event_new(base, -1, 0, on_pump, scheduler);
    scheduler->tell_timer = event_new(base, -1, EV_PERSIST, on_tell, scheduler);
    return scheduler->pump_timer && scheduler->tell_timer && open_bus(scheduler);
}

struct scheduler *scheduler_new(struct loop *loop, const struct config *config)
{
    const struct timeval second = {.tv_sec = TELL_US / US_PER_SECOND};
    struct scheduler *scheduler = calloc(1, sizeof(*scheduler));

    if (!scheduler)
        return NULL;
    scheduler->loop = loop;
    scheduler->config = config;
    scheduler->lock = -1;
    if (!open_all(scheduler)) {
        scheduler_free(scheduler);
        return NULL;
    }
    event_add(scheduler->tell_timer, &second);
    loop_on_drain(loop, on_drain, scheduler);
    log_info("start", log_hex("epoch", bus_epoch(scheduler->bus)), log_str("mode", config->rate_limit_mode),
             log_int("window_us", config->rate_limit_us), log_int("burst", config->rate_limit_burst),
             log_str("policy", config->queue_policy));
    loop_ready(loop, "");
    return scheduler;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    bus_free(scheduler->bus);
    event_publisher_free(scheduler->events);
    for (size_t i = 0; i < LANES; i++)
        lane_close(&scheduler->lanes[i]);
    if (scheduler->pump_timer)
        event_free(scheduler->pump_timer);
    if (scheduler->tell_timer)
        event_free(scheduler->tell_timer);
    if (scheduler->lock >= 0)
        close(scheduler->lock);
    free(scheduler);
}
