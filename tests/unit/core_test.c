/* core_test.c - who is let in, who shares, who leaves. */
#include "tests/unit/core_stage.h"

static void serves_in_order_one_each_window(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    char key;

    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(submit(&stage, id, (char)('a' + id)).position, id);
    for (uint64_t id = 1; id <= 3; id++) {
        int64_t before_us = stage.now_us;

        attempt = grant_in_time(&stage, &key);
        assert_int_equal(attempt, 1000 + id);
        assert_int_equal(key, 'a' + id);
        if (id > 1) /* the previous answer came at before_us */
            assert_int_equal(stage.now_us, before_us + T + 500);
        assert_true(grants_nothing(&stage));
        answer(&stage, attempt);
    }
    core_free(stage.core);
}

static void equal_requests_share_one_call(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    char key;

    (void)state;
    assert_int_equal(submit(&stage, 1, 'a').answer, CORE_QUEUED);
    assert_int_equal(submit(&stage, 2, 'a').answer, CORE_JOINED);
    attempt = grant(&stage, &key);
    assert_int_equal(submit(&stage, 3, 'a').answer, CORE_JOINED); /* in flight, too */
    assert_int_equal(submit(&stage, 3, 'a').answer, CORE_KNOWN);
    assert_string_equal(answer(&stage, attempt), "1 2 3 ");
    assert_int_equal(submit(&stage, 4, 'a').answer, CORE_QUEUED); /* a new call */
    core_free(stage.core);
}

static void the_group_has_the_best_priority_of_those_who_wait(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    char key;

    (void)state;
    config.policy = &queue_policy_priority;
    stage = stage_open(&config);
    submit_as(&stage, 1, 'a', 10, 60 * T, false);
    submit_as(&stage, 2, 'b', 20, 60 * T, false);
    assert_int_equal(submit_as(&stage, 3, 'b', 1, 60 * T, false).position, 1);
    assert_true(cancel(&stage, 3)); /* and falls back when the urgent one leaves */
    grant(&stage, &key);
    assert_int_equal(key, 'a');
    core_free(stage.core);
}

static void refuses_what_has_no_place(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_verdict verdict;
    uint64_t id;

    (void)state;
    for (id = 1; id <= 3; id++)
        submit(&stage, id, (char)('a' + id));
    verdict = submit(&stage, 4, 'x');
    assert_int_equal(verdict.answer, CORE_REFUSED);
    assert_int_equal(verdict.reason, REASON_QUEUE_FULL);
    assert_int_equal(verdict.position, 4);
    assert_int_equal(submit(&stage, 5, 'b').answer, CORE_JOINED); /* needs no place in the queue */
    assert_int_equal(submit_as(&stage, 6, 'y', 10, 60 * T, true).answer,
                     CORE_QUEUED); /* was admitted before */
    submit(&stage, 7, 'b');
    submit(&stage, 8, 'b');
    submit(&stage, 9, 'b');
    assert_int_equal(submit(&stage, 10, 'b').reason, REASON_WAITERS_FULL);
    core_free(stage.core);
}

static void the_more_urgent_takes_the_place_of_the_newest_least_urgent(void **state)
{
    struct core_config config = plain;
    struct stage stage;

    (void)state;
    config.policy = &queue_policy_priority;
    stage = stage_open(&config);
    submit_as(&stage, 1, 'a', 10, 60 * T, false);
    submit_as(&stage, 2, 'b', 20, 60 * T, false);
    submit_as(&stage, 3, 'c', 20, 60 * T, false);
    submit_as(&stage, 4, 'c', 20, 60 * T, false);
    assert_int_equal(submit_as(&stage, 5, 'x', 20, 60 * T, false).reason, REASON_QUEUE_FULL);
    assert_string_equal(expired(&stage), "");
    assert_int_equal(submit_as(&stage, 6, 'y', 15, T / 2, false).reason, REASON_DEADLINE_UNMEETABLE);
    assert_string_equal(expired(&stage), ""); /* nobody leaves for one who does not stay */
    assert_int_equal(submit_as(&stage, 7, 'z', 5, 60 * T, false).position, 1);
    assert_int_equal(core_next_wakeup(stage.core, stage.now_us), stage.now_us); /* they are told at once */
    assert_string_equal(expired(&stage), "3:displaced 4:displaced ");           /* all who shared it */
    assert_int_equal(submit_as(&stage, 8, 'b', 1, 60 * T, false).answer, CORE_JOINED); /* needs no place */
    assert_string_equal(expired(&stage), "");
    core_free(stage.core);
}

