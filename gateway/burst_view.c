/* burst_view.c - see burst_view.h. */
#include "gateway/burst_view.h"

#include <stdio.h>

#define US_IN_MS 1000

static const char *const sources[BURST_SOURCES] = {[BURST_FROM_NOBODY] = NULL,
                                                   [BURST_FROM_UPSTREAM] = "upstream",
                                                   [BURST_FROM_CACHE] = "cache",
                                                   [BURST_FROM_STALE] = "stale"};

static void put(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_int(json, value);
}

static void put_text(struct json *json, const char *key, struct text value)
{
    json_key(json, key);
    if (value.bytes > 0)
        json_text(json, value);
    else
        json_null(json);
}

/* NULL: null. */
static void put_string(struct json *json, const char *key, const char *value)
{
    put_text(json, key, text_of(value ? value : ""));
}

static void put_head(struct json *json, const struct burst_view *view)
{
    const struct burst *burst = view->burst;
    char href[sizeof(BURST_PATH "/") + BURST_ID_BYTES];

    snprintf(href, sizeof(href), BURST_PATH "/%.*s", TEXT_ARGS(view->id));
    put_text(json, "id", view->id);
    put_string(json, "href", href);
    put_text(json, "request", view->request_id);
    put_string(json, "lane", burst->order.lane->name);
    put_string(json, "state", burst_state_name(burst_state(burst)));
    put(json, "requests", burst->order.count);
    put(json, "concurrency", burst->order.concurrency);
    json_key(json, "rate");
    if (burst->order.rate > 0)
        json_double(json, burst->order.rate);
    else
        json_null(json);
    put(json, "elapsed_ms", ((burst->over_us ? burst->over_us : view->now_us) - burst->began_us) / US_IN_MS);
    put(json, "waiting", burst->order.count - burst->begun);
    put(json, "in_flight", burst->in_flight);
    put(json, "ended", burst->ended);
    put(json, "successful", burst->successful);
    put(json, "failed", burst->failed);
    put(json, "dropped", burst->dropped);
}

static void put_summary(struct json *json, const struct burst_summary *summary)
{
    char status[16];

    json_key(json, "summary");
    json_begin_object(json);
    json_key(json, "sources");
    json_begin_object(json);
    for (unsigned i = BURST_FROM_UPSTREAM; i < BURST_SOURCES; i++)
        put(json, sources[i], summary->sources[i]);
    json_end_object(json);
    json_key(json, "statuses");
    json_begin_object(json);
    for (unsigned i = 0; i < summary->status_count; i++) {
        snprintf(status, sizeof(status), "%u", summary->statuses[i].status);
        put(json, status, summary->statuses[i].count);
    }
    json_end_object(json);
    json_key(json, "reasons");
    json_begin_object(json);
    for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (summary->reasons[i] > 0)
            put(json, reason_name((enum reason)i), summary->reasons[i]);
    }
    json_end_object(json);
    json_key(json, "total_us");
    json_begin_object(json);
    put(json, "min", summary->min_us);
    put(json, "mean", summary->mean_us);
    put(json, "p50", summary->p50_us);
    put(json, "p95", summary->p95_us);
    put(json, "p99", summary->p99_us);
    put(json, "max", summary->max_us);
    json_end_object(json);
    json_end_object(json);
}

/* null unless it is known. */
static void put_known(struct json *json, const char *key, bool known, uint64_t value)
{
    json_key(json, key);
    if (known)
        json_uint(json, value);
    else
        json_null(json);
}

static void put_end(struct json *json, const struct burst_request *request)
{
    bool ended = request->phase == BURST_ENDED;
    const char *reason = request->reason != REASON_NONE ? reason_name((enum reason)request->reason) : NULL;
    struct text id = {.at = request->request_id, .bytes = request->request_id[0] ? RENDER_ID_BYTES : 0};

    put_text(json, "request_id", id);
    put_known(json, "status", request->status > 0, request->status);
    put_string(json, "reason", reason);
    put_string(json, "source", sources[request->source]);
    put_known(json, "wait_us", ended, (uint64_t)request->wait_us);
    put_known(json, "total_us", ended, (uint64_t)request->total_us);
    put_known(json, "attempt", request->attempt > 0, request->attempt);
}

static void put_result(struct json *json, const struct burst *burst, unsigned index)
{
    static const char *const phases[] = {
        [BURST_WAITING] = "waiting", [BURST_IN_FLIGHT] = "in_flight", [BURST_ENDED] = "ended"};
    const struct burst_request *request = &burst->requests[index];
    bool never = request->phase == BURST_WAITING && burst->stopped;

    json_begin_object(json);
    put(json, "index", index);
    put_string(json, "state", never ? "not_made" : phases[request->phase]);
    put_string(json, "cpf", request->subject);
    put(json, "priority", burst_priority(burst, index));
    put_end(json, request);
    json_end_object(json);
}

void burst_view_head(struct json *json, const struct burst_view *view)
{
    json_begin_object(json);
    put_head(json, view);
    json_end_object(json);
}

static void put_results(struct json *json, const struct burst_view *view)
{
    unsigned count = view->burst->order.count, limit = view->limit, index = view->from;

    json_key(json, "results");
    json_begin_array(json);
    for (; index < count && limit > 0; index++, limit--)
        put_result(json, view->burst, index);
    json_end_array(json);
    json_key(json, "next");
    if (index < count && index > 0)
        json_uint(json, index - 1);
    else
        json_null(json);
}

struct text burst_view_whole(char *room, size_t bytes, const struct burst_view *view)
{
    struct text text = {.at = room, .bytes = 0};
    struct json json;

    json_init(&json, room, bytes);
    json_begin_object(&json);
    put_head(&json, view);
    put_summary(&json, view->summary);
    put_results(&json, view);
    json_end_object(&json);
    if (json_finish(&json, &text) < 0)
        text.bytes = 0;
    return text;
}
