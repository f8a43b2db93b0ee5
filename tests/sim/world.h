/* world.h - virtual time: the real core, limiter and state record, a model fetcher with its breaker, and a
 * model provider, event by event. The same seed gives the same world on every machine.
 *
 * The world checks at every step what must always hold (world_checks.c), counts how often it has, and
 * remembers the first thing that did not. Its time is the host's true one; a core counts from the boot it
 * lives in. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "scheduler/core.h"
#include "scheduler/limiter_record.h"
#include "tests/sim/model.h"

#define WORLD_REQUESTS 4096 /* alive at a time, at most */
#define WORLD_CLIENTS  4    /* a key belongs to one of them */
#define WORLD_GATEWAYS 2
#define WORLD_ATTEMPTS ((unsigned)2 * FLIGHT_MAX)

enum world_event {
    EVENT_CLIENT,  /* the story goes on: your handler */
    EVENT_HANG_UP, /* a: request */
    EVENT_GRANT,   /* a: attempt; at the fetcher */
    EVENT_ABORT,   /* a: attempt; the scheduler's wish at the fetcher */
    EVENT_FIRE,    /* a: attempt; the fetcher's timer */
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
    enum reason reason;
    bool probe, over; /* over: it has an outcome without having been sent */
    char key[JOB_KEY_BYTES];
};

struct request {
    uint64_t id;    /* 0: free */
    uint64_t order; /* of coming; 0 not known: it joined a group */
    unsigned priority;
    uint64_t gateway, client;
    bool alone; /* nobody has ever shared its call */
    char key[JOB_KEY_BYTES];
    int64_t submitted_us, deadline_us;
    bool in_flight;
    int64_t rests_until_us; /* between two attempts */
    uint64_t granted;       /* by the world when it came */
    int64_t eta_us;         /* as told then */
    unsigned ahead;         /* as told then */
    struct request *prev, *next;
};

/* What is checked, by name. */
#define WORLD_CHECKS(CHECK)                                                                                  \
    CHECK(ONE_END, "one end for each request")                                                               \
    CHECK(NO_DEAD, "no slot for the dead")                                                                   \
    CHECK(NO_IDLE, "no idle slot while somebody waits")                                                      \
    CHECK(ORDER, "nobody overtaken in a class and a client")                                                 \
    CHECK(STARVED, "who starves goes first")                                                                 \
    CHECK(STRICT, "no window over its limit in strict")                                                      \
    CHECK(LEAD, "handed over no earlier than the lead allows")                                               \
    CHECK(HOLD, "no grant for a time within a hold")                                                         \
    CHECK(PAUSE, "no grant while paused")                                                                    \
    CHECK(RETRY, "retries within their budget, and after their pause")                                       \
    CHECK(LIMITED, "a rejected request waits again")                                                         \
    CHECK(TRY, "somebody always tries")                                                                      \
    CHECK(DEADLINE, "nobody expires before its deadline")                                                    \
    CHECK(ALIVE, "what waits will be moved")                                                                 \
    CHECK(SWITCH, "nobody lost by an order")                                                                 \
    CHECK(STATE, "a state that was written is believed")                                                     \
    CHECK(ETA, "told and real waits agree")

enum world_check {
#define CHECK(id, name) CHECK_##id,
    WORLD_CHECKS(CHECK)
#undef CHECK
        CHECK_COUNT
};

struct world_config {
    struct core_config core;
    enum provider_kind provider;
    struct provider_clock clock;
    struct latency latency;
    uint64_t seed;
    uint64_t stop_calls;    /* arrivals after which the world ends */
    unsigned crash_permil;  /* of attempts in which the fetcher dies */
    unsigned kill_permil;   /* of grants after which the scheduler dies; another goes on from what it kept */
    unsigned tear_permil;   /* of grants in whose record's writing it dies */
    unsigned lose_permil;   /* of deaths after which the file is gone, or the host has been rebooted */
    unsigned fail_permil;   /* of answers that are a 5xx; some of them ask to wait */
    unsigned trip_permil;   /* of failures that open the breaker */
    unsigned answer_permil; /* of grants that the fetcher finds answered in the cache */
    bool aborts;            /* the fetcher gives back what it is asked for, if it can */
    bool steady;            /* nothing out of the ordinary happens: what was told must be so */
};

