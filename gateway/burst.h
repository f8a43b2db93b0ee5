/* burst.h - a burst: many requests that one order asks for, begun by concurrency and rate, and what has
 * become of each. Pure: it says when the next one may begin, its owner makes it and tells its end.
 *
 * A request begins when fewer than `concurrency` are on their way and 1/rate has passed since the one before.
 * A timer's lateness of up to 0.1 s is made up; what concurrency has held back is not. */
#ifndef SLUICE_BURST_H
#define SLUICE_BURST_H

#include "gateway/burst_order.h"
#include "gateway/decision.h"
#include "gateway/render.h"

enum burst_state {
    BURST_RUNNING,
    BURST_STOPPING,  /* no more begin; some are still on their way */
    BURST_DONE,      /* all have ended */
    BURST_CANCELLED, /* some have not, or were not even begun */
};

enum burst_phase { BURST_WAITING, BURST_IN_FLIGHT, BURST_ENDED };

enum burst_source {
    BURST_FROM_NOBODY,
    BURST_FROM_UPSTREAM,
    BURST_FROM_CACHE,
    BURST_FROM_STALE,
    BURST_SOURCES
};

struct burst;

struct burst_request {
    struct errand errand; /* the owner's */
    struct burst *burst;
    int64_t wait_us, total_us;
    uint64_t attempt;                 /* 0 none */
    char subject[LANE_SUBJECT_BYTES]; /* masked; "": it is nothing that can be asked for */
    char request_id[RENDER_ID_BYTES];
    uint16_t status; /* 0: it has been left */
    uint8_t phase, source, reason;
};

struct burst {
    void *mine; /* the owner's */
    struct burst_order order;
    struct burst_request *requests;
    unsigned begun, in_flight, ended;
    unsigned successful, failed, dropped; /* of the ended, as in the gateway's totals */
    bool stopped;
    int64_t began_us, next_us; /* the next one may not begin before that */
    int64_t over_us;           /* when it was over; 0: it is not */
};

/* What its requests have come to so far. */
struct burst_summary {
    unsigned sources[BURST_SOURCES];
    unsigned reasons[REASON_COUNT];
    struct burst_status {
        unsigned status, count;
    } statuses[16]; /* in the order of coming; what comes after so many different ones is not told */
    unsigned status_count;
    int64_t min_us, mean_us, p50_us, p95_us, p99_us, max_us; /* of their times; 0: none has ended */
};

/* Takes what is in the order. NULL when out of memory, and the order stays yours. */
struct burst *burst_new(struct burst_order *order, int64_t now_us);
void burst_free(struct burst *burst); /* takes NULL */
size_t burst_bytes(const struct burst *burst);

/* When the next one may begin, perhaps long ago; INT64_MAX: not before another one has ended, or none is
 * left. */
int64_t burst_due_us(const struct burst *burst);

/* That one begins now: it must be due. Writes the query that a client would have sent for it. */
#define BURST_QUERY_BYTES 1024
struct burst_request *burst_begin(struct burst *burst, int64_t now_us, char query[BURST_QUERY_BYTES],
                                  struct text *written);
void burst_end(struct burst_request *request, const struct decision *decision, int64_t took_us);

/* No more begin. */
void burst_stop(struct burst *burst);
/* Nothing is on its way and nothing will be: true once, and what was asked for is forgotten. */
bool burst_finish(struct burst *burst, int64_t now_us);

enum burst_state burst_state(const struct burst *burst);
const char *burst_state_name(enum burst_state state);
unsigned burst_priority(const struct burst *burst, unsigned index);
/* False when out of memory. */
bool burst_sum_up(const struct burst *burst, struct burst_summary *summary);

#endif
