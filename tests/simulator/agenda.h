/* agenda.h - what is due when: a bounded binary heap over absolute nanoseconds. Pure.
 *
 * One timer for the earliest entry, instead of one timer each: relative timers that are set microseconds
 * apart fire in any order, and requests of one connection would overtake each other. */
#ifndef SIMULATOR_AGENDA_H
#define SIMULATOR_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what is due; zeroed at first. */
struct agenda_entry {
    int64_t due_ns;
    uint64_t order; /* equal times leave in the order of coming */
    size_t place;   /* in the heap, from 1; 0: not in it */
};

struct agenda {
    struct agenda_entry **heap; /* from 1 */
    size_t count, most;
    uint64_t orders;
};

int agenda_init(struct agenda *agenda, size_t most); /* 0 or -ENOMEM */
void agenda_done(struct agenda *agenda);

/* -ENOBUFS when it is full. The entry is borrowed until it leaves. */
int agenda_add(struct agenda *agenda, struct agenda_entry *entry, int64_t due_ns);
void agenda_remove(struct agenda *agenda, struct agenda_entry *entry); /* takes one that is not in it */

/* The earliest entry, which stays; NULL when there is none. */
struct agenda_entry *agenda_first(const struct agenda *agenda);

#endif
