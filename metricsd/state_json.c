/* state_json.c - see state_json.h. */
#include "metricsd/state_json.h"

#include "common/json.h"

static void put_pairs(struct json *json, const char *key, const struct message_pair *pairs, unsigned count)
{
    json_key(json, key);
    json_begin_object(json);
    for (unsigned i = 0; i < count; i++) {
        json_key_text(json, pairs[i].key);
        json_int(json, pairs[i].value);
    }
    json_end_object(json);
}

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

static void put_text(struct json *json, const char *key, struct text text)
{
    if (text.bytes == 0)
        return;
    json_key(json, key);
    json_text(json, text);
}

static void put_event(struct json *json, const struct store_event *event)
{
    json_begin_object(json);
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

int state_json_render(const struct store *store, const struct snapshot *snapshot, int64_t now_us,
                      char *buffer, size_t size, struct text *out)
{
    const struct store_process *process;
    const struct store_event *event;
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "schema");
    json_int(&json, SNAPSHOT_SCHEMA);
    json_key(&json, "version");
    json_string(&json, SLUICE_VERSION);
    json_key(&json, "seq");
    json_uint(&json, snapshot->seq);
    json_key(&json, "at_us");
    json_int(&json, snapshot->at_us);
    json_key(&json, "processes");
    json_begin_array(&json);
    for (unsigned i = 0; (process = store_process_at(store, i)); i++)
        put_process(&json, store, process, now_us);
    json_end_array(&json);
    put_pairs(&json, "values", snapshot->values, SNAPSHOT_VALUES);
    put_pairs(&json, "quantiles", snapshot->quantiles, SNAPSHOT_QUANTILES);
    json_key(&json, "events");
    json_begin_array(&json);
    for (unsigned i = 0; (event = store_event_at(store, i)); i++)
        put_event(&json, event);
    json_end_array(&json);
    json_end_object(&json);
    return json_finish(&json, out);
}
