/* freshness.h - how long an answer may be served from the cache (the part of RFC 9111 that we keep). Pure.
 *
 * A 200 is stored, and what the operator names beside it. The operator's TTL is the default, counted from
 * when the answer came, and 0 switches the cache off; the provider's s-maxage, max-age and Expires win, in
 * this order, and count from when it made the answer, by its Age and Date. no-store, private, no-cache and
 * Vary: * are not stored: nothing here revalidates, and the cache is shared. How long a stale answer may
 * stand in for an error is the operator's word, or stale-if-error (RFC 5861); must-revalidate,
 * proxy-revalidate and s-maxage forbid it. */
#ifndef SLUICE_FRESHNESS_H
#define SLUICE_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/answer.h"

#define FRESHNESS_STATUS_FIRST 300
#define FRESHNESS_STATUS_LAST  499

/* Statuses that are stored beside 200. */
struct freshness_statuses {
    bool stored[FRESHNESS_STATUS_LAST - FRESHNESS_STATUS_FIRST + 1];
};

struct freshness_policy {
    int64_t ttl_us;      /* fresh for so long; 0 stores none */
    int64_t stale_us;    /* and for so much longer good enough instead of an error */
    int64_t negative_us; /* fresh for so long, those with a status of these, and never good when stale: */
    struct freshness_statuses negative;
};

/* What the provider's fields say, gathered one by one. Starts as freshness_none(). */
struct freshness_fields {
    bool no_store;             /* or anything else that forbids to keep it */
    bool must_revalidate;      /* or proxy-revalidate */
    int64_t max_age_us;        /* -1: not said, as below */
    int64_t s_maxage_us;       /* */
    int64_t stale_if_error_us; /* */
    int64_t age_us;            /* Age */
    int64_t date_wall_us;      /* Date */
    int64_t expires_wall_us;   /* Expires; 0: a malformed one, which is over */
};

/* When an answer came, and how long after its request. */
struct freshness_moment {
    int64_t wall_us, took_us;
};

/* "404,410": each from 300 to 499, but 304, which answers no question of ours, and 429, which is the
 * limiter's. 0; -EINVAL, and *bad is the element that is not good. */
int freshness_read_statuses(struct text list, struct freshness_statuses *statuses, struct text *bad);

struct freshness_fields freshness_none(void);
void freshness_read_cache_control(struct freshness_fields *fields, struct text value);
void freshness_read_vary(struct freshness_fields *fields, struct text value);
void freshness_read_age(struct freshness_fields *fields, struct text value);

/* Fills in the times of an answer; returns whether it may be stored. If not, fresh and stale are 0. */
bool freshness_apply(const struct freshness_fields *fields, const struct freshness_policy *policy,
                     const struct freshness_moment *came, struct answer *answer);

#endif
