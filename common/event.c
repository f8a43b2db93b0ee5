/* event.c - see event.h. */
#include "common/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ledger.h"

#define HELD_MAX 64

/* An event of the first second. */
struct held {
    struct message_event event; /* its texts lie here, unless they are the program's own: */
    char lane[MESSAGE_LABEL_BYTES], request[MESSAGE_ID_BYTES], note[MESSAGE_NOTE_BYTES];
};

struct event_publisher {
    struct bus_socket *socket;
    const char *process;
    struct ledger *ledger;
    struct ledger_counts *counts; /* in it */
    int degraded;
    int64_t started_at_us;
    bool heard; /* by now metricsd has subscribed, if it is there */
    unsigned held_count;
    struct held held[HELD_MAX];
};

struct event_publisher *event_publisher_new(struct bus *bus, const struct config *config, const char *process)
{
    struct event_publisher *publisher = calloc(1, sizeof(*publisher));
    char endpoint[CONFIG_ENDPOINT_BYTES];

    if (!publisher)
        return NULL;
    publisher->process = process;
    publisher->started_at_us = clock_now_us();
    publisher->ledger = ledger_open(config->runtime_dir, process, bus_epoch(bus), &publisher->degraded);
    config_endpoint(config, "events", endpoint);
    publisher->socket = publisher->ledger ? bus_publish_connect(bus, endpoint) : NULL;
    if (!publisher->socket) {
        event_publisher_free(publisher);
        return NULL;
    }
    publisher->counts = ledger_counts(publisher->ledger);
    return publisher;
}

void event_publisher_free(struct event_publisher *publisher)
{
    if (!publisher)
        return;
    ledger_close(publisher->ledger);
    free(publisher);
}

struct metrics *event_metrics(struct event_publisher *publisher)
{
    return &publisher->counts->metrics;
}

int event_degraded(const struct event_publisher *publisher)
{
    return publisher->degraded;
}

static void post(struct event_publisher *publisher, const struct message_event *event)
{
    struct message message = {.type = MESSAGE_TYPE_event, .event = *event};
    char topic[2 * MESSAGE_LABEL_BYTES];

    snprintf(topic, sizeof(topic), "event.%s.%.*s", publisher->process, TEXT_ARGS(event->name));
    bus_post(publisher->socket, topic, &message, NULL);
}

static struct text keep(struct text text, char *room, size_t size)
{
    size_t bytes = text.bytes < size ? text.bytes : size;

    if (bytes > 0)
        memcpy(room, text.at, bytes);
    return (struct text){.at = room, .bytes = bytes};
}

/* ZeroMQ drops what nobody has subscribed to yet, which would be all that a process decides at its start. */
static void hold(struct event_publisher *publisher, const struct message_event *event)
{
    struct held *held = &publisher->held[publisher->held_count++];

    held->event = *event;
    held->event.lane = keep(event->lane, held->lane, sizeof(held->lane));
    held->event.request = keep(event->request, held->request, sizeof(held->request));
    held->event.note = keep(event->note, held->note, sizeof(held->note));
}

static void release(struct event_publisher *publisher)
{
    for (unsigned i = 0; i < publisher->held_count; i++)
        post(publisher, &publisher->held[i].event);
    publisher->held_count = 0;
    publisher->heard = true;
}

void event_emit(struct event_publisher *publisher, const struct message_event *event)
{
    struct message_event numbered = *event;

    numbered.process = text_of(publisher->process);
    numbered.seq = ++publisher->counts->events;
    if (numbered.at_us == 0)
        numbered.at_us = clock_wall_us();
    if (publisher->held_count == HELD_MAX)
        release(publisher);
    if (publisher->heard)
        post(publisher, &numbered);
    else
        hold(publisher, &numbered);
}

static void post_values(struct event_publisher *publisher)
{
    const struct metrics *metrics = &publisher->counts->metrics;
    struct message_pair pairs[METRIC_COUNT];
    struct message message = {.type = MESSAGE_TYPE_totals};
    unsigned count = 0;

    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        if (strcmp(spec->process, publisher->process) == 0)
            pairs[count++] = (struct message_pair){text_of(spec->key), metrics->values[i]};
    }
    message.totals.process = text_of(publisher->process);
    message.totals.pid = (uint64_t)getpid();
    message.totals.uptime_us = clock_now_us() - publisher->started_at_us;
    message.totals.events = publisher->counts->events;
    message.totals.values = (struct message_pairs){.count = count, .items = pairs};
    bus_post(publisher->socket, "totals", &message, NULL);
}

static void post_histogram(struct event_publisher *publisher, const char *name,
                           const struct histogram *histogram)
{
    struct message message = {.type = MESSAGE_TYPE_distribution};

    message.distribution.process = text_of(publisher->process);
    message.distribution.name = text_of(name);
    message.distribution.sum_us = histogram->sum_us;
    message.distribution.buckets =
        (struct message_uints){.count = HISTOGRAM_BUCKETS, .items = histogram->buckets};
    bus_post(publisher->socket, "distribution", &message, NULL);
}

void event_totals(struct event_publisher *publisher)
{
    release(publisher);
    post_values(publisher);
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram_spec *spec = metric_histogram_spec((enum metric_histogram)i);

        if (strcmp(spec->process, publisher->process) == 0)
            post_histogram(publisher, spec->name, &publisher->counts->metrics.histograms[i]);
    }
}

int event_view(struct event_publisher *publisher, const char *name, struct text json)
{
    struct message message = {.type = MESSAGE_TYPE_view};
    struct bus_body *body;
    int rc;

    if (json.bytes > MESSAGE_VIEW_BYTES)
        return -EMSGSIZE;
    body = bus_body_new(json);
    if (!body)
        return -ENOMEM;
    message.view.process = text_of(publisher->process);
    message.view.name = text_of(name);
    rc = bus_post(publisher->socket, "view", &message, body);
    bus_body_free(body);
    return rc;
}
