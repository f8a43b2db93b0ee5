/* freshness.h - how long an answer may be served from the cache (the part of RFC 9111 that we keep). Pure.
 *
 * Only a 200 is stored. The operator's TTL is the default and 0 switches the cache off; the provider's
 * Cache-Control wins where it says something. no-store, private, no-cache and Vary: * are not stored: nothing
 * here revalidates, and the cache is shared. must-revalidate forbids to stand in for an error. */
#ifndef SLUICE_FRESHNESS_H
#define SLUICE_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/answer.h"

struct freshness_policy {
    int64_t ttl_us;   /* fresh for so long; 0 stores none */
    int64_t stale_us; /* and for so much longer good enough instead of an error */
};

/* What the provider's fields say, gathered one by one. Starts as freshness_none(). */
struct freshness_fields {
    bool no_store;        /* or anything else that forbids to keep it */
    bool must_revalidate; /* or proxy-revalidate */
    int64_t max_age_us;   /* -1: not said */
    int64_t s_maxage_us;  /* -1: not said */
};

struct freshness_fields freshness_none(void);
void freshness_read_cache_control(struct freshness_fields *fields, struct text value);
void freshness_read_vary(struct freshness_fields *fields, struct text value);

/* Fills in the times of an answer that came now; returns whether it may be stored. If not, fresh and stale
 * are 0. */
bool freshness_apply(const struct freshness_fields *fields, const struct freshness_policy *policy,
                     int64_t now_wall_us, struct answer *answer);

#endif
