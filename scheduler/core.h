/* core.h - the scheduler's mind for one lane: who waits, in which order, what may be sent when, who must be
 * told.
 *
 * Pure: it only answers what to do and when to ask again; the shell moves the bytes. Every `now_us` is of the
 * same monotonic clock and never goes back. Each submitted request gets exactly one end: a waiter of a job
 * that core_fetched() gives, or one that core_expire() or core_cancel() gives. */
#ifndef SLUICE_CORE_H
#define SLUICE_CORE_H

#include "common/message.h"
#include "scheduler/flight.h"
#include "scheduler/limiter.h"
#include "scheduler/notes.h"
#include "scheduler/queue.h"
#include "scheduler/retries.h"

#define CORE_NEVER INT64_MAX

struct core;

struct core_config {
    struct limiter_config limiter;
    struct retries_config retries;
    const struct queue_policy *policy;
    unsigned queue_max;                  /* jobs in the queue (QUEUE_MAX_SIZE) */
    unsigned client_max;                 /* jobs of one client in it; 0: no bound of its own */
    int64_t starvation_us;               /* policy priority: after which a job goes first; 0 never */
    unsigned waiters_max;                /* requests altogether */
    unsigned flight_max;                 /* attempts with the fetcher, 1..FLIGHT_MAX */
    int64_t lead_us;                     /* grants are handed over so much before their time */
    int64_t lease_us;                    /* and may be sent until so much after it */
    int64_t give_up_us;                  /* after which a send of another epoch counts as ended */
    uint64_t attempt_base;               /* attempts are numbered from here; differs from epoch to epoch */
    void (*free_payload)(void *payload); /* may be NULL */
};

struct core_request {
    struct waiter_id id;
    uint8_t key[JOB_KEY_BYTES];
    uint64_t client; /* a hash of its name */
    uint8_t priority;
    bool again; /* submitted before, to another epoch: keeps its age, goes ahead, no bound of the queue */
    int64_t arrival_us, deadline_us;
    struct text mine; /* yours, of this request: it is copied, waiter->mine */
    void *payload;    /* yours, of the upstream call */
};

enum core_answer {
    CORE_QUEUED,  /* took the payload */
    CORE_JOINED,  /* shares a call that is queued or in flight */
    CORE_KNOWN,   /* this id waits already */
    CORE_REFUSED, /* reason and retry_after_us say why and until when */
};

struct core_verdict {
    enum core_answer answer;
    enum reason reason;
    int64_t retry_after_us; /* from now; 0 unknown */
    unsigned position;      /* in the queue, 1 is next; 0: in flight */
    int64_t eta_us;         /* expected time until the answer, from now */
};

struct core_grant {
    uint64_t attempt;
    int64_t earliest_us, latest_us;
    const struct job *job; /* borrowed; in flight until core_fetched() */
};

struct core_outcome {
    enum fetch_outcome kind;
    enum reason reason;        /* REASON_NONE when unsent by order (expired, aborted): the job waits again */
    int64_t sent_us, first_us; /* 0 never */
    int64_t hold_us;           /* what the provider says about waiting, from first_us on; 0 nothing */
    bool again;                /* it failed, and another attempt may bring what this one did not */
};

/* One who waits. */
struct core_entry {
    const struct waiter *waiter; /* borrowed until the core is called again */
    unsigned position;           /* of its job, 1 is next */
    int64_t eta_us;              /* -1 while paused: who knows */
};

enum core_breaker { CORE_BREAKER_CLOSED, CORE_BREAKER_OPEN, CORE_BREAKER_HALF_OPEN };

struct core_view {
    unsigned queued, waiters, in_flight; /* queued: those in a pause between two attempts, too */
    unsigned in_pause;
    unsigned queued_max; /* the most that have ever been */
    bool fetcher_ready;
    int64_t d_us, g_us;  /* g_us 0 while unknown */
    int64_t doubt_ppm;   /* after unexpected rejections */
    int64_t hold_us;     /* lasts so much longer */
    int64_t next_us;     /* time until a send is allowed, as forecast */
    int64_t stuck_us;    /* work waits and could be sent, but nothing has moved for so long */
    int64_t window_us;   /* T in force */
    int64_t interval_us; /* measured between slots while work waited */
    uint64_t unexpected_total;
    uint64_t retries_total, retries_denied_total; /* denied for want of budget */
    bool paused;
};

/* What survives a restart. */
struct core_memory {
    struct limiter_memory limiter;
    const struct queue_policy *policy;
    int64_t window_us;
    bool paused;
};

/* The limiter starts as if a request had been sent just now. NULL when out of memory. */
struct core *core_new(const struct core_config *config, int64_t now_us);
void core_free(struct core *core); /* takes NULL */

/* To be kept before a grant leaves, and restored by the next epoch right after core_new(). False: not to be
 * kept, for core_fetcher_past() has not been called yet, and what the epoch before has kept still holds. */
bool core_remember(const struct core *core, int64_t now_us, struct core_memory *memory);
bool core_memory_equal(const struct core_memory *a, const struct core_memory *b);
/* known_us: when it was kept. Policy and window are not taken: they belong into core_config. */
void core_restore(struct core *core, const struct core_memory *memory, int64_t known_us);

