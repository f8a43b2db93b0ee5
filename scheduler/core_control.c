/* core_control.c - see core.h. Here: what an operator may ask and order. */
#include <errno.h>

#include "scheduler/core_inside.h"

void core_pause(struct core *core, bool paused, int64_t now_us)
{
    core->paused = paused;
    core->work_waited = false; /* the gap is no property of the schedule */
    core->progress_us = now_us;
    if (paused)
        core_recall_unsent(core, REASON_NONE);
}

int core_policy(struct core *core, const struct queue_policy *policy)
{
    return queue_switch(&core->queue, policy);
}

void core_rate(struct core *core, int64_t window_us, int64_t now_us)
{
    bool longer = window_us > core->config.limiter.window_us;

    core->config.limiter.window_us = window_us;
    limiter_rate(&core->limiter, window_us, now_us);
    core->interval_us = limiter_span_us(&core->limiter) / core->config.limiter.burst;
    core->work_waited = false;
    core->progress_us = now_us;
    if (longer)
        core_recall_unsent(core, REASON_NONE); /* their times were reckoned with the shorter window */
}

bool core_remove(struct core *core, struct waiter_id id)
{
    struct waiter *waiter = roster_find_waiter(&core->roster, id);

    if (waiter)
        core_dismiss(core, waiter, REASON_REMOVED, 0);
    return waiter != NULL;
}

int core_list(struct core *core, const struct waiter_id *after, int64_t now_us, struct core_entry *entries,
              unsigned most)
{
    const struct waiter *waiter = NULL;
    const struct job *job;
    unsigned place = 0, count = 0;

    if (after) {
        waiter = roster_find_waiter(&core->roster, *after);
        place = waiter ? core_position(core, waiter->job) : 0;
        if (place-- == 0)
            return -ENOENT;
        waiter = waiter->next;
        place += waiter == NULL;
    }
    for (; count < most && (job = core_at(core, place)); place++) {
        int64_t eta_us = core->paused ? -1 : core_eta_of(core, job, now_us);

        for (waiter = waiter ? waiter : job->waiters; waiter && count < most; waiter = waiter->next)
            entries[count++] = (struct core_entry){.waiter = waiter, .position = place + 1, .eta_us = eta_us};
        waiter = NULL;
    }
    return (int)count;
}

unsigned core_waiting(const struct core *core)
{
    unsigned count = roster_waiter_count(&core->roster);

    for (unsigned i = 0; i < core->flights.count; i++)
        count -= core->flights.table[i].job ? core->flights.table[i].job->count : 0;
    return count;
}

bool core_place(struct core *core, struct waiter_id id, int64_t now_us, struct core_entry *entry)
{
    const struct waiter *waiter = roster_find_waiter(&core->roster, id);
    unsigned position;

    if (!waiter)
        return false;
    queue_lift(&core->queue, now_us);
    position = core_position(core, waiter->job);
    *entry = (struct core_entry){
        .waiter = waiter,
        .position = position,
        .eta_us = position > 0 && core->paused ? -1 : core_eta_of(core, waiter->job, now_us),
    };
    return true;
}
