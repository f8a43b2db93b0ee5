/* view_pace.h - when a process tells metricsd again how something stands: once a second, and sooner after a
 * change, but never more often than four times a second, so that it costs next to nothing whatever happens.
 */
#ifndef SLUICE_VIEW_PACE_H
#define SLUICE_VIEW_PACE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define VIEW_PACE_IDLE_US 1000000
#define VIEW_PACE_BUSY_US 250000

struct view_pace {
    struct event *timer;
    int64_t shown_us;
    bool changed; /* since then */
    void (*show)(void *arg, int64_t now_us);
    void *arg;
};

/* show is called from the loop, a second from now for the first time. 0, or -ENOMEM. */
int view_pace_init(struct view_pace *pace, struct event_base *base, void (*show)(void *arg, int64_t now_us),
                   void *arg);
void view_pace_done(struct view_pace *pace); /* takes what is all zero */

/* What is shown has changed. Cheap: all but the first call between two shows do nothing. */
void view_pace_change(struct view_pace *pace);

#endif
