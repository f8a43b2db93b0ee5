/* core_dispatch_test.c - what is handed over when, how it ends, and what stands in the way. */
#include "tests/unit/core_stage.h"

static void hands_over_early_but_not_earlier(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_grant next;
    int64_t allowed_us;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    answer(&stage, grant(&stage, &key));
    allowed_us = stage.now_us + T + 500;
    assert_int_equal(core_next_wakeup(stage.core, stage.now_us), allowed_us - 3 * MS);
    assert_false(core_next(stage.core, allowed_us - 3 * MS - 1, &next));
    assert_true(core_next(stage.core, allowed_us - 3 * MS, &next));
    assert_int_equal(next.earliest_us, allowed_us);
    assert_int_equal(core_sent(stage.core, next.attempt, allowed_us + 40), 40);
    core_free(stage.core);
}

static void a_slot_after_the_deadline_goes_to_the_next(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit_as(&stage, 2, 'b', 10, T + 45 * MS, false); /* its slot is at T + 10.5 ms */
    submit(&stage, 3, 'c');
    attempt = grant(&stage, &key);
    answer(&stage, attempt);
    stage.now_us = core_next_wakeup(stage.core, stage.now_us);
    core_hold(stage.core, stage.now_us + 38 * MS, stage.now_us); /* now it lies beyond */
    stage.now_us += 36 * MS;
    grant(&stage, &key);
    assert_int_equal(key, 'c');
    assert_string_equal(expired(&stage), "2:hold ");
    core_free(stage.core);
}

static void a_429_holds_and_its_request_keeps_its_place(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    int64_t rejected_us;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit_as(&stage, 3, 'c', 10, 3 * T, false);
    attempt = grant(&stage, &key);
    assert_string_equal(answer_with(&stage, attempt, FETCH_LIMITED, REASON_NONE, 5 * T), "requeued");
    rejected_us = stage.now_us;
    assert_string_equal(expired(&stage), "3:hold "); /* cannot wait for so long */
    assert_int_equal(submit_as(&stage, 4, 'd', 10, 4 * T, false).reason, REASON_HOLD);
    attempt = grant_in_time(&stage, &key);
    assert_int_equal(key, 'a');
    assert_true(stage.now_us >= rejected_us + 5 * T);
    assert_string_equal(answer(&stage, attempt), "1 ");
    core_free(stage.core);
}

static void a_success_describes_its_window_unless_it_lies_far_beyond(void **state)
{
    static const struct {
        enum fetch_outcome kind;
        int64_t hold_us;
        bool holds;
    } rows[] = {
        {FETCH_ANSWERED, 0, false},
        {FETCH_ANSWERED, T, false},
        {FETCH_ANSWERED, T + 500 * MS, false},
        {FETCH_ANSWERED, T + 501 * MS, true},
        {FETCH_LIMITED, 1, true},
        {FETCH_FAILED, 1, true},
    };
    struct stage stage = stage_open(&plain);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct core_outcome outcome = {.kind = rows[i].kind, .hold_us = rows[i].hold_us};

        assert_int_equal(core_outcome_holds(stage.core, &outcome), rows[i].holds);
    }
    core_free(stage.core);
}

