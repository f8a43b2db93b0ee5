/* flight.c - see flight.h. Few are in flight at a time, so a walk beats a hash. */
#include "scheduler/flight.h"

#include <stddef.h>

struct flight *flight_add(struct flights *flights, uint64_t attempt)
{
    struct flight *flight;

    if (flights->count == FLIGHT_MAX)
        return NULL;
    flight = &flights->table[flights->count++];
    *flight = (struct flight){.attempt = attempt};
    return flight;
}

struct flight *flight_find(struct flights *flights, uint64_t attempt)
{
    for (unsigned i = 0; i < flights->count; i++) {
        if (flights->table[i].attempt == attempt)
            return &flights->table[i];
    }
    return NULL;
}

void flight_recall(struct flight *flight, enum reason reason)
{
    flight->recalled = true;
    flight->recall_reason = reason;
}

struct flight *flight_of(struct flights *flights, const struct job *job)
{
    struct flight *flight = flights->table;

    while (flight->job != job)
        flight++;
    return flight;
}

void flight_remove(struct flights *flights, struct flight *flight)
{
    *flight = flights->table[--flights->count];
    flights->table[flights->count] = (struct flight){.attempt = 0};
}
