/* queue_view.c - see queue_view.h. */
#include "scheduler/queue_view.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"

#define ID_BYTES 34 /* of a request's name, with NUL */

static void put_int(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_int(json, value);
}

/* "1122334455667788-0000000000000001": its gateway's epoch and its number there. */
static void name_request(struct waiter_id id, char name[ID_BYTES])
{
    snprintf(name, ID_BYTES, "%016" PRIx64 "-%016" PRIx64, id.gateway, id.request);
}

static void put_row(struct json *json, const struct lane *lane, const struct core_entry *entry,
                    int64_t now_us)
{
    const struct waiter *waiter = entry->waiter;
    char name[ID_BYTES];

    name_request(waiter->id, name);
    json_begin_object(json);
    json_key(json, "id");
    json_string(json, name);
    json_key(json, "lane");
    json_string(json, lane->name);
    put_int(json, "priority", waiter->priority);
    json_key(json, "client");
    json_text(json, ticket_client(waiter->mine));
    put_int(json, "age_ms", (now_us - waiter->arrival_us) / US_PER_MS);
    put_int(json, "remaining_ms", (waiter->deadline_us - now_us) / US_PER_MS);
    put_int(json, "position", entry->position);
    json_key(json, "eta_ms");
    if (entry->eta_us >= 0)
        json_int(json, entry->eta_us / US_PER_MS);
    else
        json_null(json);
    json_key(json, "shared");
    json_bool(json, waiter->joined);
    json_end_object(json);
}

bool queue_page_put(const struct queue_page *page, struct json *json)
{
    unsigned room = page->limit;
    bool found = !page->after;
    struct waiter_id last = {0};
    char name[ID_BYTES];

    json_key(json, "requests");
    json_begin_array(json);
    for (unsigned i = 0; i < page->lane_count; i++) {
        const struct lane *lane = &page->lanes[i];
        int count = core_list(lane->core, found ? NULL : page->after, page->now_us, page->entries, room);

        for (int e = 0; e < count; e++)
            put_row(json, lane, &page->entries[e], page->now_us);
        found = found || count >= 0;
        if (count > 0)
            last = page->entries[count - 1].waiter->id;
        room -= count > 0 ? (unsigned)count : 0;
    }
    json_end_array(json);
    json_key(json, "next");
    name_request(last, name);
    if (room == 0)
        json_string(json, name);
    else
        json_null(json);
    return found;
}

void queue_controls_put(const struct lane *lane, const struct core_view *view, struct json *json)
{
    const struct queue_policy *policy;

    json_key(json, "policy");
    json_string(json, lane->policy->name);
    json_key(json, "policies");
    json_begin_array(json);
    for (unsigned i = 0; (policy = queue_policy_at(i)); i++)
        json_string(json, policy->name);
    json_end_array(json);
    json_key(json, "paused");
    json_bool(json, view->paused);
}

int queue_view_render(const struct lane *lanes, unsigned count, int64_t now_us, char *buffer, size_t size,
                      struct text *out)
{
    struct core_entry entries[QUEUE_VIEW_ROWS];
    struct queue_page page = {
        .lanes = lanes, .lane_count = count, .entries = entries, .limit = QUEUE_VIEW_ROWS, .now_us = now_us};
    unsigned total = 0;
    struct core_view view;
    struct json json;

    core_look(lanes[0].core, now_us, &view);
    for (unsigned i = 0; i < count; i++)
        total += core_waiting(lanes[i].core);
    json_init(&json, buffer, size);
    json_begin_object(&json);
    queue_controls_put(&lanes[0], &view, &json);
    json_key(&json, "window_ms");
    json_double(&json, (double)view.window_us / US_PER_MS);
    put_int(&json, "total", total);
    queue_page_put(&page, &json);
    json_end_object(&json);
    return json_finish(&json, out);
}
