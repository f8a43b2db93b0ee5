/* view_pace.c - see view_pace.h. */
#include "common/view_pace.h"

#include <errno.h>

#include "common/clock.h"
#include "common/loop.h"

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct view_pace *pace = arg;

    (void)fd;
    (void)what;
    pace->shown_us = clock_now_us();
    pace->changed = false;
    loop_arm(pace->timer, VIEW_PACE_IDLE_US);
    pace->show(pace->arg, pace->shown_us);
}

int view_pace_init(struct view_pace *pace, struct event_base *base, void (*show)(void *arg, int64_t now_us),
                   void *arg)
{
    *pace = (struct view_pace){.timer = evtimer_new(base, on_timer, pace),
                               .shown_us = clock_now_us(),
                               .changed = true, /* nobody listens in the first second */
                               .show = show,
                               .arg = arg};
    if (!pace->timer)
        return -ENOMEM;
    loop_arm(pace->timer, VIEW_PACE_IDLE_US);
    return 0;
}

void view_pace_done(struct view_pace *pace)
{
    if (pace->timer)
        event_free(pace->timer);
}

void view_pace_change(struct view_pace *pace)
{
    if (pace->changed)
        return;
    pace->changed = true;
    loop_arm(pace->timer, pace->shown_us + VIEW_PACE_BUSY_US - clock_now_us());
}
