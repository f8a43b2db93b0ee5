/* fetcher.c - see fetcher.h: the process's life, its link to the scheduler, its log and its events. attempt.c
 * leads a grant from its arrival to its end; what decides something is in the pure files beside them. */
#include "fetcher/fetcher.h"

#include <errno.h>
#include <stdlib.h>

#include "common/link.h"
#include "fetcher/fetcher_inside.h"

#define LEASE_SLACK_US 1000000LL /* a probe's lease outlasts the longest call by so much */
#define DETAIL_BYTES   160
/* `sent`, `fetched`, `breaker` and a spare one for each `fetch` that a link has credits for, of which the
 * scheduler has few out at a time. */
#define OWED_MAX (4 * LINK_CREDITS)

static struct audit_facts facts_of(const struct grant *grant, enum reason reason, int64_t value)
{
    return (struct audit_facts){.lane = text_of(grant->lane->name),
                                .request = text_of(grant->request),
                                .attempt = grant->attempt,
                                .reason = reason,
                                .value = value};
}

static void tell_of(struct fetcher *fetcher, enum decision_id decision, const struct grant *grant,
                    enum reason reason, int64_t value)
{
    struct audit_facts facts = facts_of(grant, reason, value);

    audit_tell(&fetcher->audit, decision, &facts, NULL);
}

static void send_breaker(struct fetcher *fetcher, const struct upstream_lane *lane)
{
    struct message message = {.type = MESSAGE_TYPE_breaker};
    const struct breaker *breaker = &lane->breaker;

    message.breaker.lane = text_of(lane->name);
    message.breaker.state = text_of(breaker_state_name(breaker->state));
    message.breaker.failures = breaker->failures;
    message.breaker.fail_max = breaker->config.fail_max;
    message.breaker.retry_at_us = breaker->retry_at_us;
    message.breaker.reason = text_of(reason_name(breaker->last_reason));
    fetcher_report(fetcher, &message, NULL);
}

static void sample(struct breaker_moment *moment)
{
    boot_id(moment->boot);
    moment->now_us = clock_now_us();
    moment->wall_us = clock_wall_us();
}

/* For the next epoch. Where that fails, a restart merely forgets. */
static void keep_breaker(struct fetcher *fetcher, const struct upstream_lane *lane)
{
    struct breaker_moment moment;
    int rc;

    sample(&moment);
    rc = breaker_state_write(fetcher->config->state_dir, lane->name, &lane->told, &moment);
    if (rc < 0)
        log_warn("breaker_not_kept", log_str("lane", lane->name), log_str("why", strerror(-rc)));
}

static void recall_breaker(struct fetcher *fetcher, struct upstream_lane *lane)
{
    struct breaker_memory memory;
    struct breaker_moment moment;
    int rc;

    sample(&moment);
    rc = breaker_state_read(fetcher->config->state_dir, lane->name, &moment, &memory);
    if (rc == 0)
        breaker_restore(&lane->breaker, &memory, moment.now_us);
    else if (rc != -ENOENT)
        log_warn("breaker_unknown", log_str("lane", lane->name), log_str("why", strerror(-rc)));
    breaker_remember(&lane->breaker, &lane->told);
    lane->told_state = lane->breaker.state;
}

static void count_breaker(struct fetcher *fetcher, const struct breaker *breaker)
{
    metric_set(fetcher->metrics, METRIC_FETCHER_BREAKER, (int64_t)breaker->state);
    metric_set(fetcher->metrics, METRIC_FETCHER_BREAKER_FAILURES, breaker->failures);
    metric_set(fetcher->metrics, METRIC_FETCHER_BREAKER_OPENED, (int64_t)breaker->opened_total);
}

static int64_t open_us(const struct upstream_lane *lane)
{
    int64_t left_us = lane->breaker.retry_at_us - clock_now_us();

    return left_us > 0 ? left_us : 0;
}

/* Tells the scheduler, and the next epoch, if anything has changed. */
static void announce(struct fetcher *fetcher, struct upstream_lane *lane)
{
    const struct breaker *breaker = &lane->breaker;
    struct breaker_memory memory;

    breaker_remember(breaker, &memory);
    if (breaker->state == lane->told_state && memory.failures == lane->told.failures &&
        memory.retry_at_us == lane->told.retry_at_us)
        return;
    lane->told = memory;
    lane->told_state = breaker->state;
    keep_breaker(fetcher, lane);
    send_breaker(fetcher, lane);
    view_pace_change(&fetcher->pace);
    count_breaker(fetcher, breaker);
}

