/* decision.h - what has become of a request for a provider's answer, and how that is counted. Pure.
 *
 * At every moment requests_total = successful + failed + dropped + waiting. */
#ifndef SLUICE_DECISION_H
#define SLUICE_DECISION_H

#include "common/metric.h"
#include "gateway/lane.h"

/* OUTCOME(enum, name in logs and events, meaning) */
#define OUTCOMES(OUTCOME)                                                                                    \
    OUTCOME(HIT, "hit", "answered fresh from the cache")                                                     \
    OUTCOME(ANSWERED, "answered", "got the provider's answer")                                               \
    OUTCOME(STALE, "stale", "got a stale answer in place of an error")                                       \
    OUTCOME(REFUSED, "refused", "got a problem document, and the reason in it")                              \
    OUTCOME(MALFORMED, "malformed", "not worth asking for: a parameter is missing or wrong")                 \
    OUTCOME(GONE, "gone", "its client has left")

enum outcome {
#define OUTCOME(id, name, meaning) OUTCOME_##id,
    OUTCOMES(OUTCOME)
#undef OUTCOME
};

struct decision {
    enum outcome outcome;
    enum reason reason; /* of a refusal or of stale service */
    int status;
    bool waited; /* it was counted as waiting */
    const struct lane *lane;
    struct text request_id;
    const char *subject; /* masked; "" where it was not understood */
    int64_t asked_us;
    int64_t wait_us, upstream_us; /* 0 unknown */
    uint64_t attempt;             /* 0 none */
};

const char *outcome_name(enum outcome outcome);

/* Whether a request that ends for that reason counts as dropped by us, rather than failed. */
bool reason_is_drop(enum reason reason);

/* Counts the request as decided; took_us is the time since it came. */
void decision_count(struct metrics *metrics, const struct decision *decision, int64_t took_us);

#endif
