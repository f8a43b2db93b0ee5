/* reply.h - answers a request for a provider's answer, in one of the ways there are, and tells of it. Each
 * function ends the exchange, or makes the record of a job. Reads no clock and writes no log. */
#ifndef SLUICE_REPLY_H
#define SLUICE_REPLY_H

#include "common/bus.h"
#include "common/cache.h"
#include "common/httpd.h"
#include "common/message.h"
#include "gateway/decision.h"
#include "gateway/job_record.h"

/* Now, by both clocks: deadlines go by the one, freshness by the other. */
struct moment {
    int64_t now_us, wall_us;
};

struct asked;
struct visitor;

struct reply_desk {
    struct cache *cache; /* borrowed */
    /* The decision borrows until return. */
    void (*decided)(void *arg, const struct decision *decision);
    /* Its client has got a 202; it is not decided yet. eta_us: below 0 where it is not known. */
    void (*deferred)(void *arg, const struct asked *asked, int64_t eta_us);
    /* Another gateway asks about a burst of ours, and the visitor is to be told. May be NULL. */
    void (*burst_asked)(void *arg, const struct visitor *visitor, const struct message_query *query,
                        const struct moment *moment);
    void *arg;
};

/* What every answer needs to know about its request. */
struct asked {
    struct httpd_exchange *exchange; /* NULL: nobody waits for the answer, and it goes into a record: */
    struct bus_body **record;        /* set to it (job_record.h), which is the owner's; NULL: out of memory */
    struct errand *errand;           /* not NULL, and both of those are: only the end is told */
    const struct lane *lane;
    struct cache_key key;
    struct text request_id;
    int64_t asked_us;
    int64_t patience_us; /* from then to the deadline; 0: for the cache's answer alone */
    int64_t preferred_s; /* the same as `Prefer: wait` wished it; -1 where it did not decide */
    int64_t defer_s;     /* as in struct patience */
    bool expired;        /* the cache has an answer that is no longer fresh */
    bool declined;       /* it has a fresh one, which the client does not want */
    bool waited;
    char subject[LANE_SUBJECT_BYTES];
};

/* The reply as a record (job_record.h), with that state where it is not NULL. NULL when out of memory. */
struct bus_body *reply_record(const struct httpd_reply *reply, const char *state);

/* A decision with what is known about its request. */
struct decision reply_decision(const struct asked *asked, enum decision_id outcome, int status);

/* With what cache_find() has just found, and it is fresh. Ends the borrowing from the cache. */
void reply_fresh(const struct reply_desk *desk, const struct asked *asked, const struct answer *found,
                 const struct moment *moment);

/* With what cache_find() has just found, stale, for that reason. Ends the borrowing from the cache. */
void reply_stale(const struct reply_desk *desk, const struct asked *asked, const struct answer *found,
                 enum reason reason, const struct moment *moment);

/* With the answer that a `result` brought: stale in its place if it is an error and the cache may help, else
 * as it is. */
void reply_result(const struct reply_desk *desk, const struct asked *asked,
                  const struct message_result *result, struct text record, const struct moment *moment);

/* Stale from the cache if that may stand in, else with a problem document. rejected is what the scheduler
 * said, or NULL. */
void reply_refuse(const struct reply_desk *desk, const struct asked *asked, enum reason reason,
                  const struct message_rejected *rejected, const struct moment *moment);

/* The parameter of that name is malformed. */
void reply_malformed(const struct reply_desk *desk, const struct asked *asked, const char *name);

/* The provider's own words, so that a client cannot tell the difference and nothing is spent. */
void reply_as_provider(const struct reply_desk *desk, const struct asked *asked,
                       const struct lane_refusal *refusal);

#endif
