/* delta.c - see delta.h. */
#include "metricsd/delta.h"

#include "metricsd/history_json.h"

/* FNV-1a. Nobody gains by a collision, and by chance there is none. */
static uint64_t hash(const char *at, size_t bytes)
{
    uint64_t sum = 0xcbf29ce484222325;

    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ (unsigned char)at[i]) * 0x100000001b3;
    return sum;
}

/* A part has been written since `before`, its value from `value` on. Takes it back when that has been told,
 * and says so. */
static bool keep_if_new(struct json *json, struct json before, size_t value, uint64_t *known)
{
    uint64_t now = hash(json->at + value, json->bytes - value);
    bool is_new = now != *known || json->full;

    if (!is_new)
        *json = before;
    *known = now;
    return is_new;
}

static bool put_changes(struct json *json, const char *key, const struct message_pair *pairs, unsigned count,
                        int64_t *known, bool is_known)
{
    struct json before = *json;
    bool any = false;

    json_key(json, key);
    json_begin_object(json);
    for (unsigned i = 0; i < count; i++) {
        if (is_known && pairs[i].value == known[i])
            continue;
        any = true;
        known[i] = pairs[i].value;
        json_key_text(json, pairs[i].key);
        json_int(json, pairs[i].value);
    }
    json_end_object(json);
    if (!any)
        *json = before;
    return any;
}

static void put_windows(struct delta *delta, struct json *json, const struct windows *windows)
{
    struct json before = *json;
    bool any = false;

    json_key(json, "windows");
    json_begin_object(json);
    for (int i = 0; i < WINDOW_COUNT; i++) {
        struct message_pairs pairs = windows_pairs(windows, (enum window)i);

        any |= put_changes(json, windows_name((enum window)i), pairs.items, pairs.count, delta->windows[i],
                           delta->is_known);
    }
    json_end_object(json);
    if (!any)
        *json = before;
}

static void put_processes(struct delta *delta, struct json *json, const struct store *store, int64_t now_us)
{
    struct json before = *json;
    size_t value;

    json_key(json, "processes");
    value = json->bytes;
    state_json_put_processes(json, store, now_us);
    keep_if_new(json, before, value, &delta->processes);
}

static bool put_slots(struct delta *delta, struct json *json, const struct slots *slots, int64_t now_us)
{
    struct json before = *json;
    size_t value;

    json_key(json, "slots");
    value = json->bytes;
    state_json_put_slots(json, slots, now_us);
    return keep_if_new(json, before, value, &delta->slots);
}

static void put_links(struct delta *delta, struct json *json, const struct links *links)
{
    struct json before = *json;
    size_t value;

    json_key(json, "links");
    value = json->bytes;
    state_json_put_links(json, links);
    keep_if_new(json, before, value, &delta->links);
}

static bool is_there(const struct views *views, const char *key)
{
    const struct view *view;

    for (unsigned i = 0; (view = views_at(views, i)); i++) {
        if (strcmp(view->key, key) == 0)
            return true;
    }
    return false;
}

static void note_keys(struct delta *delta, const struct views *views)
{
    const struct view *view;

    delta->view_count = 0;
    for (unsigned i = 0; i < VIEWS_MAX && (view = views_at(views, i)); i++)
        memcpy(delta->views[delta->view_count++], view->key, sizeof(view->key));
}

static bool put_views(struct delta *delta, struct json *json, const struct views *views)
{
    uint64_t told = delta->view_changes;
    struct json before = *json;
    const struct view *view;
    bool any = false;

    json_key(json, "views");
    json_begin_object(json);
    for (unsigned i = 0; (view = views_at(views, i)); i++) {
        if (view->changes <= told)
            continue;
        any = true;
        json_key(json, view->key);
        json_raw(json, view->json);
        if (view->changes > delta->view_changes)
            delta->view_changes = view->changes;
    }
    for (unsigned i = 0; i < delta->view_count; i++) {
        if (is_there(views, delta->views[i]))
            continue;
        any = true;
        json_key(json, delta->views[i]);
        json_null(json);
    }
    json_end_object(json);
    if (!any)
        *json = before;
    note_keys(delta, views);
    return any;
}

void delta_put(struct delta *delta, struct json *json, const struct state_parts *parts, int64_t now_us)
{
    const struct snapshot *snapshot = parts->snapshot;

    json_begin_object(json);
    state_json_put_seq(json, snapshot);
    put_changes(json, "values", snapshot->values, SNAPSHOT_VALUES, delta->values, delta->is_known);
    put_changes(json, "quantiles", snapshot->quantiles, SNAPSHOT_QUANTILES, delta->quantiles,
                delta->is_known);
    put_windows(delta, json, parts->windows);
    put_processes(delta, json, parts->store, now_us);
    put_slots(delta, json, parts->slots, now_us);
    put_views(delta, json, parts->views);
    put_links(delta, json, parts->links);
    json_key(json, "point");
    history_json_put_newest(json, parts->history, HISTORY_15M);
    json_end_object(json);
    delta->is_known = true;
}

bool delta_put_between(struct delta *delta, struct json *json, const struct state_parts *parts,
                       int64_t now_us)
{
    struct json before = *json;
    bool any;

    json_begin_object(json);
    any = put_slots(delta, json, parts->slots, now_us);
    any |= put_views(delta, json, parts->views);
    json_end_object(json);
    if (!any)
        *json = before;
    return any;
}

/* All of the state will be told again as it changes, but of a view that goes one must know that it was there.
 */
void delta_add_state(struct delta *delta, const struct state_parts *parts)
{
    note_keys(delta, parts->views);
}

void delta_forget(struct delta *delta)
{
    *delta = (struct delta){.is_known = false};
}
