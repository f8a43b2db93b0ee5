/* notes.c - see notes.h. */
#include "scheduler/notes.h"

void notes_put(struct notes *notes, const struct note *note)
{
    if (notes->count == NOTES_MAX) {
        notes->missed[note->decision]++;
        notes->any_missed = true;
        return;
    }
    notes->ring[(notes->first + notes->count++) % NOTES_MAX] = *note;
}

bool notes_take(struct notes *notes, struct note *note)
{
    if (notes->count == 0)
        return false;
    *note = notes->ring[notes->first];
    notes->first = (notes->first + 1) % NOTES_MAX;
    notes->count--;
    return true;
}

enum decision_id notes_missed(struct notes *notes, uint64_t *count)
{
    for (int i = 0; notes->any_missed && i < DECISION_COUNT; i++) {
        if (notes->missed[i] == 0)
            continue;
        *count = notes->missed[i];
        notes->missed[i] = 0;
        return (enum decision_id)i;
    }
    notes->any_missed = false;
    return DECISION_COUNT;
}
