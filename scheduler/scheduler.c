/* scheduler.c - see scheduler.h. Here: life, timers, reports. */
#include "scheduler/scheduler.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/clock.h"
#include "scheduler/scheduler_inside.h"

#define TELL_US  US_PER_SECOND
#define AWAY_US  (3 * TELL_US / 2)    /* something is done at least once in TELL_US */
#define STUCK_US (10 * US_PER_SECOND) /* as a gateway's readiness has it */

static const char *const lane_names[LANES] = {"score"};

void scheduler_tell(struct scheduler *scheduler, const struct lane *lane, enum decision_id decision,
                    const struct audit_facts *facts)
{
    struct audit_facts of_lane = *facts;

    if (lane)
        of_lane.lane = text_of(lane->name);
    audit_tell(&scheduler->audit, decision, &of_lane, NULL);
}

/* What a note leaves to the view: how the limiter stands now. */
static void write_bounds(const struct lane *lane, char note[MESSAGE_NOTE_BYTES + 1])
{
    struct core_view view;

    core_look(lane->core, clock_now_us(), &view);
    snprintf(note, MESSAGE_NOTE_BYTES + 1, "g_us %" PRId64 ", doubt_ppm %" PRId64, view.g_us, view.doubt_ppm);
}

static void count_note(struct scheduler *scheduler, enum decision_id decision, uint64_t count)
{
    if (decision == DECISION_SCHEDULER_LIFTED)
        metric_add(scheduler->metrics, METRIC_SCHEDULER_LIFTED, (int64_t)count);
    else if (decision == DECISION_SCHEDULER_REQUEUED)
        metric_add(scheduler->metrics, METRIC_SCHEDULER_REQUEUED, (int64_t)count);
}

static void tell_note(struct scheduler *scheduler, const struct lane *lane, const struct note *note)
{
    const struct waiter *waiter = core_find(lane->core, note->who);
    struct audit_facts facts = {.attempt = note->attempt, .reason = note->reason, .value = note->value};
    char bounds[MESSAGE_NOTE_BYTES + 1];

    if (waiter)
        facts.request = ticket_text(waiter->mine);
    if (decision_spec(note->decision)->facts & FACT_NOTE) {
        write_bounds(lane, bounds);
        facts.note = text_of(bounds);
    }
    scheduler_tell(scheduler, lane, note->decision, &facts);
}

void scheduler_tell_notes(struct scheduler *scheduler, const struct lane *lane)
{
    enum decision_id missed;
    struct note note;
    uint64_t count;

    while (core_noted(lane->core, &note)) {
        count_note(scheduler, note.decision, 1);
        tell_note(scheduler, lane, &note);
    }
    while ((missed = core_missed(lane->core, &count)) != DECISION_COUNT) {
        count_note(scheduler, missed, count);
        audit_miss(&scheduler->audit, missed, count);
    }
}

void scheduler_count(struct scheduler *scheduler, enum metric metric)
{
    metric_add(scheduler->metrics, metric, 1);
}

struct lane *scheduler_lane(struct scheduler *scheduler, struct text name)
{
    for (size_t i = 0; i < LANES; i++) {
        if (text_equal(name, scheduler->lanes[i].name))
            return &scheduler->lanes[i];
    }
    return NULL;
}

/* Something has changed: look what is to be done, once, when this wake-up's messages are all in. */
void scheduler_pump_soon(struct scheduler *scheduler)
{
    event_active(scheduler->pump_timer, EV_TIMEOUT, 0);
}

void scheduler_bad(void *arg, uint64_t peer, int error)
{
    (void)arg;
    log_warn("bad_message", log_hex("epoch", peer), log_int("error", error));
}

/* A failure is told once, and when it is over. */
void scheduler_save(struct scheduler *scheduler, struct lane *lane, bool again, int64_t now_us)
{
    bool before = lane->state_error == 0, kept;
    struct audit_facts facts = {.value = 0};

    if (lane_save(lane, again, now_us) < 0)
        scheduler_count(scheduler, METRIC_SCHEDULER_STATE_ERRORS);
    kept = lane->state_error == 0;
    if (kept == before)
        return;
    if (!kept)
        facts.note = text_of(strerror(-lane->state_error));
    scheduler_tell(scheduler, lane, kept ? DECISION_SCHEDULER_STATE_KEPT : DECISION_SCHEDULER_STATE_DEGRADED,
                   &facts);
}

