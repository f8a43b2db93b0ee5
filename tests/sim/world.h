/* world.h - virtual time: the real core and limiter, a model fetcher and the model provider, event by event.
 *
 * The world checks at every step what must always hold, and remembers the first thing that did not. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "scheduler/core.h"
#include "scheduler/limiter_record.h"
#include "tests/sim/model.h"

#define WORLD_REQUESTS 4096 /* alive at a time, at most */
#define WORLD_CLIENTS  4    /* a key belongs to one of them */

enum world_event {
    EVENT_CLIENT,  /* the story goes on: your handler */
    EVENT_HANG_UP, /* a: request */
    EVENT_GRANT,   /* a: attempt; at the fetcher */
    EVENT_ARRIVE,  /* a: attempt; at the provider */
    EVENT_FIRST,   /* a: attempt; the answer at the fetcher */
    EVENT_SENT,    /* a: attempt; the fetcher's word at the scheduler */
    EVENT_FETCHED, /* a: attempt; the fetcher's word at the scheduler */
    EVENT_FETCHER_BACK,
    EVENT_READY, /* a: whose; the fetcher has found the new scheduler */
    EVENT_WAKE,
};

struct moment {
    int64_t at_us;
    uint64_t seq; /* equal times: in order of their making */
    enum world_event event;
    uint64_t a;
};

struct attempt {
    uint64_t id, generation; /* of the fetcher that holds it */
    int64_t earliest_us, latest_us, sent_us, first_us, hold_us;
    enum fetch_outcome outcome;
    char key[JOB_KEY_BYTES];
};

struct request {
    uint64_t id;    /* 0: free */
    uint64_t order; /* of coming; 0 not known: it joined a group */
    unsigned priority;
    uint64_t client;
    bool alone; /* nobody has ever shared its call */
    char key[JOB_KEY_BYTES];
    int64_t submitted_us, deadline_us;
    bool in_flight;
};

struct world_config {
    struct core_config core;
    struct latency latency;
    uint64_t seed;
    int64_t stop_us;
    uint64_t stop_calls;   /* arrivals after which the world ends */
    unsigned crash_permil; /* of attempts in which the fetcher dies */
    unsigned kill_permil;  /* of grants after which the scheduler dies; another goes on from what it kept */
};

struct world {
    struct world_config config;
    struct chance chance;
    struct provider provider;
    struct core *core;
    const struct queue_policy *policy; /* in force */
    int64_t now_us;
    int64_t woken_us; /* the wake-up that is planned; 0 none */
    uint64_t fetcher; /* its generation: what an earlier one held is dead */
    bool fetcher_up;
    bool killed; /* the scheduler, at the end of this moment */
    uint64_t last_attempt;
    uint8_t kept[LIMITER_RECORD_BYTES]; /* in its state file */
    struct moment *heap;
    unsigned moments, room;
    uint64_t made;
    struct attempt attempts[FLIGHT_MAX * 2];
    struct request requests[WORLD_REQUESTS];
    uint64_t submitted, refused, answered, expired, hung_up, granted, unsent, crashes, kills;
    char broken[160];                        /* the first promise that was not kept; empty: none */
    void (*client)(struct world *world);     /* EVENT_CLIENT; must plan the next one itself */
    void (*each_grant)(struct world *world); /* may be NULL */
};

void world_open(struct world *world, const struct world_config *config);
void world_close(struct world *world);

void world_plan(struct world *world, int64_t at_us, enum world_event event, uint64_t a);
/* False: the core refused it. */
bool world_submit(struct world *world, uint64_t key, unsigned priority, int64_t patience_us,
                  int64_t hang_up_us);
/* Another policy from now on: nobody may be lost. */
void world_switch(struct world *world, const struct queue_policy *policy);
/* Runs until stop_us, stop_calls, or a broken promise. */
void world_run(struct world *world);
/* Ends of all requests, one each? Call after the run. */
void world_settle(struct world *world);

#endif
