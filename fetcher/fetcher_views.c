/* fetcher_views.c - what metricsd's page shows of the fetcher besides its metrics: the breaker. */
#include <stdlib.h>

#include "fetcher/breaker_view.h"
#include "fetcher/fetcher_inside.h"

#define WALL_STEP_US 50000 /* less is not worth telling */

/* What has not changed is told in the same words, though the clocks drift against each other. */
void fetcher_show(void *arg, int64_t now_us)
{
    struct fetcher *fetcher = arg;
    int64_t wall_us = clock_wall_us() - now_us;
    char room[BREAKER_VIEW_BYTES];
    struct text text;

    if (llabs(wall_us - fetcher->wall_us) > WALL_STEP_US)
        fetcher->wall_us = wall_us;
    if (breaker_view_render(&fetcher->lane.breaker, fetcher->wall_us, room, sizeof(room), &text) == 0)
        event_view(fetcher->events, "breaker", text);
}
