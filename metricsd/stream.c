/* stream.c - see stream.h. */
#include "metricsd/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/log.h"
#include "metricsd/delta.h"
#include "metricsd/sse.h"

#define BEAT_US    100000
#define CHANGES_US 250000
/* For a reader that is cut, or whose metricsd restarts. A comment that keeps the connection alive is not
 * needed: a delta comes every second. */
#define RETRY "retry: 1000\n\n"
#define END   "]}\n\n" /* of a state, behind an event */
#define FIELDS                                                                                               \
    "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"      \
    "Referrer-Policy: no-referrer\r\n"

struct reader {
    TAILQ_ENTRY(reader) link;
    struct httpd_exchange *exchange;
    uint64_t seen; /* it has the events up to this number: 0 none */
    bool is_new;   /* awaits its state */
};

TAILQ_HEAD(readers, reader);

struct stream {
    struct event *beat;
    const struct state_parts *parts;
    struct readers readers;
    struct stream_counts counts;
    unsigned max, newcomers; /* how many of the readers are new */
    int64_t due_us;          /* when the beat comes; INT64_MAX: it does not */
    int64_t beat_at_us;      /* the next one, at the earliest */
    int64_t changes_at_us;   /* the same of a delta between two ticks */
    bool is_changed;         /* slots or views */
    uint64_t number;         /* of the newest event or snapshot */
    uint64_t told;           /* readers have all events up to this number */
    uint64_t untold;         /* how many events have come since */
    struct delta delta;
    size_t ends[STORE_EVENTS];
    char room[STATE_JSON_BYTES + SSE_FRAME_BYTES];
};

static void on_beat(evutil_socket_t fd, short what, void *arg);

struct stream *stream_new(struct event_base *base, unsigned max, const struct state_parts *parts)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return NULL;
    stream->parts = parts;
    stream->max = max;
    stream->due_us = INT64_MAX;
    TAILQ_INIT(&stream->readers);
    stream->beat = evtimer_new(base, on_beat, stream);
    if (!stream->beat) {
        free(stream);
        return NULL;
    }
    return stream;
}

static void reader_free(struct stream *stream, struct reader *reader)
{
    TAILQ_REMOVE(&stream->readers, reader, link);
    stream->newcomers -= reader->is_new;
    stream->counts.open--;
    free(reader);
}

void stream_free(struct stream *stream)
{
    struct reader *next;

    if (!stream)
        return;
    for (struct reader *each = TAILQ_FIRST(&stream->readers); each; each = next) {
        next = TAILQ_NEXT(each, link);
        free(each);
    }
    event_free(stream->beat);
    free(stream);
}

/* Whether somebody follows who has the state already. */
static bool is_followed(const struct stream *stream)
{
    return stream->counts.open > stream->newcomers;
}

/* When there is something to tell, and it may be told. */
static int64_t next_beat_us(const struct stream *stream)
{
    if (stream->newcomers || (stream->untold && is_followed(stream)))
        return stream->beat_at_us;
    if (!stream->is_changed || !is_followed(stream))
        return INT64_MAX;
    return stream->beat_at_us > stream->changes_at_us ? stream->beat_at_us : stream->changes_at_us;
}

static void wake(struct stream *stream)
{
    int64_t due_us = next_beat_us(stream), wait_us;
    struct timeval wait = {0};

    if (due_us >= stream->due_us)
        return;
    stream->due_us = due_us;
    wait_us = due_us - clock_now_us();
    wait.tv_usec = (suseconds_t)(wait_us > 0 ? wait_us : 0);
    evtimer_add(stream->beat, &wait);
}

/* The reader may be no more. */
static void tell(struct stream *stream, struct reader *reader, struct text text)
{
    if (httpd_stream_send(reader->exchange, text) < 0)
        reader_free(stream, reader);
}

static void tell_all(struct stream *stream, struct text text)
{
    struct reader *next;

    for (struct reader *each = TAILQ_FIRST(&stream->readers); each; each = next) {
        next = TAILQ_NEXT(each, link);
        if (!each->is_new)
            tell(stream, each, text);
    }
}

static void begin(struct stream *stream, struct sse *sse, const char *event)
{
    sse_begin(sse, stream->room, sizeof(stream->room), event, stream->parts->epoch, stream->told);
}

/* The buffers are made for the worst case, so to be too long is a mistake of ours. */
static bool end(struct sse *sse, const char *what, struct text *text)
{
    if (sse_end(sse, text) == 0)
        return true;
    log_error("stream_message_too_long", log_str("message", what));
    return false;
}

static void tell_events(struct stream *stream)
{
    uint64_t count = stream->untold < STREAM_BATCH ? stream->untold : STREAM_BATCH;
    uint64_t skipped = stream->untold - count;
    struct text text;
    struct sse sse;

    stream->told = stream->number;
    stream->untold = 0;
    if (!count || !is_followed(stream))
        return;
    stream->counts.skipped += skipped;
    begin(stream, &sse, "events");
    json_begin_object(&sse.json);
    json_key(&sse.json, "events");
    state_json_put_latest(&sse.json, stream->parts->store, (unsigned)count);
    json_key(&sse.json, "skipped");
    json_uint(&sse.json, skipped);
    json_end_object(&sse.json);
    if (end(&sse, "events", &text))
        tell_all(stream, text);
}

