/* wish.h - what a client wishes of the cache (request Cache-Control, RFC 9111 5.2.1; Pragma where it is all
 * there is), and what it gets: the one place that decides whether an answer of the cache goes out. Pure.
 *
 *   honour  no-cache, max-age, min-fresh and no-store are obeyed: each may cost a slot.
 *   cap     so they are, but what came less than an age ago, and what the provider has just failed to
 *           replace, is good enough for everybody; no-store does not keep others from the answer. So a client
 *           that asks for news all the time spends one slot in each such age, as others do with a short TTL.
 *   ignore  nothing of it is looked at.
 *
 * only-if-cached costs nothing and is obeyed under both. What cannot be read is ignored. */
#ifndef SLUICE_WISH_H
#define SLUICE_WISH_H

#include "common/answer.h"
#include "common/failure.h"
#include "common/http_request.h"

enum wish_policy { WISH_CAP, WISH_HONOUR, WISH_IGNORE };

struct wish_rules {
    enum wish_policy policy;
    int64_t min_age_us; /* cap: younger is good enough */
};

struct wish {
    int64_t max_age_us;   /* as old as this at most; -1: not said. no-cache: 0 */
    int64_t min_fresh_us; /* fresh for so much longer at least; 0: not said */
    bool no_cache;        /* not even what came this moment */
    bool no_store;        /* its answer may not be kept */
    bool only_if_cached;  /* that, or 504 */
};

enum wish_verdict {
    WISH_FRESH,       /* the answer found goes out */
    WISH_STALE,       /* so does it, stale: the latest attempt has failed too lately for another one */
    WISH_STALE_RENEW, /* the same, and another attempt is due */
    WISH_ASK,         /* the scheduler is asked, and what the cache has by then will do */
    WISH_ASK_ANEW,    /* it is, and what the cache has now will not do */
    WISH_REFUSE,      /* only-if-cached, and it is not */
};

/* Under that policy. */
void wish_read(const struct http_request *request, enum wish_policy policy, struct wish *wish);

/* found is what the cache has, or NULL; failure what it remembers of an attempt to replace that, or NULL
 * (which matters only where the verdict would be to ask). */
enum wish_verdict wish_judge(const struct wish_rules *rules, const struct wish *wish,
                             const struct answer *found, const struct failure *failure, int64_t wall_us);

#endif
