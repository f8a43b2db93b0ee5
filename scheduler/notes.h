/* notes.h - what the core has decided by itself, until the shell has told it: a bounded list, nothing is
 * allocated. What finds no room is counted. Pure. */
#ifndef SLUICE_NOTES_H
#define SLUICE_NOTES_H

#include "common/decisions.h"
#include "common/reason.h"
#include "scheduler/job.h"

#define NOTES_MAX 512 /* a lost fetcher makes two for each of FLIGHT_MAX attempts */

struct note {
    enum decision_id decision;
    enum reason reason;
    uint64_t attempt;     /* 0 none */
    struct waiter_id who; /* the first who waits for it; all zero: nobody */
    int64_t value;        /* what the decision measures */
};

struct notes {
    unsigned first, count;
    uint64_t missed[DECISION_COUNT];
    bool any_missed;
    struct note ring[NOTES_MAX];
};

/* All zero at first. */
void notes_put(struct notes *notes, const struct note *note);

/* Gives the oldest one; false when there is none (left). */
bool notes_take(struct notes *notes, struct note *note);

/* Gives a kind of which some found no room, and how many; DECISION_COUNT when there is none (left). */
enum decision_id notes_missed(struct notes *notes, uint64_t *count);

#endif