/* A probe that decided nothing opens it without a reason. */
static void tell_opened(struct fetcher *fetcher, const struct upstream_lane *lane, bool failed)
{
    char note[MESSAGE_NOTE_BYTES + 1];

    snprintf(note, sizeof(note), "%u failures", lane->breaker.failures);
    audit_tell(&fetcher->audit, DECISION_FETCHER_BREAKER_OPENED,
               &(struct audit_facts){.lane = text_of(lane->name),
                                     .reason = failed ? lane->breaker.last_reason : REASON_NONE,
                                     .value = open_us(lane),
                                     .note = text_of(note)},
               NULL);
}

static void tell_half_open(struct fetcher *fetcher, const struct upstream_lane *lane)
{
    const struct grant *probe = fetcher->grants;

    while (probe && !breaker_is_probe(&lane->breaker, probe->serial))
        probe = probe->next;
    if (probe)
        tell_of(fetcher, DECISION_FETCHER_BREAKER_HALF_OPEN, probe, REASON_NONE, 0);
}

void fetcher_tell_breaker(struct fetcher *fetcher, struct upstream_lane *lane)
{
    bool failed = lane->breaker.failures > lane->told.failures;
    bool moved = lane->breaker.state != lane->told_state;

    announce(fetcher, lane);
    if (moved && lane->breaker.state == BREAKER_OPEN)
        tell_opened(fetcher, lane, failed);
    else if (moved && lane->breaker.state == BREAKER_HALF_OPEN)
        tell_half_open(fetcher, lane);
    else if (moved)
        audit_tell(&fetcher->audit, DECISION_FETCHER_BREAKER_CLOSED,
                   &(struct audit_facts){.lane = text_of(lane->name)}, NULL);
}

void fetcher_tell_ordered(struct fetcher *fetcher, struct upstream_lane *lane)
{
    bool tripped = lane->breaker.state == BREAKER_OPEN;

    announce(fetcher, lane);
    audit_tell(&fetcher->audit, tripped ? DECISION_FETCHER_BREAKER_TRIPPED : DECISION_FETCHER_BREAKER_RESET,
               &(struct audit_facts){.lane = text_of(lane->name), .value = tripped ? open_us(lane) : 0},
               NULL);
}

static void tell_kept(struct fetcher *fetcher, const struct upstream_lane *lane)
{
    if (lane->breaker.state != BREAKER_CLOSED)
        audit_tell(&fetcher->audit, DECISION_FETCHER_BREAKER_KEPT,
                   &(struct audit_facts){.lane = text_of(lane->name),
                                         .reason = lane->breaker.last_reason,
                                         .value = open_us(lane)},
                   NULL);
}

void fetcher_tell_refused(struct fetcher *fetcher, uint64_t attempt, const char *why)
{
    audit_tell(&fetcher->audit, DECISION_FETCHER_FETCH_REFUSED,
               &(struct audit_facts){.attempt = attempt, .reason = REASON_INTERNAL, .note = text_of(why)},
               NULL);
}

void fetcher_tell_unsent(struct fetcher *fetcher, const struct grant *grant, enum reason reason)
{
    bool ends_first = grant->deadline_at_us < grant->latest_at_us;
    int64_t late_us = clock_now_us() - (ends_first ? grant->deadline_at_us : grant->latest_at_us);

    metric_add(fetcher->metrics, METRIC_FETCHER_UNSENT, 1);
    tell_of(fetcher, DECISION_FETCHER_UNSENT, grant, reason,
            grant->state == GRANT_WAITING && late_us > 0 ? late_us : 0);
}

void fetcher_tell_saved(struct fetcher *fetcher, const struct grant *grant)
{
    metric_add(fetcher->metrics, METRIC_FETCHER_SAVED, 1);
    tell_of(fetcher, DECISION_FETCHER_SAVED, grant, REASON_NONE, 0);
}

void fetcher_tell_sent(struct fetcher *fetcher, const struct grant *grant)
{
    int64_t sent_at_us = fetcher->last_sent_at_us;
    struct audit_facts facts = facts_of(grant, REASON_NONE, sent_at_us - grant->earliest_at_us);

    facts.at_us = clock_wall_of_us(sent_at_us); /* from these times metricsd takes the gaps between sends */
    metric_add(fetcher->metrics, METRIC_FETCHER_SENT, 1);
    audit_tell(&fetcher->audit, DECISION_FETCHER_SENT, &facts, NULL);
}

