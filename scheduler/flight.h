/* flight.h - the attempts that the fetcher holds: granted, or sent and not yet ended. A small bounded table.
 */
#ifndef SLUICE_FLIGHT_H
#define SLUICE_FLIGHT_H

#include "scheduler/queue.h"

#define FLIGHT_MAX 128

struct flight {
    uint64_t attempt;               /* 0: unused */
    struct job *job;                /* NULL: of an earlier scheduler's epoch, its job is not ours */
    int64_t earliest_us, latest_us; /* of another epoch: latest is when it is given up */
    int64_t sent_us;                /* 0: not known to be sent */
    struct queue_place place;       /* where its job waited, and goes back to */
    bool recalled; /* to be given back if it has not been sent: nobody waits for it, or a hold has come */
    bool aborted;  /* the fetcher has been told so */
    enum reason recall_reason;
};

struct flights {
    unsigned count;
    struct flight table[FLIGHT_MAX]; /* the first count are in use */
};

/* NULL when full. Borrowed until the next flight_remove(). */
struct flight *flight_add(struct flights *flights, uint64_t attempt);
struct flight *flight_find(struct flights *flights, uint64_t attempt);
struct flight *flight_of(struct flights *flights, const struct job *job); /* must be in flight */
/* It is to be given back if it has not been sent. */
void flight_recall(struct flight *flight, enum reason reason);
void flight_remove(struct flights *flights, struct flight *flight);

#endif
