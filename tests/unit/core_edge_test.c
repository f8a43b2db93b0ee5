/* core_edge_test.c - what happens rarely: ends that nobody knows, states that meet, times that cannot be. */
#include "tests/unit/core_stage.h"

static void what_is_unknown_or_over_is_ignored(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_outcome outcome = {.kind = FETCH_ANSWERED, .reason = REASON_NONE};
    char key;
    uint64_t attempt;

    (void)state;
    assert_int_equal(core_sent(stage.core, 12345, stage.now_us), 0);
    assert_null(core_fetched(stage.core, 12345, &outcome, stage.now_us));
    core_hold(stage.core, stage.now_us - T, stage.now_us);
    submit(&stage, 1, 'a');
    attempt = grant(&stage, &key);
    /* An answer that tells of no times: it counts as arriving now. */
    assert_string_equal(retire(&stage, core_fetched(stage.core, attempt, &outcome, stage.now_us)), "1 ");
    core_free(stage.core);
}

static void a_call_that_nobody_wants_goes_with_its_fetcher(void **state)
{
    struct stage stage = stage_open(&plain);
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    grant(&stage, &key);
    assert_true(cancel(&stage, 1));
    core_fetcher_lost(stage.core, stage.now_us);
    assert_waiting(&stage, 1);
    core_free(stage.core);
}

/* A rejected call waits for the breaker, too: it is first when it closes, and nobody counts as stuck. */
static void a_call_comes_back_to_an_open_breaker(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_view view;
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    attempt = grant(&stage, &key);
    core_breaker(stage.core, CORE_BREAKER_OPEN, stage.now_us + 20 * T, stage.now_us);
    assert_string_equal(answer_with(&stage, attempt, FETCH_LIMITED, REASON_HOLD, T), "requeued");
    core_look(stage.core, stage.now_us + 10 * T, &view);
    assert_int_equal(view.queued, 1);
    assert_int_equal(view.stuck_us, 0);
    stage.now_us += 19 * T;
    assert_true(grants_nothing(&stage));
    core_free(stage.core);
}

/* A gateway that goes leaves those of other epochs' calls alone, and what the fetcher holds of them ends. */
static void calls_of_an_earlier_epoch_stay(void **state)
{
    struct core_config config = plain;
    struct core_outcome outcome = {.kind = FETCH_ANSWERED, .reason = REASON_NONE};
    struct stage stage = {.now_us = START + 5 * T};
    struct core_grant grant;
    struct core_view view;

    (void)state;
    config.limiter.burst = 4;
    stage.core = core_new(&config, START);
    core_fetcher_ready(stage.core, 8, START, 2, START);
    for (unsigned id = 1; id <= 2; id++) {
        submit(&stage, id, (char)('a' + id));
        assert_true(core_next(stage.core, stage.now_us, &grant));
    }
    assert_true(cancel(&stage, 2)); /* the second of them in flight */
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.in_flight, 4);
    core_fetched(stage.core, 1, &outcome, stage.now_us); /* which of the two it was is not known */
    core_fetched(stage.core, 2, &outcome, stage.now_us);
    core_fetched(stage.core, 3, &outcome, stage.now_us);
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.in_flight, 2);
    core_gateway_lost(stage.core, GATE);
    assert_string_equal(expired(&stage), "1:cancelled ");
    core_free(stage.core);
}

/* It is let in, for it was already promised a place; its deadline comes before its slot, though after the
 * time at which the next grant is made. */
static void who_is_too_late_for_its_slot_leaves_it(void **state)
{
    struct stage stage = stage_open(&plain);
    char key;
    uint64_t attempt;

    (void)state;
    submit(&stage, 1, 'a');
    attempt = grant(&stage, &key);
    answer(&stage, attempt);
    submit(&stage, 3, 'c');
    stage.now_us = core_next_wakeup(stage.core, stage.now_us);
    submit_as(&stage, 2, 'b', 10, MS, true);
    grant(&stage, &key);
    assert_int_equal(key, 'c');
    assert_string_equal(expired(&stage), "2:deadline_passed ");
    core_free(stage.core);
}

/* The clock of whoever submits again may say anything. */
static void arrivals_of_any_time_keep_their_order(void **state)
{
    static const int64_t times[] = {INT64_MIN / 2, START, INT64_MAX / 2};
    struct stage stage = stage_open(&plain);

    (void)state;
    for (unsigned i = 3; i > 0; i--) {
        struct core_request request = {.id = {GATE, i},
                                       .again = true,
                                       .arrival_us = times[i - 1],
                                       .deadline_us = stage.now_us + 60 * T,
                                       .mine = text_of("mine")};
        struct core_verdict verdict;

        request.key[0] = (uint8_t)i;
        core_submit(stage.core, &request, stage.now_us, &verdict);
        assert_int_equal(verdict.position, 1);
    }
    core_free(stage.core);
}

/* More of an earlier epoch than can be told apart: what is counted holds everything up. */
static void a_fetcher_with_too_much_in_flight(void **state)
{
    struct stage stage = {.core = core_new(&plain, START), .now_us = START + 2 * T};
    struct core_view view;

    (void)state;
    core_fetcher_ready(stage.core, 8, START, 100000, START);
    core_look(stage.core, stage.now_us, &view);
    assert_in_range(view.in_flight, 2, 100000 - 1);
    submit(&stage, 1, 'a');
    assert_true(grants_nothing(&stage));
    core_free(stage.core);
}

/* Whoever is still to be told, waits or is in flight goes with it. */
static void a_core_ends_in_the_middle(void **state)
{
    struct stage stage = stage_open(&plain);
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit(&stage, 3, 'c');
    grant(&stage, &key);
    assert_true(core_remove(stage.core, (struct waiter_id){GATE, 2}));
    core_free(stage.core);
}

/* Everybody has left a call in flight, and somebody new has joined it: where it has to wait again, it stands
 * where that one came, and not before those who were there then (story 3061). */
static void who_joins_a_deserted_call_stands_where_it_came(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    attempt = grant(&stage, &key);
    assert_true(cancel(&stage, 1));
    submit(&stage, 2, 'b');
    assert_int_equal(submit(&stage, 3, 'a').answer, CORE_JOINED);
    answer_with(&stage, attempt, FETCH_UNSENT, REASON_NONE, 0);
    grant_in_time(&stage, &key);
    assert_int_equal(key, 'b');
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unknown_or_over_is_ignored),
        cmocka_unit_test(a_call_that_nobody_wants_goes_with_its_fetcher),
        cmocka_unit_test(a_call_comes_back_to_an_open_breaker),
        cmocka_unit_test(calls_of_an_earlier_epoch_stay),
        cmocka_unit_test(who_is_too_late_for_its_slot_leaves_it),
        cmocka_unit_test(arrivals_of_any_time_keep_their_order),
        cmocka_unit_test(a_fetcher_with_too_much_in_flight),
        cmocka_unit_test(who_joins_a_deserted_call_stands_where_it_came),
        cmocka_unit_test(a_core_ends_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