static void who_waits_too_long_is_served_whatever_comes(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    uint64_t id = 2;
    char key = '?';

    (void)state;
    config.policy = &queue_policy_priority;
    config.starvation_us = 5 * T;
    config.queue_max = 100;
    config.waiters_max = 100;
    stage = stage_open(&config);
    submit_as(&stage, 1, 'Z', 10, 60 * T, false);
    for (unsigned slots = 0; key != 'Z'; slots++) { /* a flood: for each that is served, two more come */
        assert_in_range(slots, 0, 6);
        submit_as(&stage, id, (char)('a' + id), 0, 60 * T, false);
        submit_as(&stage, id + 1, (char)('a' + id + 1), 0, 60 * T, false);
        id += 2;
        answer(&stage, grant_in_time(&stage, &key));
    }
    core_free(stage.core);
}

static void clients_take_turns(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    char key;

    (void)state;
    config.policy = &queue_policy_fair;
    stage = stage_open(&config);
    submit(&stage, 1, 'A');
    submit(&stage, 2, 'B');
    submit(&stage, 3, 'C');
    assert_int_equal(submit(&stage, 4, 'D').reason, REASON_QUEUE_FULL);
    assert_int_equal(submit(&stage, 5, 'x').position, 2); /* the other client has fewer places */
    assert_string_equal(expired(&stage), "3:displaced ");
    for (const char *order = "AxB"; *order; order++) {
        uint64_t attempt = grant_in_time(&stage, &key);

        assert_int_equal(key, *order);
        answer(&stage, attempt);
    }
    core_free(stage.core);
}

static void a_client_may_have_a_bound_of_its_own(void **state)
{
    struct core_config config = plain;
    struct stage stage;

    (void)state;
    config.client_max = 1;
    stage = stage_open(&config);
    assert_int_equal(submit(&stage, 1, 'A').answer, CORE_QUEUED);
    assert_int_equal(submit(&stage, 2, 'B').reason, REASON_CLIENT_FULL);
    assert_int_equal(submit(&stage, 3, 'A').answer, CORE_JOINED);
    assert_int_equal(submit(&stage, 4, 'x').answer, CORE_QUEUED);
    core_free(stage.core);
}

static void submitted_again_goes_ahead_in_the_order_of_old(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit_as(&stage, 4, 'd', 10, 60 * T, true);
    submit_as(&stage, 3, 'c', 10, 60 * T, true); /* older than 4 */
    submit_as(&stage, 5, 'b', 10, 60 * T, true); /* takes b along */
    for (const char *order = "cdba"; *order; order++) {
        attempt = grant_in_time(&stage, &key);
        assert_int_equal(key, *order);
        answer(&stage, attempt);
    }
    core_free(stage.core);
}

static void refuses_what_cannot_be_in_time(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_verdict verdict;

    (void)state;
    assert_int_equal(submit_as(&stage, 1, 'a', 10, T / 2, false).answer, CORE_QUEUED);
    assert_int_equal(submit_as(&stage, 2, 'b', 10, 3 * T, false).answer, CORE_QUEUED);
    verdict = submit_as(&stage, 3, 'c', 10, T, false); /* would be third: two windows to wait */
    assert_int_equal(verdict.reason, REASON_DEADLINE_UNMEETABLE);
    assert_in_range(verdict.retry_after_us, T, T + 2 * T / 32 + 2 * MS);
    assert_int_equal(submit_as(&stage, 4, 'b', 10, T / 2, false).reason, REASON_DEADLINE_UNMEETABLE);
    assert_int_equal(submit_as(&stage, 5, 'd', 10, 0, false).reason, REASON_DEADLINE_PASSED);
    core_free(stage.core);
}

