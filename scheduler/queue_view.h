/* queue_view.h - who waits, as JSON: for GET /admin/queue page by page, and for the view `queue`. Pure.
 *
 * A row: id, lane, priority, client (the keyed hash that its gateway made of its id), age_ms, remaining_ms,
 * position, eta_ms (null while nobody knows), shared. What was asked, nobody here knows. */
#ifndef SLUICE_QUEUE_VIEW_H
#define SLUICE_QUEUE_VIEW_H

#include "common/json.h"
#include "scheduler/lane.h"

#define QUEUE_VIEW_ROWS        50
#define QUEUE_VIEW_ROW_BYTES   544 /* of one row, every byte of every name escaped */
#define QUEUE_VIEW_FRAME_BYTES 512 /* around them */
#define QUEUE_VIEW_BYTES       (QUEUE_VIEW_FRAME_BYTES + QUEUE_VIEW_ROWS * QUEUE_VIEW_ROW_BYTES)

/* What is to be listed. */
struct queue_page {
    const struct lane *lanes;
    unsigned lane_count;
    const struct waiter_id *after; /* begins behind that one; NULL: at the head */
    struct core_entry *entries;    /* room for so many rows: */
    unsigned limit;
    int64_t now_us;
};

/* "requests": lane by lane, in the order of their queues; "next": whom to go on after, null when that is all.
 * False when `after` does not wait (any more). */
bool queue_page_put(const struct queue_page *page, struct json *json);

/* "policy", "policies", "paused": what is in force. An order is for every lane: they are all alike. */
void queue_controls_put(const struct lane *lane, const struct core_view *view, struct json *json);

/* {"policy":…,"policies":[…],"paused":…,"window_ms":…,"total":N,"requests":[the first
 * QUEUE_VIEW_ROWS],"next":…}: 0, or -ENOBUFS. */
int queue_view_render(const struct lane *lanes, unsigned count, int64_t now_us, char *buffer, size_t size,
                      struct text *out);

#endif
