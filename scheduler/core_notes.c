/* core_notes.c - see core.h. Here: what the core has decided by itself, for the shell to tell. */
#include <utlist.h>

#include "scheduler/core_inside.h"

static bool same(struct waiter_id a, struct waiter_id b)
{
    return a.gateway == b.gateway && a.request == b.request;
}

void core_note(struct core *core, enum decision_id decision, const struct core_about *about)
{
    struct note note = {.decision = decision,
                        .reason = about->reason,
                        .attempt = about->attempt,
                        .value = about->value > 0 ? about->value : 0};

    if (about->job && about->job->waiters)
        note.who = about->job->waiters->id;
    notes_put(&core->notes, &note);
}

bool core_noted(struct core *core, struct note *note)
{
    return notes_take(&core->notes, note);
}

enum decision_id core_missed(struct core *core, uint64_t *count)
{
    return notes_missed(&core->notes, count);
}

const struct waiter *core_find(const struct core *core, struct waiter_id id)
{
    const struct waiter *waiter = roster_find_waiter(&core->roster, id);

    if (waiter)
        return waiter;
    DL_FOREACH(core->dismissed, waiter)
    {
        if (same(waiter->id, id))
            return waiter;
    }
    return NULL;
}