struct world_totals {
    uint64_t submitted, refused, answered, expired, hung_up, lost; /* requests */
    uint64_t retried, granted, unsent, crashes, kills, tears, reboots, forgotten, trips, holds, orders;
    uint64_t checks[CHECK_COUNT];
};

struct world {
    struct world_config config;
    struct chance chance;
    struct provider provider;
    struct core *core;
    const struct queue_policy *policy; /* in force */
    int64_t now_us, boot_us;           /* the core's clock began then */
    uint32_t boots;
    int64_t woken_us; /* the wake-up that is planned; 0 none */
    uint64_t fetcher; /* its generation: what an earlier one held is dead */
    bool fetcher_up, ready, paused;
    enum core_breaker breaker;
    int64_t breaker_until_us;
    int64_t told_hold_us; /* the fetcher's: the provider has asked to wait until then */
    int64_t granted_us;   /* the last grant */
    bool killed, torn;    /* the scheduler, at the end of this moment */
    uint64_t last_attempt;
    uint8_t kept[LIMITER_PAIR_BYTES]; /* its state file */
    uint64_t sequence;
    struct moment *heap;
    unsigned moments, room;
    uint64_t made;
    struct attempt attempts[WORLD_ATTEMPTS];
    struct request requests[WORLD_REQUESTS];
    struct request *alive; /* utlist, in the order of coming */
    /* What the strict rule would wait for, as reckoned here (world_checks.c). */
    int64_t
        releases_us[MODEL_BURST_MAX]; /* when its latest arrivals were known to be over, the latest first */
    unsigned released;
    unsigned outstanding; /* grants without an end */
    unsigned unsure;      /* so many grants, and until then, the reckoning may be wrong */
    int64_t unsure_until_us;
    int64_t held_until_us;
    uint64_t sent_of_epoch;   /* told to this scheduler */
    int64_t forgot_us;        /* when the record was lost last, or the host rebooted; 0 never */
    int64_t excused_until_us; /* nobody could know of an arrival that fills the window until then */
    struct world_totals totals;
    char broken[160];                        /* the first promise that was not kept; empty: none */
    void (*client)(struct world *world);     /* EVENT_CLIENT; must plan the next one itself */
    void (*each_grant)(struct world *world); /* may be NULL */
    void (*each_end)(struct world *world, const struct request *request, bool answered); /* may be NULL */
    bool aloud;                                                                          /* tell each event */
};

void world_open(struct world *world, const struct world_config *config);
void world_close(struct world *world);

void world_plan(struct world *world, int64_t at_us, enum world_event event, uint64_t a);
/* NULL: the core refused it. */
struct request *world_submit(struct world *world, uint64_t key, unsigned priority, int64_t patience_us,
                             int64_t hang_up_us);
/* Orders from now on: nobody may be lost by them. */
void world_switch(struct world *world, const struct queue_policy *policy);
void world_pause(struct world *world, bool paused);
void world_rate(struct world *world, int64_t window_us);
void world_gateway_lost(struct world *world, uint64_t gateway);
/* Runs until stop_calls, or a broken promise. */
void world_run(struct world *world);
/* Ends of all requests, one each? Call after the run. */
void world_settle(struct world *world);

/* world_checks.c. What is checked, where and when, is called by world.c. */
const char *world_check_name(enum world_check check);
void world_broken(struct world *world, enum world_check check, const char *what, uint64_t a, uint64_t b);
void check_grant(struct world *world, const struct core_grant *grant);
void check_refused(struct world *world, int64_t patience_us, enum reason reason);
void check_ended(struct world *world, const struct request *request, const struct waiter *waiter);
void check_expired(struct world *world, const struct waiter *waiter);
/* After all that could be granted has been. */
void check_idle(struct world *world);
void check_retries(struct world *world);
void check_alive(struct world *world);
void check_arrival(struct world *world, const struct attempt *attempt,
                   const struct provider_verdict *verdict);
/* For the reckoning: an arrival was over by then; or the reckoning has lost its ground. */
void check_release(struct world *world, int64_t bound_us);
/* The provider has asked to wait until then, and the core knows it. */
void check_hold(struct world *world, int64_t until_us);
void check_unsure(struct world *world);

/* A time of the core's in the world's, and back. */
static inline int64_t world_of_core(const struct world *world, int64_t us)
{
    return us >= CORE_NEVER - world->boot_us ? CORE_NEVER : us + world->boot_us;
}

static inline int64_t core_of_world(const struct world *world, int64_t us)
{
    return us - world->boot_us;
}

#endif
