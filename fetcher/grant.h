/* grant.h - a permit that the scheduler has handed over, until its end has been reported.
 *
 *   waiting  for its time         -> started, or given back
 *   started  and connecting       -> sent, or given back
 *   sent     to the provider      -> ended: whatever happens to the link, it ends into the cache */
#ifndef SLUICE_GRANT_H
#define SLUICE_GRANT_H

#include <event2/event.h>

#include "common/cache.h"
#include "fetcher/transfer.h"

enum grant_state { GRANT_WAITING, GRANT_STARTED, GRANT_SENT };

struct upstream_lane;

struct grant {
    struct grant *next;
    void *owner;
    struct upstream_lane *lane;
    enum grant_state state;
    uint64_t serial;  /* of this fetcher's, never used twice */
    uint64_t attempt; /* the scheduler's number */
    uint64_t link;    /* on which it came, or on which `ready` has told of it */
    char request[MESSAGE_ID_BYTES + 1];
    struct cache_key key;
    int64_t earliest_at_us, latest_at_us, deadline_at_us;
    int64_t not_before_us; /* wall clock: what the cache has from before is not good enough; 0: all is */
    bool no_store;         /* the answer may not be kept */
    bool late;             /* slower than is good, and the breaker knows it */
    struct event *timer;
    struct transfer *transfer;
};

/* From a `fetch`: all but owner, lane, timer and transfer. NULL: out of memory, or the key has a wrong
 * length. */
struct grant *grant_new(const struct message_fetch *fetch, uint64_t serial, uint64_t link);
void grant_free(struct grant *grant); /* ends the transfer too; takes NULL */

/* A list without an order. */
void grant_add(struct grant **list, struct grant *grant);
void grant_remove(struct grant **list, struct grant *grant);
/* NULL when there is none; attempts differ within a link. */
struct grant *grant_find(struct grant *list, uint64_t attempt, uint64_t link);
unsigned grant_count(const struct grant *list, enum grant_state state);

#endif