static void tell_changes(struct stream *stream, int64_t now_us)
{
    struct text text;
    struct sse sse;

    if (!stream->is_changed || now_us < stream->changes_at_us || !is_followed(stream))
        return;
    stream->is_changed = false;
    stream->changes_at_us = now_us + CHANGES_US;
    begin(stream, &sse, "delta");
    if (delta_put_between(&stream->delta, &sse.json, stream->parts, now_us) && end(&sse, "delta", &text))
        tell_all(stream, text);
}

/* How many of the kept events came after that number. */
static unsigned count_newer(const struct store *store, uint64_t number)
{
    const struct store_event *event;
    unsigned count = 0;

    while ((event = store_event_at(store, count)) != NULL && event->id > number)
        count++;
    return count;
}

/* All get the same text. For one that resumes it ends behind the last event that is new to it. */
static void tell_state(struct stream *stream, struct reader *reader, struct text text)
{
    const struct store *store = stream->parts->store;
    unsigned count = reader->seen <= stream->told ? count_newer(store, reader->seen) : STORE_EVENTS;
    char kept[sizeof(END) - 1], *end;

    if (!store_event_at(store, count)) {
        tell(stream, reader, text);
        return;
    }
    end = stream->room + stream->ends[count];
    memcpy(kept, end, sizeof(kept));
    memcpy(end, END, sizeof(kept));
    tell(stream, reader, (struct text){stream->room, stream->ends[count] + sizeof(kept)});
    memcpy(end, kept, sizeof(kept));
}

/* They know what the readers know, and are readers from now on. */
static void welcome(struct stream *stream)
{
    struct reader *next;
    struct text text;
    struct sse sse;
    bool is_good;

    if (!stream->newcomers)
        return;
    begin(stream, &sse, "state");
    state_json_put(&sse.json, stream->parts, clock_now_us(), stream->ends);
    delta_add_state(&stream->delta, stream->parts);
    is_good = end(&sse, "state", &text);
    for (unsigned i = 0; i < STORE_EVENTS; i++)
        stream->ends[i] += sse.head;
    for (struct reader *each = TAILQ_FIRST(&stream->readers); each; each = next) {
        next = TAILQ_NEXT(each, link);
        if (!each->is_new)
            continue;
        each->is_new = false;
        stream->newcomers--;
        if (is_good) {
            tell_state(stream, each, text);
        } else {
            httpd_stream_end(each->exchange);
            reader_free(stream, each);
        }
    }
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct stream *stream = arg;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)what;
    stream->due_us = INT64_MAX;
    stream->beat_at_us = now_us + BEAT_US;
    tell_events(stream);
    tell_changes(stream, now_us);
    welcome(stream);
    wake(stream);
}

int stream_open(struct stream *stream, struct httpd_exchange *exchange, struct text last_id)
{
    struct reader *reader;

    if (stream->counts.open >= stream->max)
        return -ENOSPC;
    reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    if (!httpd_stream_begin(exchange, 200, text_of(FIELDS))) {
        free(reader);
        return 0;
    }
    httpd_exchange_set(exchange, reader);
    reader->exchange = exchange;
    reader->is_new = true;
    if (!sse_id_read(last_id, stream->parts->epoch, &reader->seen))
        reader->seen = 0;
    TAILQ_INSERT_TAIL(&stream->readers, reader, link);
    stream->newcomers++;
    stream->counts.open++;
    stream->counts.streams++;
    tell(stream, reader, text_of(RETRY));
    wake(stream);
    return 0;
}

void stream_gone(struct stream *stream, struct httpd_exchange *exchange)
{
    reader_free(stream, httpd_exchange_get(exchange));
}

void stream_note_event(struct stream *stream, uint64_t number)
{
    stream->number = number;
    stream->untold++;
    wake(stream);
}

void stream_note_change(struct stream *stream)
{
    stream->is_changed = true;
    wake(stream);
}

void stream_tick(struct stream *stream, uint64_t number)
{
    int64_t now_us = clock_now_us();
    struct text text;
    struct sse sse;

    stream->number = number;
    stream->is_changed = false;
    stream->changes_at_us = now_us + CHANGES_US;
    if (!stream->untold)
        stream->told = number;
    if (!is_followed(stream)) {
        delta_forget(&stream->delta);
        return;
    }
    begin(stream, &sse, "delta");
    delta_put(&stream->delta, &sse.json, stream->parts, now_us);
    if (end(&sse, "delta", &text))
        tell_all(stream, text);
    else
        delta_forget(&stream->delta);
}

struct stream_counts stream_counts(const struct stream *stream)
{
    return stream->counts;
}
