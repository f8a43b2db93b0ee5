/* pending.h - the requests that wait for the scheduler's word: by id, by deadline, and in the order in which
 * they came. Pure.
 *
 * A request is first unsubmitted, then submitted. Requests are submitted in order, so the unsubmitted ones
 * are always the newest; when the scheduler goes, all become unsubmitted again. Adding and removing is
 * O(log n), all else O(1). Requests are borrowed: embed struct pending_request in your own. */
#ifndef SLUICE_PENDING_H
#define SLUICE_PENDING_H

#include <stdbool.h>
#include <stdint.h>

struct pending;

struct pending_request {
    uint64_t id;                         /* set by pending_add(); never 0, and not given out again soon */
    int64_t deadline_us;                 /* set it before pending_add(), and then leave it */
    bool submitted;                      /* read only */
    bool again;                          /* read only: has been submitted before */
    struct pending_request *prev, *next; /* the table's own; to be read: in the order of coming */
    uint32_t heap_at;                    /* the table's own */
};

/* Room for so many (at most 1048575). NULL when out of memory. */
struct pending *pending_new(uint32_t limit);
void pending_free(struct pending *pending); /* takes NULL; forgets what is still in it */
uint32_t pending_count(const struct pending *pending);

/* As unsubmitted and newest. 0; -ENOBUFS when full. */
int pending_add(struct pending *pending, struct pending_request *request);
void pending_remove(struct pending *pending, struct pending_request *request); /* must be in it */

/* NULL when it is not (any more) there. */
struct pending_request *pending_find(const struct pending *pending, uint64_t id);
/* The one that has waited longest; NULL when empty. */
struct pending_request *pending_oldest(const struct pending *pending);

/* The oldest unsubmitted one, NULL when there is none; and it has been submitted now. */
struct pending_request *pending_unsubmitted(const struct pending *pending);
void pending_submit(struct pending *pending);
/* The scheduler is gone, and with it what it knew. */
void pending_unsubmit_all(struct pending *pending);

/* The one with the earliest deadline; NULL when empty. */
struct pending_request *pending_next_due(const struct pending *pending);

#endif