static void no_slot_is_spent_on_the_dead(void **state)
{
    struct stage stage = stage_open(&plain);
    char key;

    (void)state;
    submit_as(&stage, 1, 'a', 10, 5 * T, false);
    submit_as(&stage, 2, 'b', 10, 60 * T, false);
    submit_as(&stage, 3, 'c', 10, 60 * T, false);
    assert_true(cancel(&stage, 2)); /* hangs up: gone at once */
    assert_false(cancel(&stage, 2));
    stage.now_us += 5 * T - MS;
    /* A slot that would come after the deadline of the first goes to the next one. */
    core_hold(stage.core, stage.now_us + 500, stage.now_us);
    stage.now_us += 400;
    grant(&stage, &key);
    assert_int_equal(key, 'a');
    stage.now_us += MS;
    assert_string_equal(expired(&stage), "1:deadline_passed ");
    assert_int_equal(core_recall(stage.core), 0x0 + 1001); /* in flight for nobody */
    assert_int_equal(core_recall(stage.core), 0);
    core_free(stage.core);
}

static void a_lost_gateway_takes_its_requests_along(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_view view;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit(&stage, 3, 'b');
    grant(&stage, &key);
    core_gateway_lost(stage.core, GATE + 1);
    assert_string_equal(expired(&stage), "");
    core_gateway_lost(stage.core, GATE);
    assert_string_equal(expired(&stage), "1:cancelled 2:cancelled 3:cancelled ");
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.queued, 0);
    assert_int_equal(view.waiters, 0);
    assert_int_equal(view.in_flight, 1);
    assert_int_equal(core_recall(stage.core), 1001);
    assert_int_equal(submit(&stage, 9, 'a').answer, CORE_JOINED); /* it goes on, and may find takers */
    assert_string_equal(answer(&stage, 1001), "9 ");
    core_free(stage.core);
}

static void a_hold_sweeps_groups_by_halves(void **state)
{
    struct core_config config = plain;
    struct stage stage;

    (void)state;
    config.policy = &queue_policy_priority;
    stage = stage_open(&config);
    submit_as(&stage, 1, 'a', 1, 6 * T, false); /* leaves; the group falls from first to last */
    submit_as(&stage, 2, 'a', 9, 60 * T, false);
    submit_as(&stage, 3, 'b', 5, 7 * T, false);
    submit_as(&stage, 4, 'c', 6, 60 * T, false);
    core_hold(stage.core, stage.now_us + 20 * T, stage.now_us);
    assert_string_equal(expired(&stage), "1:hold 3:hold ");
    core_free(stage.core);
}

static void a_hold_dismisses_whose_turn_would_come_too_late_after_it(void **state)
{
    struct stage stage = stage_open(&plain);
    char key;

    (void)state;
    submit_as(&stage, 1, 'a', 10, 60 * T, false);
    submit_as(&stage, 2, 'b', 10, 21 * T + T / 2, false); /* its turn would be at 21 T: in time */
    submit_as(&stage, 3, 'c', 10, 21 * T + T / 2, false); /* at 22 T */
    core_hold(stage.core, stage.now_us + 20 * T, stage.now_us);
    assert_string_equal(expired(&stage), "3:hold ");
    answer(&stage, grant_in_time(&stage, &key));
    assert_string_equal(answer(&stage, grant_in_time(&stage, &key)), "2 ");
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_in_order_one_each_window),
        cmocka_unit_test(equal_requests_share_one_call),
        cmocka_unit_test(the_group_has_the_best_priority_of_those_who_wait),
        cmocka_unit_test(refuses_what_has_no_place),
        cmocka_unit_test(the_more_urgent_takes_the_place_of_the_newest_least_urgent),
        cmocka_unit_test(who_waits_too_long_is_served_whatever_comes),
        cmocka_unit_test(clients_take_turns),
        cmocka_unit_test(a_client_may_have_a_bound_of_its_own),
        cmocka_unit_test(submitted_again_goes_ahead_in_the_order_of_old),
        cmocka_unit_test(refuses_what_cannot_be_in_time),
        cmocka_unit_test(no_slot_is_spent_on_the_dead),
        cmocka_unit_test(a_lost_gateway_takes_its_requests_along),
        cmocka_unit_test(a_hold_sweeps_groups_by_halves),
        cmocka_unit_test(a_hold_dismisses_whose_turn_would_come_too_late_after_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
