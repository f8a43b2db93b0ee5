/* agenda.c - a binary heap whose entries know their place, so that they can leave from the middle. */
#include "tests/simulator/agenda.h"

#include <errno.h>
#include <stdlib.h>

int agenda_init(struct agenda *agenda, size_t most)
{
    *agenda = (struct agenda){.most = most};
    agenda->heap = calloc(most + 1, sizeof(struct agenda_entry *));
    return agenda->heap ? 0 : -ENOMEM;
}

void agenda_done(struct agenda *agenda)
{
    free(agenda->heap);
    *agenda = (struct agenda){0};
}

static bool before(const struct agenda_entry *a, const struct agenda_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void put(struct agenda *agenda, struct agenda_entry *entry, size_t place)
{
    agenda->heap[place] = entry;
    entry->place = place;
}

static void rise(struct agenda *agenda, struct agenda_entry *entry, size_t place)
{
    while (place > 1 && before(entry, agenda->heap[place / 2])) {
        put(agenda, agenda->heap[place / 2], place);
        place /= 2;
    }
    put(agenda, entry, place);
}

static void sink(struct agenda *agenda, struct agenda_entry *entry, size_t place)
{
    while (place * 2 <= agenda->count) {
        size_t child = place * 2;

        if (child < agenda->count && before(agenda->heap[child + 1], agenda->heap[child]))
            child++;
        if (before(entry, agenda->heap[child]))
            break;
        put(agenda, agenda->heap[child], place);
        place = child;
    }
    put(agenda, entry, place);
}

int agenda_add(struct agenda *agenda, struct agenda_entry *entry, int64_t due_ns)
{
    if (agenda->count == agenda->most)
        return -ENOBUFS;
    entry->due_ns = due_ns;
    entry->order = agenda->orders++;
    rise(agenda, entry, ++agenda->count);
    return 0;
}

void agenda_remove(struct agenda *agenda, struct agenda_entry *entry)
{
    size_t place = entry->place;
    struct agenda_entry *last;

    if (place == 0)
        return;
    entry->place = 0;
    last = agenda->heap[agenda->count--];
    if (last == entry)
        return;
    if (place > 1 && before(last, agenda->heap[place / 2]))
        rise(agenda, last, place);
    else
        sink(agenda, last, place);
}

struct agenda_entry *agenda_first(const struct agenda *agenda)
{
    return agenda->count > 0 ? agenda->heap[1] : NULL;
}