/* Answers at once; what is admitted later ends through core_fetched(), core_expire() or core_cancel(). */
void core_submit(struct core *core, const struct core_request *request, int64_t now_us,
                 struct core_verdict *verdict);

/* Whether a job is to be handed to the fetcher now. Ask until it says no. */
bool core_next(struct core *core, int64_t now_us, struct core_grant *grant);

/* The request was written. Gives how long after its earliest time; 0 for an unknown attempt. */
int64_t core_sent(struct core *core, uint64_t attempt, int64_t sent_us);

/* The attempt has ended. Gives the job when that is an end for it too: answer its waiters (job_shift()), then
 * core_retire() it. NULL when the job waits again, at once or after a pause, or the attempt is unknown. */
struct job *core_fetched(struct core *core, uint64_t attempt, const struct core_outcome *outcome,
                         int64_t now_us);
void core_retire(struct core *core,
                 struct job *job); /* takes it, its payload and what waiters it still has */

/* The next attempt that the fetcher should give back if it has not been sent; 0 when there is none. */
uint64_t core_recall(struct core *core);

/* Gives the next waiter that is to be told `waiter->reason` and `waiter->retry_after_us`, NULL when there is
 * none: deadline passed, hold too long, displaced, breaker opened, gateway gone. Ask until it says NULL;
 * waiter_free() each. */
struct waiter *core_expire(struct core *core, int64_t now_us);

/* The client has left. Gives its waiter (waiter_free() it); NULL when it is not here (any more). */
struct waiter *core_cancel(struct core *core, struct waiter_id id);
/* The same for all waiters of a gateway; core_expire() gives them, with REASON_CANCELLED. */
void core_gateway_lost(struct core *core, uint64_t gateway);

/* A fetcher can take grants: with that many credits; in_flight requests of an earlier epoch have no answer
 * yet, the last of them sent at last_sent_us. */
void core_fetcher_ready(struct core *core, unsigned credits, int64_t last_sent_us, unsigned in_flight,
                        int64_t now_us);
/* To be called first: what a fetcher has sent and ended (0: never) for whoever was scheduler before; of this
 * epoch only the first call counts. A fetcher that has sent nothing may be the heir of one that had. */
void core_fetcher_past(struct core *core, int64_t last_sent_us, int64_t last_ended_us, int64_t now_us);
/* The fetcher is gone: what it held waits again at its old place. */
void core_fetcher_lost(struct core *core, int64_t now_us);
/* The scheduler itself has been stopped for a while: no forecast is made of that. */
void core_was_away(struct core *core);

/* Open: those in the queue are dismissed, arrivals refused, until `until_us`; from then on one probe at a
 * time. */
void core_breaker(struct core *core, enum core_breaker state, int64_t until_us, int64_t now_us);
/* The provider asks to wait. Those who cannot, in the order that follows, are dismissed; grants that are not
 * sent yet are recalled. True when it lasts longer than any hold before it. */
bool core_hold(struct core *core, int64_t until_us, int64_t now_us);

/* Whether an outcome's hold_us is a hold. On a success it describes the provider's window, which the limiter
 * keeps anyway, unless it lies clearly beyond that. */
bool core_outcome_holds(const struct core *core, const struct core_outcome *outcome);
/* No more grants (drain); flights go on. */
void core_stop(struct core *core);

/* What an operator may order (core_control.c). */
/* Paused: no more grants, and those that are not sent yet are recalled; arrivals wait. */
void core_pause(struct core *core, bool paused, int64_t now_us);
/* Nobody loses its place in line. 0, or -ENOMEM: then the policy is what it was. */
int core_policy(struct core *core, const struct queue_policy *policy);
/* Another T: what is sent already keeps the longer one of the two. */
void core_rate(struct core *core, int64_t window_us, int64_t now_us);
/* Dismisses that one, queued or in flight: core_expire() gives it. False when it is not here (any more). */
bool core_remove(struct core *core, struct waiter_id id);
/* Fills in up to `most` of those who wait, in order, those in a pause first, beginning behind `after` (NULL:
 * at the head). Gives their number; -ENOENT when `after` does not wait. */
int core_list(struct core *core, const struct waiter_id *after, int64_t now_us, struct core_entry *entries,
              unsigned most);

/* How many it can give altogether: all but those in flight. */
unsigned core_waiting(const struct core *core);

/* Where that one stands: position 0 is in flight. False when it is not here (any more). */
bool core_place(struct core *core, struct waiter_id id, int64_t now_us, struct core_entry *entry);

/* What the core has decided by itself in the calls before, oldest first; false when there is no more. Ask
 * after each call that changes something, to tell it in order. */
bool core_noted(struct core *core, struct note *note);
/* A kind of which some notes found no room, and how many; DECISION_COUNT when there is none (left). */
enum decision_id core_missed(struct core *core, uint64_t *count);
/* The waiter of that id, or one that core_expire() has still to give; NULL when it is not here (any more). */
const struct waiter *core_find(const struct core *core, struct waiter_id id);

/* When to call core_next() and core_expire() again; CORE_NEVER: after the next input. */
int64_t core_next_wakeup(const struct core *core, int64_t now_us);

void core_look(const struct core *core, int64_t now_us, struct core_view *view);

#endif
