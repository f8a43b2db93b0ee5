/* decision.c - see decision.h. */
#include "gateway/decision.h"

#define ERROR_STATUS 400

bool reason_is_drop(enum reason reason)
{
    switch (reason) {
    case REASON_QUEUE_FULL:
    case REASON_CLIENT_FULL:
    case REASON_DISPLACED:
    case REASON_WAITERS_FULL:
    case REASON_DEADLINE_UNMEETABLE:
    case REASON_BREAKER_OPEN:
    case REASON_HOLD:
    case REASON_DRAINING:
    case REASON_SCHEDULER_GONE:
    case REASON_DEADLINE_PASSED:
    case REASON_CANCELLED:
        return true;
    default:
        return false;
    }
}

enum metric decision_total(const struct decision *decision)
{
    if (decision->outcome == DECISION_GATEWAY_GONE ||
        (decision->outcome == DECISION_GATEWAY_REFUSED && reason_is_drop(decision->reason)))
        return METRIC_GATEWAY_DROPPED;
    return decision->status < ERROR_STATUS ? METRIC_GATEWAY_SUCCESSFUL : METRIC_GATEWAY_FAILED;
}

void decision_count(struct metrics *metrics, const struct decision *decision, int64_t took_us)
{
    metric_add(metrics, decision_total(decision), 1);
    if (decision->waited)
        metric_add(metrics, METRIC_GATEWAY_WAITING, -1);
    if (decision->outcome == DECISION_GATEWAY_HIT)
        metric_add(metrics, METRIC_GATEWAY_HITS, 1);
    else if (decision->outcome == DECISION_GATEWAY_STALE)
        metric_add(metrics, METRIC_GATEWAY_STALE, 1);
    else if (decision->outcome == DECISION_GATEWAY_REFUSED)
        metric_add(metrics, metric_refused(decision->reason), 1);
    else if (decision->outcome == DECISION_GATEWAY_GONE)
        metric_add(metrics, METRIC_GATEWAY_GONE, 1);
    if (decision->outcome == DECISION_GATEWAY_HIT)
        histogram_add(&metrics->histograms[HISTOGRAM_GATEWAY_HIT], took_us);
    else if (decision->outcome != DECISION_GATEWAY_GONE)
        histogram_add(&metrics->histograms[HISTOGRAM_GATEWAY_REQUEST], took_us);
}