void fetcher_tell_late(struct fetcher *fetcher, const struct grant *grant)
{
    metric_add(fetcher->metrics, METRIC_FETCHER_SLOW, 1);
    tell_of(fetcher, DECISION_FETCHER_LATE, grant, REASON_UPSTREAM_SLOW, grant->lane->slow_us);
}

void fetcher_tell_stored(struct fetcher *fetcher, const struct grant *grant, int rc, int64_t fresh_us)
{
    struct audit_facts facts = facts_of(grant, REASON_NONE, rc == 0 ? fresh_us : 0);

    if (rc < 0)
        facts.note = text_of(strerror(-rc));
    audit_tell(&fetcher->audit, rc == 0 ? DECISION_FETCHER_STORED : DECISION_FETCHER_NOT_STORED, &facts,
               NULL);
}

static void count_end(struct fetcher *fetcher, const struct transfer_result *result,
                      const struct upstream_verdict *verdict)
{
    struct metrics *metrics = fetcher->metrics;
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

void fetcher_tell_ended(struct fetcher *fetcher, const struct grant *grant,
                        const struct transfer_result *result, const struct upstream_verdict *verdict)
{
    static const enum decision_id ends[] = {
        [FETCH_ANSWERED] = DECISION_FETCHER_ANSWERED, [FETCH_LIMITED] = DECISION_FETCHER_LIMITED,
        [FETCH_FAILED] = DECISION_FETCHER_FAILED,     [FETCH_UNSENT] = DECISION_FETCHER_UNSENT,
        [FETCH_CACHED] = DECISION_FETCHER_SAVED,      [FETCH_REFUSED] = DECISION_FETCHER_UNSENT};
    bool limited = verdict->outcome == FETCH_LIMITED, sent = result->sent_at_us != 0;
    int64_t took_us = sent ? result->ended_at_us - result->sent_at_us : 0;
    int64_t first_us = result->first_at_us ? result->first_at_us - result->sent_at_us : -1;
    struct audit_facts facts =
        facts_of(grant, limited ? REASON_HOLD : verdict->reason, limited ? verdict->hold_us : took_us);
    char detail[DETAIL_BYTES];

    mask_detail(result->detail, detail);
    count_end(fetcher, result, verdict);
    audit_tell(&fetcher->audit, ends[verdict->outcome], &facts,
               (const struct log_field[]){log_int("status", result->head->status),
                                          log_int("first_us", first_us),
                                          limited ? log_int("upstream_us", took_us)
                                                  : log_int("hold_us", verdict->hold_us),
                                          log_int("connects", result->connects),
                                          log_str("detail", detail),
                                          {.key = NULL}});
}

static void on_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct fetcher *fetcher = arg;

    (void)peer;
    switch (message->type) {
    case MESSAGE_TYPE_fetch:
        attempt_fetch(fetcher, &message->fetch, body);
        return;
    case MESSAGE_TYPE_abort:
        attempt_abort(fetcher, message->abort.attempt);
        return;
    case MESSAGE_TYPE_control:
        orders_obey(fetcher, &message->control);
        return;
    default:
        log_warn("strange_message", log_int("type", (int64_t)message->type));
    }
}

/* What is in flight was sent for another link: the scheduler is told how much that is, and later of each end,
 * under an attempt that it does not know. */
static void on_up(void *arg, uint64_t peer, struct text role)
{
    struct fetcher *fetcher = arg;
    struct message ready = {.type = MESSAGE_TYPE_ready};

    (void)role;
    fetcher->link++;
    outbox_link(&fetcher->outbox, peer);
    for (struct grant *grant = fetcher->grants; grant; grant = grant->next)
        grant->link = fetcher->link;
    ready.ready.last_sent_at_us = fetcher->last_sent_at_us;
    ready.ready.last_ended_at_us = fetcher->last_ended_at_us;
    ready.ready.hold_at_us = fetcher->hold_at_us;
    ready.ready.in_flight = grant_count(fetcher->grants, GRANT_SENT);
    fetcher_report(fetcher, &ready, NULL);
    send_breaker(fetcher, &fetcher->lane);
    metric_set(fetcher->metrics, METRIC_FETCHER_LINK_UP, 1);
    log_info("link_up", log_hex("scheduler", peer), log_int("in_flight", (int64_t)ready.ready.in_flight));
}