static void ends_of_an_attempt(void **state)
{
    static const struct {
        enum fetch_outcome kind;
        enum reason reason;
        const char *then;
        bool paid;
    } table[] = {
        {FETCH_ANSWERED, REASON_NONE, "1 ", true},
        {FETCH_FAILED, REASON_UPSTREAM_TIMEOUT, "1 ", true},
        {FETCH_LIMITED, REASON_NONE, "requeued", true},
        {FETCH_UNSENT, REASON_NONE, "requeued", false}, /* the lease had ended */
        {FETCH_UNSENT, REASON_UPSTREAM_UNREACHABLE, "1 ", false},
        {FETCH_CACHED, REASON_NONE, "1 ", false},
        {FETCH_REFUSED, REASON_BREAKER_OPEN, "1 ", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct stage stage = stage_open(&plain);
        uint64_t attempt;
        char key;

        submit(&stage, 1, 'a');
        submit(&stage, 2, 'b');
        attempt = grant(&stage, &key);
        assert_string_equal(answer_with(&stage, attempt, table[i].kind, table[i].reason, 0), table[i].then);
        assert_int_equal(grants_nothing(&stage), table[i].paid);
        core_free(stage.core);
    }
}

static void an_open_breaker_refuses_and_then_lets_one_probe_pass(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    uint64_t attempt;
    char key;

    (void)state;
    config.limiter.burst = 4;
    stage = stage_open(&config);
    submit(&stage, 1, 'a');
    core_breaker(stage.core, CORE_BREAKER_OPEN, stage.now_us + 30 * T, stage.now_us);
    assert_string_equal(expired(&stage), "1:breaker_open ");
    assert_int_equal(submit(&stage, 2, 'b').reason, REASON_BREAKER_OPEN);
    assert_int_equal(submit(&stage, 2, 'b').retry_after_us, 30 * T);
    stage.now_us += 30 * T;
    submit(&stage, 3, 'c');
    submit(&stage, 4, 'd');
    attempt = grant(&stage, &key);
    core_breaker(stage.core, CORE_BREAKER_HALF_OPEN, 0, stage.now_us);
    assert_true(grants_nothing(&stage)); /* during the probe they wait */
    answer(&stage, attempt);
    core_breaker(stage.core, CORE_BREAKER_CLOSED, 0, stage.now_us);
    grant(&stage, &key);
    assert_int_equal(key, 'd');
    core_free(stage.core);
}

static void a_lost_fetcher_loses_no_request_and_no_spacing(void **state)
{
    struct stage stage = stage_open(&plain);
    int64_t lost_us;
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    attempt = grant(&stage, &key);
    stage.now_us += 500 * MS;
    core_fetcher_lost(stage.core, stage.now_us);
    lost_us = stage.now_us;
    stage.now_us += 5 * T;
    assert_true(grants_nothing(&stage)); /* nobody to hand it to */
    stage.now_us = lost_us + 10 * MS;
    core_fetcher_ready(stage.core, 8, 0, 0, stage.now_us);
    assert_string_equal(answer(&stage, attempt), "requeued"); /* a late word of the old one: ignored */
    grant_in_time(&stage, &key);
    assert_int_equal(key, 'a');
    assert_int_equal(stage.now_us, lost_us + T + 500);
    core_free(stage.core);
}

/* A stopped process may fire until then, and the request be on its way for a while. */
static void a_grant_of_a_lost_fetcher_counts_until_its_lease_ends(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_grant next;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    assert_true(core_next(stage.core, stage.now_us, &next));
    core_fetcher_lost(stage.core, stage.now_us);
    core_fetcher_ready(stage.core, 8, 0, 0, stage.now_us);
    grant_in_time(&stage, &key);
    assert_int_equal(stage.now_us, next.latest_us + 500 * MS + T + 500);
    core_free(stage.core);
}

static void a_new_scheduler_respects_what_the_old_one_sent(void **state)
{
    struct core_outcome outcome = {.kind = FETCH_ANSWERED};
    struct stage stage = {.core = core_new(&plain, START), .now_us = START};
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    assert_true(grants_nothing(&stage)); /* no fetcher has told yet */
    core_fetcher_ready(stage.core, 8, START - T / 2, 1, START);
    stage.now_us = START + 5 * T;
    assert_true(grants_nothing(&stage));
    assert_null(core_fetched(stage.core, 7, &outcome, stage.now_us));
    grant_in_time(&stage, &key);
    assert_int_equal(stage.now_us, START + 6 * T + 500);
    core_free(stage.core);

    stage = (struct stage){.core = core_new(&plain, START), .now_us = START};
    submit(&stage, 1, 'a');
    core_fetcher_ready(stage.core, 8, START - T / 2, 1, START); /* and nobody ever reports its end */
    stage.now_us = core_next_wakeup(stage.core, stage.now_us);
    assert_int_equal(stage.now_us, START + 10 * T);
    assert_true(grants_nothing(&stage));
    grant_in_time(&stage, &key);
    assert_int_equal(stage.now_us, START + 11 * T + 500);
    core_free(stage.core);
}

static void a_hold_recalls_what_is_not_sent_yet(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_grant next;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    assert_true(core_next(stage.core, stage.now_us, &next));
    core_hold(stage.core, stage.now_us + 2 * T, stage.now_us);
    assert_int_equal(core_recall(stage.core), next.attempt);
    assert_string_equal(answer_with(&stage, next.attempt, FETCH_UNSENT, REASON_NONE, 0), "requeued");
    grant_in_time(&stage, &key);
    assert_int_equal(key, 'a');
    core_free(stage.core);
}

/* The answer to a call of the scheduler before: what it asks for is for whoever asks. */
static void a_hold_for_somebody_else_is_a_hold(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_outcome limited = {.kind = FETCH_LIMITED, .sent_us = 1, .hold_us = 5 * T};
    int64_t until_us = stage.now_us + 5 * T;
    char key;

    (void)state;
    limited.first_us = stage.now_us;
    core_fetcher_ready(stage.core, 8, stage.now_us - 10 * MS, 1, stage.now_us);
    submit(&stage, 1, 'a');
    assert_null(core_fetched(stage.core, 77, &limited, stage.now_us));
    grant_in_time(&stage, &key);
    assert_in_range(stage.now_us, until_us, until_us + 10 * MS);
    core_free(stage.core);
}

static void stands_still_when_told(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_view view;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    core_pause(stage.core, true, stage.now_us);
    assert_true(grants_nothing(&stage));
    stage.now_us += 20 * T;
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.stuck_us, 0); /* that is wanted */
    core_pause(stage.core, false, stage.now_us);
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.stuck_us, 0); /* it counts from now on */
    stage.now_us += 20 * T;
    core_look(stage.core, stage.now_us, &view);
    assert_true(view.stuck_us > 15 * T);
    core_policy(stage.core, &queue_policy_priority);
    answer(&stage, grant(&stage, &key));
    submit(&stage, 2, 'b');
    core_stop(stage.core);
    stage.now_us += 20 * T;
    assert_true(grants_nothing(&stage));
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_over_early_but_not_earlier),
        cmocka_unit_test(a_slot_after_the_deadline_goes_to_the_next),
        cmocka_unit_test(a_429_holds_and_its_request_keeps_its_place),
        cmocka_unit_test(a_success_describes_its_window_unless_it_lies_far_beyond),
        cmocka_unit_test(ends_of_an_attempt),
        cmocka_unit_test(an_open_breaker_refuses_and_then_lets_one_probe_pass),
        cmocka_unit_test(a_lost_fetcher_loses_no_request_and_no_spacing),
        cmocka_unit_test(a_grant_of_a_lost_fetcher_counts_until_its_lease_ends),
        cmocka_unit_test(a_new_scheduler_respects_what_the_old_one_sent),
        cmocka_unit_test(a_hold_recalls_what_is_not_sent_yet),
        cmocka_unit_test(a_hold_for_somebody_else_is_a_hold),
        cmocka_unit_test(stands_still_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
