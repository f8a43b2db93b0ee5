/* metricsd_feed.c - what metricsd hears, and the tick of once a second, which alone renders for the feed. */
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "metricsd/metricsd_inside.h"
#include "metricsd/savings.h"

static void post(struct metricsd *metricsd, const char *topic, struct message *message, struct bus_body *body)
{
    bus_post(metricsd->local, topic, message, body);
    if (metricsd->world)
        bus_post(metricsd->world, topic, message, body);
}

/* The topic is made anew: a topic that does not say what the message is would mislead subscribers. */
static void pass_on(struct metricsd *metricsd, const struct message *message)
{
    char topic[sizeof("event..") + 2 * MESSAGE_LABEL_BYTES];
    struct message copy = *message;

    copy.to = 0;
    snprintf(topic, sizeof(topic), "event.%.*s.%.*s", TEXT_ARGS(message->event.process),
             TEXT_ARGS(message->event.name));
    post(metricsd, topic, &copy, NULL);
}

static void take_event(struct metricsd *metricsd, const struct message *message, int64_t now_us)
{
    const struct message_event *event = &message->event;

    if (store_add_event(metricsd->store, now_us, message->from, event, metricsd->feed_seq + 1) < 0)
        return;
    metricsd->feed_seq++;
    if (slots_add(metricsd->slots, event, message->from, now_us, clock_wall_us()))
        stream_note_change(metricsd->stream);
    pass_on(metricsd, message);
    stream_note_event(metricsd->stream, metricsd->feed_seq);
}

static void take_view(struct metricsd *metricsd, const struct message *message, struct text json,
                      int64_t now_us)
{
    const struct message_view *view = &message->view;
    int rc = views_add(metricsd->views, metricsd->store, message->from, view, json, now_us);

    if (rc < 0)
        metricsd->strange_total++;
    if (rc <= 0)
        return;
    if (text_equal(view->process, store_kind_name(STORE_GATEWAY)) && text_equal(view->name, CONFIG_VIEW_NAME))
        links_learn(&metricsd->links, json);
    stream_note_change(metricsd->stream);
}

void metricsd_hear(void *arg, struct text topic, const struct message *message, struct bus_body *body)
{
    struct metricsd *metricsd = arg;
    int64_t now_us = clock_now_us();

    (void)topic;
    if (message->type == MESSAGE_TYPE_event) {
        take_event(metricsd, message, now_us);
    } else if (message->type == MESSAGE_TYPE_view) {
        take_view(metricsd, message, bus_body_text(body), now_us);
    } else if (message->type == MESSAGE_TYPE_totals) {
        store_add_totals(metricsd->store, now_us, message->from, &message->totals);
    } else if (message->type == MESSAGE_TYPE_distribution) {
        store_add_distribution(metricsd->store, now_us, message->from, &message->distribution);
    } else {
        metricsd->strange_total++;
    }
}

static int64_t own_value(const struct metricsd *metricsd, enum metric metric, int64_t now_us)
{
    struct store_counts counts = store_counts(metricsd->store);
    uint64_t sum = 0;

    switch (metric) {
    case METRIC_METRICSD_EVENTS:
        return (int64_t)counts.events;
    case METRIC_METRICSD_GAPS:
        return (int64_t)counts.lost;
    case METRIC_METRICSD_BAD:
        return (int64_t)(bus_stats(metricsd->events)->bad_total + counts.bad + metricsd->strange_total);
    case METRIC_METRICSD_UNKNOWN:
        return (int64_t)counts.unknown;
    case METRIC_METRICSD_REFUSED:
        return (int64_t)counts.refused;
    case METRIC_METRICSD_PROCESSES:
        for (int i = 0; i < STORE_KINDS; i++)
            sum += store_kind_up(metricsd->store, (enum store_kind)i, now_us);
        return (int64_t)sum;
    case METRIC_METRICSD_FEED:
        return (int64_t)metricsd->feed_seq;
    case METRIC_METRICSD_FEED_REFUSED:
        return metricsd->guard ? (int64_t)feed_guard_view(metricsd->guard).refused : 0;
    case METRIC_METRICSD_FEED_DROPPED:
        sum = bus_stats(metricsd->local)->dropped_total;
        return (int64_t)(sum + (metricsd->world ? bus_stats(metricsd->world)->dropped_total : 0));
#define HTTPD_STAT(id, kind, member, name, labels, help)                                                     \
    case METRIC_METRICSD_##id:                                                                               \
        return (int64_t)web_stats(metricsd->web)->member;
#include "common/httpd_stats.def"
#undef HTTPD_STAT
    case METRIC_METRICSD_STREAMS_OPEN:
        return stream_counts(metricsd->stream).open;
    case METRIC_METRICSD_STREAMS:
        return (int64_t)stream_counts(metricsd->stream).streams;
    case METRIC_METRICSD_STREAMS_CUT:
        return (int64_t)web_stats(metricsd->web)->streams_cut_total;
    case METRIC_METRICSD_STREAM_SKIPPED:
        return (int64_t)stream_counts(metricsd->stream).skipped;
    default:
        return 0;
    }
}