/* Nothing that has not been sent may be sent any more; what has been goes on, into the cache. */
static void on_down(void *arg, uint64_t peer, const char *why)
{
    struct fetcher *fetcher = arg;

    log_warn("link_down", log_hex("scheduler", peer), log_str("why", why));
    fetcher->link++;
    outbox_link(&fetcher->outbox, 0);
    metric_set(fetcher->metrics, METRIC_FETCHER_LINK_UP, 0);
    attempt_give_all_back(fetcher);
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
    struct metrics *metrics = fetcher->metrics;
    const struct cache_writer_stats *stats;

    (void)fd;
    (void)what;
    breaker_tick(&fetcher->lane.breaker, clock_now_us());
    fetcher_tell_breaker(fetcher, &fetcher->lane);
    cache_writer_tick(fetcher->cache, clock_wall_us());
    log_cache_notes(fetcher);
    stats = cache_writer_stats(fetcher->cache);
    metric_set(metrics, METRIC_FETCHER_STORES, (int64_t)stats->stores_total);
    metric_set(metrics, METRIC_FETCHER_STORE_ERRORS, (int64_t)stats->errors_total);
    metric_set(metrics, METRIC_FETCHER_EVICTED, (int64_t)stats->evicted_total);
    metric_set(metrics, METRIC_FETCHER_ENTRIES, (int64_t)stats->entries);
    event_totals(fetcher->events);
    config_view_tick(&fetcher->options, fetcher->events);
}

static void on_drain(void *arg)
{
    struct fetcher *fetcher = arg;

    fetcher->draining = true;
    attempt_give_all_back(fetcher);
    attempt_check_drained(fetcher);
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
                                         .connect_timeout_us = config->upstream_connect_us,
                                         .first_byte_us = config->upstream_first_byte_us,
                                         .low_speed_us = config->upstream_low_speed_us,
                                         .low_speed_bytes = config->upstream_low_speed_bytes,
                                         .body_max_bytes = (size_t)config->response_max_bytes,
                                         .bodies_max_bytes = (size_t)config->responses_max_mb << 20,
                                         .ca_file = config->upstream_ca_file,
                                         .proxy = config->upstream_proxy};

    fetcher->codec = message_codec_new();
    fetcher->transfers = transfers_new(fetcher->base, &transfers);
    fetcher->bus = bus_new(fetcher->base);
    fetcher->tick = event_new(fetcher->base, -1, EV_PERSIST, on_tick, fetcher);
    fetcher->pulse = event_new(fetcher->base, -1, EV_PERSIST, attempt_pulse, fetcher);
    if (!fetcher->codec || !fetcher->transfers || !fetcher->bus || !fetcher->tick || !fetcher->pulse ||
        view_pace_init(&fetcher->pace, fetcher->base, fetcher_show, fetcher) < 0)
        return -ENOMEM;
    return loop_try_arm(fetcher->tick, US_PER_SECOND);
}

static int open_links(struct fetcher *fetcher, const struct config *config)
{
    char endpoint[CONFIG_ENDPOINT_BYTES];
    int rc = config_make_dir(config->runtime_dir);

    if (rc < 0)
        return rc;
    fetcher->events = event_publisher_new(fetcher->bus, config, "fetcher");
    if (!fetcher->events)
        return -errno;
    fetcher->metrics = event_metrics(fetcher->events);
    if (event_degraded(fetcher->events) < 0)
        log_warn("counts_at_risk", log_str("why", strerror(-event_degraded(fetcher->events))));
    fetcher->audit.events = fetcher->events;
    config_endpoint(config, "fetcher", endpoint);
    fetcher->outbox.max = OWED_MAX;
    fetcher->outbox.socket = bus_connect(fetcher->bus, endpoint, "fetcher", &link_handlers, fetcher);
    return fetcher->outbox.socket ? 0 : -errno;
}

