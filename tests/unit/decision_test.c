/* decision_test.c - how each end of a request is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/decision.h"

static const struct {
    enum decision_id outcome;
    int status;
    enum reason reason;
    enum metric total, detail; /* detail METRIC_COUNT: none */
} cases[] = {
    {DECISION_GATEWAY_HIT, 200, REASON_NONE, METRIC_GATEWAY_SUCCESSFUL, METRIC_GATEWAY_HITS},
    {DECISION_GATEWAY_ANSWERED, 200, REASON_NONE, METRIC_GATEWAY_SUCCESSFUL, METRIC_COUNT},
    {DECISION_GATEWAY_ANSWERED, 404, REASON_NONE, METRIC_GATEWAY_FAILED, METRIC_COUNT},
    {DECISION_GATEWAY_ANSWERED, 500, REASON_NONE, METRIC_GATEWAY_FAILED, METRIC_COUNT},
    {DECISION_GATEWAY_STALE, 200, REASON_QUEUE_FULL, METRIC_GATEWAY_SUCCESSFUL, METRIC_GATEWAY_STALE},
    {DECISION_GATEWAY_MALFORMED, 400, REASON_NONE, METRIC_GATEWAY_FAILED, METRIC_COUNT},
    {DECISION_GATEWAY_GONE, 0, REASON_CANCELLED, METRIC_GATEWAY_DROPPED, METRIC_GATEWAY_GONE},
    {DECISION_GATEWAY_REFUSED, 503, REASON_QUEUE_FULL, METRIC_GATEWAY_DROPPED,
     METRIC_GATEWAY_REFUSED_QUEUE_FULL},
    {DECISION_GATEWAY_REFUSED, 503, REASON_DRAINING, METRIC_GATEWAY_DROPPED, METRIC_GATEWAY_REFUSED_DRAINING},
    {DECISION_GATEWAY_REFUSED, 504, REASON_DEADLINE_PASSED, METRIC_GATEWAY_DROPPED,
     METRIC_GATEWAY_REFUSED_DEADLINE_PASSED},
    {DECISION_GATEWAY_REFUSED, 502, REASON_UPSTREAM_BROKEN, METRIC_GATEWAY_FAILED,
     METRIC_GATEWAY_REFUSED_UPSTREAM_BROKEN},
    {DECISION_GATEWAY_REFUSED, 500, REASON_INTERNAL, METRIC_GATEWAY_FAILED, METRIC_GATEWAY_REFUSED_INTERNAL},
};

static void test_each_is_counted_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct metrics metrics = {.values = {0}};
        struct decision decision = {.outcome = cases[i].outcome,
                                    .status = cases[i].status,
                                    .reason = cases[i].reason,
                                    .waited = true};
        int64_t sum;

        metrics.values[METRIC_GATEWAY_REQUESTS] = metrics.values[METRIC_GATEWAY_WAITING] = 1;
        decision_count(&metrics, &decision, 1500);
        sum = metrics.values[METRIC_GATEWAY_SUCCESSFUL] + metrics.values[METRIC_GATEWAY_FAILED] +
              metrics.values[METRIC_GATEWAY_DROPPED] + metrics.values[METRIC_GATEWAY_WAITING];
        assert_int_equal(sum, metrics.values[METRIC_GATEWAY_REQUESTS]);
        if (metrics.values[cases[i].total] != 1)
            fail_msg("%s %d is not counted as %s", decision_spec(cases[i].outcome)->name, cases[i].status,
                     metric_spec(cases[i].total)->name);
        if (cases[i].detail != METRIC_COUNT && metrics.values[cases[i].detail] != 1)
            fail_msg("%s %d: not in %s", decision_spec(cases[i].outcome)->name, cases[i].status,
                     metric_spec(cases[i].detail)->key);
    }
}

static void test_durations(void **state)
{
    struct metrics metrics = {.values = {0}};
    const struct histogram *hits = &metrics.histograms[HISTOGRAM_GATEWAY_HIT];
    const struct histogram *others = &metrics.histograms[HISTOGRAM_GATEWAY_REQUEST];

    (void)state;
    decision_count(&metrics, &(struct decision){.outcome = DECISION_GATEWAY_HIT, .status = 200}, 10);
    decision_count(&metrics, &(struct decision){.outcome = DECISION_GATEWAY_ANSWERED, .status = 200}, 100);
    decision_count(&metrics, &(struct decision){.outcome = DECISION_GATEWAY_STALE, .status = 200}, 1000);
    decision_count(&metrics, &(struct decision){.outcome = DECISION_GATEWAY_GONE}, 10000);
    assert_int_equal(hits->count, 1);
    assert_int_equal(hits->sum_us, 10);
    assert_int_equal(others->count, 2);
    assert_int_equal(others->sum_us, 1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_counted_once),
        cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
