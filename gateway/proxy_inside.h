/* proxy_inside.h - what the files of the proxy share: proxy.c (requests on their way), proxy_renew.c
 * (those that nobody waits for), proxy_jobs.c (those that have become jobs) and proxy_visits.c (who asks
 * about jobs). For them alone. */
#ifndef SLUICE_PROXY_INSIDE_H
#define SLUICE_PROXY_INSIDE_H

#include "gateway/caller.h"
#include "gateway/job_call.h"
#include "gateway/job_view.h"
#include "gateway/pending.h"
#include "gateway/proxy.h"
#include "gateway/visitor.h"

#define TURN_QUERY (UINT64_C(1) << 62) /* beside PROXY_QUERY: of a waiter's turn, not of a visit */
#define PLACE_US   1000000             /* so long the scheduler's word of where a request stands is awaited */

/* An exchange points to it: what is to be done when its client leaves. */
struct guest {
    void (*left)(struct proxy *proxy, struct guest *guest);
};

/* A request that waits. */
struct waiter {
    struct pending_request pending; /* in proxy->pending */
    struct pending_request turn;    /* in proxy->turns, until the client gets its 202 */
    struct guest guest;
    struct asked asked;
    struct bus_body *body;   /* the encoded `request`, for the fetcher's eyes */
    struct job *job;         /* NULL: its client waits for the answer */
    struct bus_body *record; /* the answer, when it is a job */
    struct visit *visits;    /* utlist: who waits for word of that */
    unsigned priority;
    struct waiter *prev, *next; /* utlist: in proxy->renewals */
    bool renews;                /* it is there: nobody waits for its answer but the cache */
    bool no_store;              /* its answer may not be kept */
    bool turns;                 /* it is in proxy->turns */
    bool place_asked;           /* that time has come, and only the scheduler's word is missing */
    char client[RENDER_ID_BYTES];
    char request_id[CALLER_REQUEST_ID_BYTES];
};

enum visit_phase {
    VISIT_STAYS,  /* until the job is decided, or its wait is over */
    VISIT_ASKS,   /* the scheduler, where the request stands */
    VISIT_PASSED, /* another gateway has been asked */
};

/* One that cannot be answered at once. */
struct visit {
    struct pending_request pending; /* in proxy->visits */
    struct guest guest;
    struct visitor visitor;
    enum visit_phase phase;
    struct waiter *waiter;     /* whose job it is about; NULL when passed: */
    uint64_t owner;            /* the gateway whose job it is */
    struct visit *prev, *next; /* of the same waiter */
};

/* What the fetcher is told about the cache. */
struct terms {
    int64_t not_before_us; /* what it has from before will not do; 0: all will */
    bool no_store;
};

#define RENEWALS_MAX 256

struct proxy {
    struct proxy_config config;
    struct pending *pending;
    struct pending *turns;  /* by the time when they become jobs */
    struct pending *visits; /* by the time when they are answered at the latest */
    struct jobs *jobs;
    struct waiter *renewals;
    unsigned renewal_count; /* up to RENEWALS_MAX */
    struct message_codec *codec;
    struct bus_socket *link;
    uint64_t peer;     /* 0 while the scheduler is away */
    int64_t up_us;     /* since when it is not */
    uint64_t drawn;    /* request ids so far */
    uint64_t *cancels; /* ids whose cancel found no credit */
    uint32_t cancel_count;
    bool draining;
};

/* proxy.c */
/* NULL when out of memory. */
struct waiter *proxy_waiter_new(struct proxy *proxy, const struct asked *asked, const struct lane_call *call,
                                const struct caller *caller, const struct terms *terms);
/* Takes one that is in no table. */
void proxy_waiter_free(struct waiter *waiter);
/* Out of the table, and so that the scheduler knows. The waiter stays yours. */
void proxy_withdraw(struct proxy *proxy, struct waiter *waiter);
/* Nobody wants its answer any more. Takes the waiter. */
void proxy_drop(struct proxy *proxy, struct waiter *waiter);

/* proxy_renew.c */
/* Whether an attempt of our own for that key is on its way. */
bool proxy_renews(const struct proxy *proxy, const struct cache_key *key);
/* Another attempt for that key, unless one is on its way; where there is no room for it, there is none. It is
 * submitted by the next proxy_flush(): the caller may still borrow from the cache. */
void proxy_renew(struct proxy *proxy, const struct asked *asked, const struct lane_call *call,
                 const struct caller *caller, const struct moment *moment);
/* Its end has been told. Takes the waiter, which is not in proxy->pending any more. */
void proxy_renewal_end(struct proxy *proxy, struct waiter *waiter);
/* The gateway is going to end. */
void proxy_renewals_withdraw(struct proxy *proxy);

/* proxy_jobs.c */
/* The client prefers a 202 to waiting on. */
void proxy_turn_await(struct proxy *proxy, struct waiter *waiter);
void proxy_turn_end(struct proxy *proxy, struct waiter *waiter); /* harmless if it does not */
/* The scheduler has told where its request stands. */
void proxy_turn_accepted(struct proxy *proxy, const struct message_accepted *accepted,
                         const struct moment *moment);
void proxy_turn_told(struct proxy *proxy, uint64_t turn_id, const struct job_place *place,
                     const struct moment *moment);
void proxy_turn_expire(struct proxy *proxy, const struct moment *moment);
/* 0 or -errno. */
int proxy_ask_place(struct proxy *proxy, uint64_t query_id, const struct waiter *waiter);
/* Its record is there: for those who wait for it, and for those who will ask. */
void proxy_job_decided(struct proxy *proxy, struct waiter *waiter, const struct moment *moment);
/* What the visitor wants of a job that is ours. */
void proxy_job_serve(struct proxy *proxy, const struct visitor *visitor, const struct job_call *call,
                     const struct moment *moment);
/* A 202. */
void proxy_job_show(struct proxy *proxy, const struct visitor *visitor, const struct waiter *waiter,
                    const struct job_place *place, int64_t defer_s, const struct moment *moment);

/* proxy_visits.c */
/* The visitor waits for word of the job for so long, or (0) only until the scheduler has told where it
 * stands. */
void proxy_visit(struct proxy *proxy, const struct visitor *visitor, struct waiter *waiter, int64_t wait_us,
                 const struct moment *moment);
/* Takes the visit, which has been answered. */
void proxy_visit_end(struct proxy *proxy, struct visit *visit);
/* What other messages say. */
void proxy_visit_message(struct proxy *proxy, const struct message *message, struct bus_body *body,
                         const struct moment *moment);
void proxy_visit_down(struct proxy *proxy, const struct moment *moment);
void proxy_visit_expire(struct proxy *proxy, const struct moment *moment);
/* Answers those for whom other gateways have been asked. */
void proxy_visit_refuse(struct proxy *proxy, enum reason reason);

#endif
