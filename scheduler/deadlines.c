/* deadlines.c - see deadlines.h. */
#include "scheduler/deadlines.h"

#include <errno.h>
#include <stdlib.h>

int deadlines_init(struct deadlines *deadlines, uint32_t limit)
{
    *deadlines = (struct deadlines){.heap = calloc(limit + 1, sizeof(struct waiter *))};
    return deadlines->heap ? 0 : -ENOMEM;
}

void deadlines_done(struct deadlines *deadlines)
{
    free(deadlines->heap);
    *deadlines = (struct deadlines){.heap = NULL};
}

static void put(struct deadlines *deadlines, uint32_t place, struct waiter *waiter)
{
    deadlines->heap[place] = waiter;
    waiter->due = place;
}

static void rise(struct deadlines *deadlines, uint32_t place, struct waiter *waiter)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;

        if (deadlines->heap[parent]->deadline_us <= waiter->deadline_us)
            break;
        put(deadlines, place, deadlines->heap[parent]);
        place = parent;
    }
    put(deadlines, place, waiter);
}

static void sink(struct deadlines *deadlines, uint32_t place, struct waiter *waiter)
{
    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= deadlines->count)
            break;
        if (child + 1 < deadlines->count &&
            deadlines->heap[child + 1]->deadline_us < deadlines->heap[child]->deadline_us)
            child++;
        if (deadlines->heap[child]->deadline_us >= waiter->deadline_us)
            break;
        put(deadlines, place, deadlines->heap[child]);
        place = child;
    }
    put(deadlines, place, waiter);
}

void deadlines_add(struct deadlines *deadlines, struct waiter *waiter)
{
    deadlines->count++;
    rise(deadlines, deadlines->count - 1, waiter);
}

void deadlines_remove(struct deadlines *deadlines, struct waiter *waiter)
{
    uint32_t place = waiter->due;
    struct waiter *last = deadlines->heap[--deadlines->count];

    if (last == waiter)
        return;
    if (last->deadline_us < waiter->deadline_us)
        rise(deadlines, place, last);
    else
        sink(deadlines, place, last);
}

struct waiter *deadlines_first(const struct deadlines *deadlines)
{
    return deadlines->count > 0 ? deadlines->heap[0] : NULL;
}