static void open_lane(struct fetcher *fetcher, const struct config *config)
{
    struct breaker_config breaker = {.fail_max = (unsigned)config->breaker_fail_max,
                                     .window_calls = (unsigned)config->breaker_window,
                                     .fail_percent = (unsigned)config->breaker_fail_percent,
                                     .reset_us = config->breaker_reset_us,
                                     .reset_factor = (unsigned)config->breaker_reset_factor,
                                     .reset_max_us = config->breaker_reset_max_us,
                                     .hold_max_us = config->hold_max_us,
                                     .lease_us = config->external_api_timeout_us + LEASE_SLACK_US};
    struct text bad; /* fetcher_judge() has seen to that */

    fetcher->lane = (struct upstream_lane){.name = "score",
                                           .url = config->upstream_url,
                                           .slow_us = config->breaker_slow_us,
                                           .probe_us = config->breaker_probe_us};
    breaker_init(&fetcher->lane.breaker, &breaker);
    fetcher->freshness = (struct freshness_policy){.ttl_us = config->cache_ttl_us,
                                                   .stale_us = config->cache_stale_us,
                                                   .negative_us = config->cache_negative_ttl_us};
    freshness_read_statuses(text_of(config->cache_negative_statuses), &fetcher->freshness.negative, &bad);
    fetcher->backoff = (struct failure_policy){.first_us = config->stale_backoff_us,
                                               .most_us = config->stale_backoff_max_us,
                                               .attempt_us = config->external_api_timeout_us};
    content_rule_find(config->cache_content, &fetcher->content); /* one of its choices */
}

/* The state's directory is only made here: without it the breaker starts closed. */
static void open_state(struct fetcher *fetcher)
{
    int rc = config_make_dir(fetcher->config->state_dir);

    if (rc < 0)
        log_warn("state_dir", log_str("path", fetcher->config->state_dir), log_str("why", strerror(-rc)));
    recall_breaker(fetcher, &fetcher->lane);
}

/* Whether the file can be read and holds what begins like a certificate. */
static bool has_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[128];
    bool found = false;

    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file))
        found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "CERTIFICATE-----");
    fclose(file);
    return found;
}

int fetcher_judge(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    struct freshness_statuses statuses;
    struct text bad;

    if (upstream_url_check(config->upstream_url) < 0)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "UPSTREAM_URL: '%.200s' is not an http or https URL without user and fragment",
                 config->upstream_url);
    else if (config->upstream_proxy[0] && upstream_proxy_check(config->upstream_proxy) < 0)
        snprintf(error, CONFIG_ERROR_BYTES, "UPSTREAM_PROXY: '%.200s' is not of the form http://host:port",
                 config->upstream_proxy);
    else if (config->upstream_ca_file[0] && !has_certificate(config->upstream_ca_file))
        snprintf(error, CONFIG_ERROR_BYTES,
                 "UPSTREAM_CA_FILE: '%.200s' holds no certificate that can be read",
                 config->upstream_ca_file);
    else if (config->response_max_bytes > config->responses_max_mb << 20)
        snprintf(error, CONFIG_ERROR_BYTES, "RESPONSES_MAX_MB: '%d' MiB are less than RESPONSE_MAX_BYTES",
                 (int)config->responses_max_mb);
    else if (freshness_read_statuses(text_of(config->cache_negative_statuses), &statuses, &bad) < 0)
        snprintf(
            error, CONFIG_ERROR_BYTES,
            "CACHE_NEGATIVE_STATUSES: '%.*s' is no status from 300 to 499 that may be stored (304, 429 and "
            "errors of the provider never are)",
            TEXT_ARGS(bad));
    else
        return 0;
    return -EINVAL;
}

/* Whether it is an error; then it is said. */
static bool complain(const char *what, int rc)
{
    if (rc < 0)
        log_error("start_failed", log_str("what", what), log_str("why", strerror(-rc)));
    return rc < 0;
}

struct fetcher *fetcher_new(struct loop *loop, const struct config *config)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

    if (!fetcher) {
        complain("fetcher", -ENOMEM);
        return NULL;
    }
    fetcher->config = config;
    fetcher->options = (struct config_view){.config = config, .process = FOR_FETCHER};
    fetcher->loop = loop;
    fetcher->base = loop_base(loop);
    open_lane(fetcher, config);
    if (open_cache(fetcher, config) < 0) { /* it has said why */
        free(fetcher);
        return NULL;
    }
    open_state(fetcher);
    if (complain("parts", open_parts(fetcher, config)) || complain("links", open_links(fetcher, config))) {
        fetcher_free(fetcher);
        return NULL;
    }
    count_breaker(fetcher, &fetcher->lane.breaker);
    tell_kept(fetcher, &fetcher->lane);
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
    view_pace_done(&fetcher->pace);
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