/* metricsd is a process like the others; its totals only have a shorter way. */
static void add_own(struct metricsd *metricsd, int64_t now_us)
{
    struct metrics *metrics = &ledger_counts(metricsd->ledger)->metrics;
    struct message_pair pairs[METRIC_COUNT];
    struct message_totals totals = {.process = text_of(store_kind_name(STORE_METRICSD)),
                                    .pid = (uint64_t)getpid(),
                                    .uptime_us = now_us - metricsd->started_at_us};

    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        if (!text_equal(totals.process, spec->process))
            continue;
        metrics->values[i] = own_value(metricsd, (enum metric)i, now_us);
        pairs[totals.values.count++] = (struct message_pair){text_of(spec->key), metrics->values[i]};
    }
    totals.values.items = pairs;
    store_add_totals(metricsd->store, now_us, bus_epoch(metricsd->bus), &totals);
}

/* What has changed since the last tick, in a line each at most: a flood must not flood the log. */
static void log_changes(struct metricsd *metricsd, int64_t now_us)
{
    int64_t bad = own_value(metricsd, METRIC_METRICSD_BAD, now_us);

    for (int i = 0; i < STORE_KINDS; i++) {
        uint64_t starts = store_kind_starts(metricsd->store, (enum store_kind)i);
        unsigned up = store_kind_up(metricsd->store, (enum store_kind)i, now_us);

        if (starts != metricsd->starts_logged[i] || up != metricsd->up_logged[i])
            log_info("processes", log_str("kind", store_kind_name((enum store_kind)i)), log_int("up", up),
                     log_int("starts", (int64_t)starts));
        metricsd->starts_logged[i] = starts;
        metricsd->up_logged[i] = up;
    }
    if (bad != metricsd->bad_logged)
        log_warn("bad_messages", log_int("more", bad - metricsd->bad_logged), log_int("total", bad));
    metricsd->bad_logged = bad;
    if (metricsd->guard)
        metricsd_log_guard(metricsd);
}

static void remember_the_gone(struct metricsd *metricsd, int64_t now_us)
{
    int rc = past_walk(&metricsd->past, now_us);

    if (rc < 0 && rc != metricsd->past_logged)
        log_error("past_at_risk", log_str("why", strerror(-rc)));
    metricsd->past_logged = rc;
}

static void post_exposition(struct metricsd *metricsd)
{
    struct message message = {.type = MESSAGE_TYPE_exposition, .exposition = {.seq = metricsd->feed_seq}};
    struct bus_body *body = bus_body_new(metricsd->prometheus);

    if (body)
        post(metricsd, "exposition", &message, body);
    bus_body_free(body);
}

/* All that is made of the store once a second. */
static void add_up(struct metricsd *metricsd, int64_t now_us, int64_t wall_us)
{
    struct store *store = metricsd->store;
    const int64_t *values = metricsd->sum.values;

    store_sum(store, now_us, &metricsd->sum);
    store_seen(store, &metricsd->sum, &metricsd->seen);
    savings_derive(&metricsd->sum);
    savings_derive(&metricsd->seen);
    windows_tick(metricsd->windows, &metricsd->seen, now_us);
    if (history_tick(metricsd->history, store, &metricsd->seen, now_us, wall_us))
        metricsd->histories[HISTORY_24H] = (struct text){.at = NULL};
    metricsd->histories[HISTORY_15M] = (struct text){.at = NULL};
    slots_tick(metricsd->slots, values[METRIC_SCHEDULER_INTERVAL], values[METRIC_SCHEDULER_BURST],
               store_newest_up(store, STORE_FETCHER, now_us), now_us);
    views_tick(metricsd->views, store, now_us);
    snapshot_fill(&metricsd->snapshot, store, &metricsd->sum, now_us);
    metricsd->state = (struct text){.at = NULL};
}

static void post_snapshot(struct metricsd *metricsd)
{
    struct message message = snapshot_message(&metricsd->snapshot);

    message.snapshot.minute = windows_pairs(metricsd->windows, WINDOW_MINUTE);
    message.snapshot.quarter = windows_pairs(metricsd->windows, WINDOW_QUARTER);
    post(metricsd, "snapshot", &message, NULL);
}

void metricsd_tick(struct metricsd *metricsd)
{
    int64_t now_us = clock_now_us(), wall_us = clock_wall_us();
    int rc;

    metricsd->feed_seq++; /* the snapshot that is being made */
    metricsd->snapshot.seq = metricsd->feed_seq;
    metricsd->snapshot.at_us = wall_us;
    remember_the_gone(metricsd, now_us);
    add_own(metricsd, now_us);
    log_changes(metricsd, now_us);
    add_up(metricsd, now_us, wall_us);
    post_snapshot(metricsd);
    rc = prometheus_render(metricsd->store, &metricsd->sum, now_us, wall_us, metricsd->prometheus_room,
                           sizeof(metricsd->prometheus_room), &metricsd->prometheus);
    if (rc < 0)
        log_error("exposition_too_long", log_int("bytes", sizeof(metricsd->prometheus_room)));
    else
        post_exposition(metricsd);
    stream_tick(metricsd->stream, metricsd->feed_seq);
}
