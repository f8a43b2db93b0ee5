/* state_json.c - see state_json.h. */
#include "metricsd/state_json.h"

#define SHOWN_LANE "score" /* the one that there is today */

static void put_process(struct json *json, const struct store *store, const struct store_process *process,
                        int64_t now_us)
{
    json_begin_object(json);
    json_key(json, "process");
    json_string(json, store_kind_name(process->kind));
    json_key(json, "instance");
    json_uint(json, process->instance);
    json_key(json, "epoch");
    json_hex(json, process->epoch);
    json_key(json, "pid");
    json_uint(json, process->pid);
    json_key(json, "up");
    json_bool(json, store_process_is_up(store, process, now_us));
    json_key(json, "uptime_us");
    json_int(json, process->heard_at_us - process->started_at_us);
    json_key(json, "silent_us");
    json_int(json, now_us - process->heard_at_us);
    json_key(json, "events");
    json_uint(json, process->events);
    json_key(json, "events_lost");
    json_uint(json, process->lost);
    json_end_object(json);
}

void state_json_put_pairs(struct json *json, const struct message_pair *pairs, unsigned count)
{
    json_begin_object(json);
    for (unsigned i = 0; i < count; i++) {
        json_key_text(json, pairs[i].key);
        json_int(json, pairs[i].value);
    }
    json_end_object(json);
}

void state_json_put_windows(struct json *json, const struct windows *windows)
{
    json_begin_object(json);
    for (int i = 0; i < WINDOW_COUNT; i++) {
        struct message_pairs pairs = windows_pairs(windows, (enum window)i);

        json_key(json, windows_name((enum window)i));
        state_json_put_pairs(json, pairs.items, pairs.count);
    }
    json_end_object(json);
}

static void put_time(struct json *json, const char *key, int64_t time_us)
{
    json_key(json, key);
    if (time_us == SLOTS_NONE)
        json_null(json);
    else
        json_int(json, time_us);
}

static void put_slot(struct json *json, const struct slot *slot)
{
    json_begin_object(json);
    put_time(json, "at_us", slot->at_us);
    put_time(json, "gap_us", slot->gap_us);
    put_time(json, "late_us", slot->late_us);
    json_key(json, "attempt");
    json_uint(json, slot->attempt);
    json_key(json, "outcome");
    json_string(json, slot_outcome_name(slot->outcome));
    json_end_object(json);
}

void state_json_put_slots(struct json *json, const struct slots *slots, int64_t now_us)
{
    int lane = slots_lane(slots, SHOWN_LANE);
    const struct slot *slot;

    json_begin_object(json);
    put_time(json, "window_us", slots_window_us(slots));
    json_key(json, "burst");
    json_uint(json, slots_burst(slots));
    json_key(json, "sent");
    json_begin_array(json);
    for (unsigned i = 0; (slot = slots_at(slots, lane, i)); i++)
        put_slot(json, slot);
    json_end_array(json);
    put_time(json, "smallest_gap_us", slots_smallest_gap_us(slots, lane, now_us));
    json_key(json, "violations");
    json_uint(json, slots_violations(slots, lane));
    json_end_object(json);
}

void state_json_put_views(struct json *json, const struct views *views)
{
    const struct view *view;

    json_begin_object(json);
    for (unsigned i = 0; (view = views_at(views, i)); i++) {
        json_key(json, view->key);
        json_raw(json, view->json);
    }
    json_end_object(json);
}

/* "": there is none. */
static void put_link(struct json *json, const char *key, const char *url)
{
    json_key(json, key);
    if (url[0])
        json_string(json, url);
    else
        json_null(json);
}

void state_json_put_links(struct json *json, const struct links *links)
{
    json_begin_object(json);
    put_link(json, "gateway", links->gateway);
    put_link(json, "simulator", links->simulator);
    json_end_object(json);
}

static void put_text(struct json *json, const char *key, struct text text)
{
    if (text.bytes == 0)
        return;
    json_key(json, key);
    json_text(json, text);
}

void state_json_put_event(struct json *json, const struct store_event *event)
{
    json_begin_object(json);
    json_key(json, "id");
    json_uint(json, event->id);
    json_key(json, "at_us");
    json_int(json, event->at_us);
    json_key(json, "process");
    json_string(json, store_kind_name(event->kind));
    json_key(json, "epoch");
    json_hex(json, event->epoch);
    json_key(json, "seq");
    json_uint(json, event->seq);
    json_key(json, "event");
    json_string(json, event->name);
    put_text(json, "lane", event->lane);
    put_text(json, "request", event->request);
    put_text(json, "reason", event->reason);
    put_text(json, "note", event->note);
    if (event->attempt) {
        json_key(json, "attempt");
        json_uint(json, event->attempt);
    }
    json_key(json, "value");
    json_int(json, event->value);
    json_end_object(json);
}

void state_json_put_processes(struct json *json, const struct store *store, int64_t now_us)
{
    const struct store_process *process;

    json_begin_array(json);
    for (unsigned i = 0; (process = store_process_at(store, i)); i++)
        put_process(json, store, process, now_us);
    json_end_array(json);
}

void state_json_put_events(struct json *json, const struct store *store, uint64_t after)
{
    const struct store_event *event;

    json_begin_array(json);
    for (unsigned i = 0; (event = store_event_at(store, i)) && event->id > after; i++)
        state_json_put_event(json, event);
    json_end_array(json);
}

static void put_head(struct json *json, const struct state_parts *parts)
{
    json_key(json, "schema");
    json_int(json, STATE_JSON_SCHEMA);
    json_key(json, "version");
    json_string(json, SLUICE_VERSION);
    json_key(json, "epoch");
    json_hex(json, parts->epoch);
    json_key(json, "seq");
    json_uint(json, parts->snapshot->seq);
    json_key(json, "at_us");
    json_int(json, parts->snapshot->at_us);
}

int state_json_render(const struct state_parts *parts, int64_t now_us, char *buffer, size_t size,
                      struct text *out)
{
    const struct snapshot *snapshot = parts->snapshot;
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    put_head(&json, parts);
    json_key(&json, "processes");
    state_json_put_processes(&json, parts->store, now_us);
    json_key(&json, "values");
    state_json_put_pairs(&json, snapshot->values, SNAPSHOT_VALUES);
    json_key(&json, "quantiles");
    state_json_put_pairs(&json, snapshot->quantiles, SNAPSHOT_QUANTILES);
    json_key(&json, "windows");
    state_json_put_windows(&json, parts->windows);
    json_key(&json, "slots");
    state_json_put_slots(&json, parts->slots, now_us);
    json_key(&json, "views");
    state_json_put_views(&json, parts->views);
    json_key(&json, "links");
    state_json_put_links(&json, parts->links);
    json_key(&json, "events");
    state_json_put_events(&json, parts->store, 0);
    json_end_object(&json);
    return json_finish(&json, out);
}