static void pump_lane(struct scheduler *scheduler, struct lane *lane, int64_t now_us)
{
    struct core_grant grant;
    struct waiter *waiter;
    uint64_t attempt;
    bool alive = true;

    while (alive && core_next(lane->core, now_us, &grant)) {
        scheduler_tell_notes(scheduler, lane);
        scheduler_save(scheduler, lane, false, now_us);
        alive = fetchers_hand_over(scheduler, lane, &grant);
    }
    scheduler_tell_notes(scheduler, lane);
    while (alive && (attempt = core_recall(lane->core)) != 0) {
        struct message message = {.type = MESSAGE_TYPE_abort, .abort = {.attempt = attempt}};

        scheduler_tell_notes(scheduler, lane);
        alive = fetchers_send(scheduler, &message, NULL);
    }
    while ((waiter = core_expire(lane->core, now_us)))
        gateways_dismiss(scheduler, lane, waiter, now_us);
    scheduler_save(scheduler, lane, false, now_us);
}

/* Whoever was stopped must not take that time for the pace of the schedule. */
static void notice_absence(struct scheduler *scheduler, int64_t now_us)
{
    bool was_away = now_us - scheduler->awake_us > AWAY_US;

    scheduler->awake_us = now_us;
    for (size_t i = 0; was_away && i < LANES; i++)
        core_was_away(scheduler->lanes[i].core);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    struct scheduler *scheduler = arg;
    int64_t now_us = clock_now_us(), wakeup_us = CORE_NEVER;
    unsigned in_flight = 0, waiters = 0;

    (void)fd;
    (void)what;
    notice_absence(scheduler, now_us);
    for (size_t i = 0; i < LANES; i++) {
        struct core_view view;
        int64_t lane_us;

        pump_lane(scheduler, &scheduler->lanes[i], now_us);
        lane_us = core_next_wakeup(scheduler->lanes[i].core, now_us);
        wakeup_us = lane_us < wakeup_us ? lane_us : wakeup_us;
        core_look(scheduler->lanes[i].core, now_us, &view);
        in_flight += view.in_flight;
        waiters += view.waiters;
    }
    if (waiters > 0 || scheduler->somebody_waited)
        view_pace_change(&scheduler->pace);
    scheduler->somebody_waited = waiters > 0;
    if (scheduler->draining && in_flight == 0 && gateways_told(scheduler)) {
        audit_tick(&scheduler->audit);
        loop_drained(scheduler->loop); /* bus_free() says goodbye; gateways submit again to the next epoch */
        return;
    }
    if (wakeup_us == CORE_NEVER) {
        event_del(scheduler->pump_timer);
        return;
    }
    loop_arm(scheduler->pump_timer, wakeup_us - clock_now_us());
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    struct scheduler *scheduler = arg;

    (void)fd;
    (void)what;
    notice_absence(scheduler, clock_now_us());
    metric_set(scheduler->metrics, METRIC_SCHEDULER_QUEUE, 0);
    metric_set(scheduler->metrics, METRIC_SCHEDULER_QUEUE_LIMIT, 0);
    metric_set(scheduler->metrics, METRIC_SCHEDULER_WAITERS, 0);
    metric_set(scheduler->metrics, METRIC_SCHEDULER_FETCHER_UP, scheduler->fetcher != 0);
    metric_set(scheduler->metrics, METRIC_SCHEDULER_STATE_DEGRADED, 0);
    for (size_t i = 0; i < LANES; i++) {
        scheduler_save(scheduler, &scheduler->lanes[i], true, clock_now_us());
        lane_gauges(&scheduler->lanes[i], clock_now_us(), scheduler->metrics);
    }
    audit_tick(&scheduler->audit);
    event_totals(scheduler->events);
    config_view_tick(&scheduler->options, scheduler->events);
    controls_tick(scheduler, clock_now_us());
    gateways_tell(scheduler);
}

static void on_drain(void *arg)
{
    struct scheduler *scheduler = arg;

    scheduler->draining = true;
    for (size_t i = 0; i < LANES; i++)
        core_stop(scheduler->lanes[i].core);
    scheduler_pump_soon(scheduler);
}

/* Where nothing can be written, a lock from before is taken all the same. */
static int open_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    return fd < 0 && (errno == EROFS || errno == EACCES) ? open(path, O_RDONLY | O_CLOEXEC) : fd;
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
    fd = open_lock(path);
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
    char endpoint[CONFIG_ENDPOINT_BYTES];
    int rc = config_make_dir(scheduler->config->runtime_dir);

    if (rc < 0) {
        log_error("runtime_dir", log_str("path", scheduler->config->runtime_dir),
                  log_str("why", strerror(-rc)));
        return false;
    }
    scheduler->events = event_publisher_new(scheduler->bus, scheduler->config, "scheduler");
    if (!scheduler->events) {
        log_error("events", log_str("why", strerror(errno)));
        return false;
    }
    scheduler->metrics = event_metrics(scheduler->events);
    if (event_degraded(scheduler->events) < 0)
        log_warn("counts_at_risk", log_str("why", strerror(-event_degraded(scheduler->events))));
    scheduler->audit = (struct audit){.events = scheduler->events, .left_out = DECISION_SCHEDULER_LEFT_OUT};
    config_endpoint(scheduler->config, "fetcher", endpoint);
    scheduler->fetchers = bus_serve(scheduler->bus, endpoint, &fetchers_handlers, scheduler);
    config_endpoint(scheduler->config, "gateways", endpoint);
    scheduler->gateways = bus_serve(scheduler->bus, endpoint, &gateways_handlers, scheduler);
    if (scheduler->fetchers && scheduler->gateways)
        return true;
    log_error("bus", log_str("endpoint", endpoint), log_str("why", strerror(errno)));
    return false;
}

