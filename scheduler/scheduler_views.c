/* scheduler_views.c - what metricsd's page shows of the scheduler besides its metrics: who waits, and who
 * asks most. */
#include "common/clock.h"
#include "scheduler/queue_view.h"
#include "scheduler/scheduler_inside.h"

static void show_queue(struct scheduler *scheduler, int64_t now_us)
{
    char room[QUEUE_VIEW_BYTES];
    struct text text;

    if (queue_view_render(scheduler->lanes, LANES, now_us, room, sizeof(room), &text) == 0)
        event_view(scheduler->events, "queue", text);
}

static void show_clients(struct scheduler *scheduler, int64_t now_us)
{
    char room[TOP_CLIENTS_BYTES];
    struct text text;

    scheduler->clients_shown_us = now_us;
    if (top_clients_render(&scheduler->top, room, sizeof(room), &text) == 0)
        event_view(scheduler->events, "clients", text);
}

void scheduler_show(void *arg, int64_t now_us)
{
    struct scheduler *scheduler = arg;

    show_queue(scheduler, now_us);
    if (now_us - scheduler->clients_shown_us >= VIEW_PACE_IDLE_US)
        show_clients(scheduler, now_us);
}
