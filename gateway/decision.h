/* decision.h - what has become of a request for a provider's answer, and how that is counted. Pure.
 *
 * At every moment requests_total = successful + failed + dropped + waiting. */
#ifndef SLUICE_DECISION_H
#define SLUICE_DECISION_H

#include "common/decisions.h"
#include "common/metric.h"
#include "gateway/lane.h"

struct decision;
struct waiter;

/* In place of a client: somebody of this process has a request made. Told of its end once, from inside of the
 * proxy: no other request may be begun or left from there. */
struct errand {
    void (*ended)(struct errand *errand, const struct decision *decision, int64_t took_us);
    struct waiter *waiter; /* the proxy's own, while it waits */
};

struct decision {
    enum decision_id outcome; /* one of the gateway's rows */
    enum reason reason;       /* of a refusal, of stale service, of the provider's error */
    int status;
    bool waited; /* it was counted as waiting */
    const struct lane *lane;
    struct text request_id;
    const char *subject; /* masked; "" where it was not understood */
    int64_t asked_us;
    int64_t wait_us, upstream_us; /* 0 unknown */
    uint64_t attempt;             /* 0 none */
    bool cached;                  /* the fetcher had the answer: nothing was sent */
    struct errand *errand;        /* NULL: it came over HTTP */
};

/* Which total of the gateway it counts in. */
enum metric decision_total(const struct decision *decision);

/* Whether a request that ends for that reason counts as dropped by us, rather than failed. */
bool reason_is_drop(enum reason reason);

/* Counts the request as decided; took_us is the time since it came. */
void decision_count(struct metrics *metrics, const struct decision *decision, int64_t took_us);

#endif
