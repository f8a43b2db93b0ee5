/* deadlines.h - the waiters by the time at which they stop waiting: an indexed binary heap, 8 bytes for each
 * waiter, O(log n) to add and to remove from the middle. Its size is fixed at birth. Waiters are borrowed. */
#ifndef SLUICE_DEADLINES_H
#define SLUICE_DEADLINES_H

#include "scheduler/job.h"

struct deadlines {
    struct waiter **heap;
    uint32_t count;
};

/* For so many waiters. 0 or -ENOMEM. */
int deadlines_init(struct deadlines *deadlines, uint32_t limit);
void deadlines_done(struct deadlines *deadlines); /* takes one that is all zeros */

void deadlines_add(struct deadlines *deadlines, struct waiter *waiter);    /* below the limit */
void deadlines_remove(struct deadlines *deadlines, struct waiter *waiter); /* must be in it */

/* The one whose deadline is next; NULL when empty. */
struct waiter *deadlines_first(const struct deadlines *deadlines);

#endif