static bool complain(const char *what, int error)
{
    log_error("start_failed", log_str("what", what), log_str("why", strerror(error)));
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
        return complain("bus", ENOMEM);
    for (size_t i = 0; i < LANES; i++) {
        int rc = lane_open(&scheduler->lanes[i], lane_names[i], (unsigned)i, scheduler->config,
                           bus_epoch(scheduler->bus), clock_now_us());

        if (rc < 0)
            return complain(lane_names[i], -rc);
    }
    scheduler->pump_timer = event_new(base, -1, 0, on_pump, scheduler);
    scheduler->tell_timer = event_new(base, -1, EV_PERSIST, on_tell, scheduler);
    if (!scheduler->pump_timer || !scheduler->tell_timer ||
        loop_try_arm(scheduler->tell_timer, TELL_US) < 0 ||
        view_pace_init(&scheduler->pace, base, scheduler_show, scheduler) < 0)
        return complain("timers", ENOMEM);
    return open_bus(scheduler);
}

/* What of the epoch before goes on. */
static void tell_past(struct scheduler *scheduler)
{
    for (size_t i = 0; i < LANES; i++) {
        const struct lane *lane = &scheduler->lanes[i];
        struct core_view view;
        struct audit_facts facts = {.lane = text_of(lane->name),
                                    .note = text_of(limiter_past_name(lane->past))};

        core_look(lane->core, clock_now_us(), &view);
        facts.value = view.next_us;
        audit_tell(&scheduler->audit,
                   lane->past == LIMITER_PAST_KNOWN ? DECISION_SCHEDULER_RESTORED
                                                    : DECISION_SCHEDULER_WINDOW_WAITED,
                   &facts,
                   (const struct log_field[]){log_int("hold_us", view.hold_us),
                                              log_int("d_us", view.d_us),
                                              log_int("paused", view.paused),
                                              {.key = NULL}});
    }
}

/* Work that could be sent, and a fetcher to send it, and yet nothing moves: only a new scheduler can help. */
static bool is_well(void *arg)
{
    const struct scheduler *scheduler = arg;
    struct core_view view;

    for (size_t i = 0; i < LANES; i++) {
        core_look(scheduler->lanes[i].core, clock_now_us(), &view);
        if (view.fetcher_ready && view.stuck_us >= STUCK_US)
            return false;
    }
    return true;
}

struct scheduler *scheduler_new(struct loop *loop, const struct config *config)
{
    struct scheduler *scheduler = calloc(1, sizeof(*scheduler));

    if (!scheduler) {
        complain("scheduler", ENOMEM);
        return NULL;
    }
    scheduler->loop = loop;
    scheduler->config = config;
    scheduler->options = (struct config_view){.config = config, .process = FOR_SCHEDULER};
    scheduler->awake_us = clock_now_us();
    scheduler->lock = -1;
    if (!open_all(scheduler)) {
        scheduler_free(scheduler);
        return NULL;
    }
    loop_on_drain(loop, on_drain, scheduler);
    loop_watch(loop, is_well, scheduler);
    log_info("start", log_hex("epoch", bus_epoch(scheduler->bus)), log_str("mode", config->rate_limit_mode),
             log_int("window_us", config->rate_limit_us), log_int("burst", config->rate_limit_burst),
             log_str("policy", config->queue_policy));
    tell_past(scheduler);
    loop_ready(loop, "");
    return scheduler;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    bus_free(scheduler->bus);
    gateways_forget(scheduler);
    event_publisher_free(scheduler->events);
    for (size_t i = 0; i < LANES; i++)
        lane_close(&scheduler->lanes[i]);
    if (scheduler->pump_timer)
        event_free(scheduler->pump_timer);
    if (scheduler->tell_timer)
        event_free(scheduler->tell_timer);
    view_pace_done(&scheduler->pace);
    if (scheduler->lock >= 0)
        close(scheduler->lock);
    free(scheduler);
}
