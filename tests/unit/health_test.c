/* health_test.c - what is missing, and whether the gateway is still ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/health.h"

#define SECOND    1000000LL
#define GOOD_LANE .known = true, .breaker = "closed"
#define GOOD      .scheduler_up = true, .metrics_fresh = true

static const struct {
    const char *story;
    struct health_facts facts;
    enum health_level worst;
    const char *culprit; /* the first check that is not ok */
} cases[] = {
    {"all is well", {GOOD, .lanes = {{GOOD_LANE}}}, HEALTH_OK, NULL},
    {"SIGTERM", {GOOD, .draining = true, .lanes = {{GOOD_LANE}}}, HEALTH_UNAVAILABLE, "drain"},
    {"the scheduler restarts",
     {.scheduler_away_us = 1 * SECOND, .metrics_fresh = true},
     HEALTH_DEGRADED,
     "scheduler"},
    {"... still after 5 s",
     {.scheduler_away_us = 5 * SECOND, .metrics_fresh = true},
     HEALTH_DEGRADED,
     "scheduler"},
    {"... and does not come back",
     {.scheduler_away_us = 5 * SECOND + 1, .metrics_fresh = true},
     HEALTH_UNAVAILABLE,
     "scheduler"},
    {"it is back and has said nothing yet", {GOOD}, HEALTH_DEGRADED, "dispatch"},
    {"the fetcher has just gone",
     {GOOD, .now_us = 5000001, .lanes = {{GOOD_LANE, .fetcher_gone_us = 1}}},
     HEALTH_DEGRADED,
     "fetcher"},
    {"the fetcher does not come back",
     {GOOD, .now_us = 5000002, .lanes = {{GOOD_LANE, .fetcher_gone_us = 1}}},
     HEALTH_UNAVAILABLE,
     "fetcher"},
    {"dispatch is late", {GOOD, .lanes = {{GOOD_LANE, .stuck_us = 10 * SECOND - 1}}}, HEALTH_OK, NULL},
    {"dispatch is stuck",
     {GOOD, .lanes = {{GOOD_LANE, .stuck_us = 10 * SECOND}}},
     HEALTH_UNAVAILABLE,
     "dispatch"},
    {"breaker open", {GOOD, .lanes = {{.known = true, .breaker = "open"}}}, HEALTH_DEGRADED, "breaker"},
    {"breaker half-open",
     {GOOD, .lanes = {{.known = true, .breaker = "half_open"}}},
     HEALTH_DEGRADED,
     "breaker"},
    {"a hold", {GOOD, .lanes = {{GOOD_LANE, .hold_us = 1}}}, HEALTH_DEGRADED, "hold"},
    {"an operator has paused it", {GOOD, .lanes = {{GOOD_LANE, .paused = true}}}, HEALTH_DEGRADED, "pause"},
    {"no metricsd", {.scheduler_up = true, .lanes = {{GOOD_LANE}}}, HEALTH_DEGRADED, "metrics"},
    {"the worst counts",
     {GOOD, .draining = true, .lanes = {{GOOD_LANE, .hold_us = 1}}},
     HEALTH_UNAVAILABLE,
     "drain"},
};

static void test_levels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct health_check checks[HEALTH_CHECKS_MAX];
        unsigned count = health_checks(&cases[i].facts, checks);
        const char *culprit = NULL;

        assert_in_range(count, 1, HEALTH_CHECKS_MAX);
        for (unsigned j = count; j > 0; j--) {
            if (checks[j - 1].level != HEALTH_OK)
                culprit = checks[j - 1].name;
            assert_int_equal(checks[j - 1].level == HEALTH_OK, checks[j - 1].detail[0] == '\0');
        }
        if (health_worst(checks, count) != cases[i].worst)
            fail_msg("%s: %s", cases[i].story, health_level_name(health_worst(checks, count)));
        if (!culprit != !cases[i].culprit || (culprit && strcmp(culprit, cases[i].culprit) != 0))
            fail_msg("%s: %s", cases[i].story, culprit ? culprit : "nothing is wrong");
    }
}

static void test_state_messages(void **state)
{
    struct message_state told = {.lane = text_of("score"),
                                 .fetcher = 1,
                                 .stuck_us = 5,
                                 .hold_us = 6,
                                 .paused = 1,
                                 .breaker = text_of("half_open"),
                                 .failures = 2,
                                 .fail_max = 3};
    struct health_facts facts = {.lanes = {{.known = false}}};

    (void)state;
    told.fetcher = 0;
    health_lane_update(&facts, &told, 70);
    health_lane_update(&facts, &told, 80);
    assert_int_equal(facts.lanes[0].fetcher_gone_us, 70);
    told.fetcher = 1;
    health_lane_update(&facts, &told, 90);
    assert_true(facts.lanes[0].known && facts.lanes[0].fetcher_gone_us == 0);
    assert_string_equal(facts.lanes[0].breaker, "half_open");
    assert_int_equal(facts.lanes[0].stuck_us, 5);
    assert_int_equal(facts.lanes[0].hold_us, 6);
    assert_true(facts.lanes[0].paused);
    assert_int_equal(facts.lanes[0].failures, 2);
    assert_int_equal(facts.lanes[0].fail_max, 3);

    told.lane = text_of("another lane");
    told.failures = 9;
    health_lane_update(&facts, &told, 90);
    told.lane = text_of("score");
    told.breaker = text_of("a state that nobody knows");
    health_lane_update(&facts, &told, 90);
    assert_int_equal(facts.lanes[0].failures, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_state_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
