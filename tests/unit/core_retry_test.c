/* core_retry_test.c - a failed call is made again: for whom, when, at which price, and who is asked to try
 * first when the breaker may close. */
#include "tests/unit/core_stage.h"

#define PAUSE (500 * MS) /* the longest one before the first retry */

static struct core_config retrying(unsigned tries, int64_t pause_us)
{
    struct core_config config = plain;

    config.retries = (struct retries_config){
        .tries_max = tries, .budget_percent = 20, .base_us = pause_us, .cap_us = 4 * pause_us, .seed = 3};
    return config;
}

/* The attempt fails with the provider's own error; gives who has been answered, or "requeued". */
static const char *fail_it(struct stage *stage, uint64_t attempt, bool again)
{
    struct core_outcome outcome = {.kind = FETCH_FAILED,
                                   .reason = REASON_UPSTREAM_ERROR,
                                   .sent_us = stage->now_us,
                                   .first_us = stage->now_us + 10 * MS,
                                   .again = again};

    stage->now_us += 10 * MS;
    return retire(stage, core_fetched(stage->core, attempt, &outcome, stage->now_us));
}

static struct core_view look(const struct stage *stage)
{
    struct core_view view;

    core_look(stage->core, stage->now_us, &view);
    return view;
}

/* The call of one request, which has so much patience: it is sent, and may be made again twice. */
static struct stage in_flight(int64_t patience_us, uint64_t *attempt)
{
    struct core_config config = retrying(2, PAUSE);
    struct stage stage = stage_open(&config);
    char key;

    submit_as(&stage, 1, 'a', 10, patience_us, false);
    *attempt = grant(&stage, &key);
    return stage;
}

/* The call of one request, which has failed and is in its pause. */
static struct stage in_pause(unsigned tries, int64_t pause_us)
{
    struct core_config config = retrying(tries, pause_us);
    struct stage stage = stage_open(&config);
    char key;

    submit(&stage, 1, 'a');
    assert_string_equal(fail_it(&stage, grant(&stage, &key), true), "requeued");
    assert_int_equal(look(&stage).in_pause, 1);
    return stage;
}

static int64_t due(const struct stage *stage)
{
    return core_next_wakeup(stage->core, stage->now_us);
}

static void a_failed_call_is_made_again(void **state)
{
    struct stage stage = in_pause(2, PAUSE);
    int64_t failed_us = stage.now_us, sent_us;
    char key;

    (void)state;
    assert_waiting(&stage, 1);
    submit(&stage, 2, 'b'); /* it has its old place when it comes back: before who came later */
    assert_in_range(due(&stage), failed_us, failed_us + T); /* at most: then the next slot is there */
    sent_us = stage.now_us - 10 * MS;
    stage.now_us = failed_us + PAUSE;
    assert_true(grants_nothing(&stage)); /* the pause is over; a slot it must await like everybody */
    assert_int_equal(look(&stage).in_pause, 0);
    grant_in_time(&stage, &key);
    assert_int_equal(key, 'a');
    assert_true(stage.now_us >= sent_us + T);
    core_free(stage.core);
}

static void a_retry_that_is_answered_ends_it(void **state)
{
    struct stage stage = in_pause(1, PAUSE);
    char key;

    (void)state;
    assert_string_equal(answer(&stage, grant_in_time(&stage, &key)), "1 ");
    assert_waiting(&stage, 0);
    core_free(stage.core);
}

static void the_last_try_ends_it(void **state)
{
    struct stage stage = in_pause(1, PAUSE);
    char key;

    (void)state;
    assert_string_equal(fail_it(&stage, grant_in_time(&stage, &key), true), "1 ");
    assert_int_equal(look(&stage).retries_total, 1);
    assert_int_equal(look(&stage).retries_denied_total, 0);
    core_free(stage.core);
}

static void what_would_fail_again_is_not_made_again(void **state)
{
    uint64_t attempt;
    struct stage stage = in_flight(60 * T, &attempt);

    (void)state;
    assert_string_equal(fail_it(&stage, attempt, false), "1 ");
    core_free(stage.core);
}

/* Five are saved up at the start, and a fifth of one comes with each slot. */
static void the_budget_bounds_them(void **state)
{
    struct core_config config = retrying(1, PAUSE);
    struct stage stage = stage_open(&config);
    unsigned made = 0;

    (void)state;
    for (uint64_t i = 1; i <= 20; i++) {
        char key;

        submit(&stage, i, 'a');
        made += strcmp(fail_it(&stage, grant_in_time(&stage, &key), true), "requeued") == 0;
        if (look(&stage).in_pause > 0)
            answer(&stage, grant_in_time(&stage, &key));
    }
    /* 20 slots and those of the retries themselves. */
    assert_in_range(made, RETRIES_RESERVE + 20 / 5, RETRIES_RESERVE + (20 + made) / 5);
    assert_int_equal(look(&stage).retries_denied_total, 20 - made);
    core_free(stage.core);
}

/* One of those who share the call cannot wait so long: it is told why the first attempt failed. */
static void who_cannot_wait_is_told_at_once(void **state)
{
    struct core_config config = retrying(2, PAUSE);
    struct stage stage = stage_open(&config);
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit_as(&stage, 2, 'a', 10, 900 * MS, false);
    assert_string_equal(fail_it(&stage, grant(&stage, &key), true), "requeued");
    assert_string_equal(expired(&stage), "2:upstream_error ");
    assert_waiting(&stage, 1);
    assert_string_equal(answer(&stage, grant_in_time(&stage, &key)), "1 ");
    core_free(stage.core);
}

static void where_nobody_can_wait_there_is_none(void **state)
{
    uint64_t attempt;
    struct stage stage = in_flight(900 * MS, &attempt);

    (void)state;
    assert_string_equal(fail_it(&stage, attempt, true), "1 ");
    assert_int_equal(look(&stage).retries_total, 0);
    core_free(stage.core);
}

/* A hold that the failure brought counts, too. */
static void a_hold_may_leave_no_time_for_it(void **state)
{
    uint64_t attempt;
    struct stage stage = in_flight(5 * T, &attempt);
    struct core_outcome outcome = {.kind = FETCH_FAILED,
                                   .reason = REASON_UPSTREAM_ERROR,
                                   .sent_us = stage.now_us,
                                   .first_us = stage.now_us + MS,
                                   .hold_us = 10 * T,
                                   .again = true};

    (void)state;
    assert_string_equal(retire(&stage, core_fetched(stage.core, attempt, &outcome, stage.now_us + MS)), "1 ");
    core_free(stage.core);
}

static void an_open_breaker_forbids_it(void **state)
{
    uint64_t attempt;
    struct stage stage = in_flight(60 * T, &attempt);

    (void)state;
    core_breaker(stage.core, CORE_BREAKER_OPEN, stage.now_us + 30 * T, stage.now_us);
    assert_string_equal(fail_it(&stage, attempt, true), "1 ");
    core_free(stage.core);
}

static void an_opening_breaker_dismisses_who_is_in_a_pause(void **state)
{
    struct stage stage = in_pause(2, PAUSE);

    (void)state;
    core_breaker(stage.core, CORE_BREAKER_OPEN, stage.now_us + 30 * T, stage.now_us);
    assert_string_equal(expired(&stage), "1:breaker_open ");
    assert_waiting(&stage, 0);
    assert_int_equal(look(&stage).in_pause, 0);
    core_free(stage.core);
}

static void a_drain_makes_none(void **state)
{
    uint64_t attempt;
    struct stage stage = in_flight(60 * T, &attempt);

    (void)state;
    core_stop(stage.core);
    assert_string_equal(fail_it(&stage, attempt, true), "1 ");
    core_free(stage.core);
}

static void who_leaves_in_its_pause_costs_no_slot(void **state)
{
    struct stage stage = in_pause(2, PAUSE);

    (void)state;
    assert_true(cancel(&stage, 1));
    assert_waiting(&stage, 0);
    assert_int_equal(due(&stage), CORE_NEVER);
    core_free(stage.core);
}

static void a_lost_gateway_takes_it_out_of_its_pause(void **state)
{
    struct stage stage = in_pause(2, PAUSE);

    (void)state;
    core_gateway_lost(stage.core, GATE);
    assert_string_equal(expired(&stage), "1:cancelled ");
    assert_waiting(&stage, 0);
    core_free(stage.core);
}

static void nobody_is_left_when_its_client_left_in_flight(void **state)
{
    uint64_t attempt;
    struct stage stage = in_flight(60 * T, &attempt);

    (void)state;
    assert_true(cancel(&stage, 1));
    assert_string_equal(fail_it(&stage, attempt, true), "");
    core_free(stage.core);
}

static void an_equal_request_shares_it_in_its_pause(void **state)
{
    struct stage stage = in_pause(2, PAUSE);
    struct core_verdict verdict = submit(&stage, 2, 'a'), late, known;
    char key;

    (void)state;
    assert_int_equal(verdict.answer, CORE_JOINED);
    assert_int_equal(verdict.position, 1);
    assert_in_range(verdict.eta_us, 900 * MS, 1100 * MS); /* the next slot; its pause ends before */
    known = submit(&stage, 1, 'a');
    assert_int_equal(known.answer, CORE_KNOWN);
    assert_int_equal(known.position, 1);
    late = submit_as(&stage, 3, 'a', 10, 500 * MS, false);
    assert_int_equal(late.answer, CORE_REFUSED);
    assert_int_equal(late.reason, REASON_DEADLINE_UNMEETABLE);
    assert_string_equal(answer(&stage, grant_in_time(&stage, &key)), "1 2 ");
    core_free(stage.core);
}

static void it_is_listed_before_the_queue(void **state)
{
    struct stage stage = in_pause(2, PAUSE);
    struct waiter_id first = {GATE, 1};
    struct core_entry entries[4], place;

    (void)state;
    submit(&stage, 2, 'b');
    assert_int_equal(core_list(stage.core, NULL, stage.now_us, entries, 4), 2);
    assert_int_equal(entries[0].waiter->id.request, 1);
    assert_int_equal(entries[0].position, 1);
    assert_int_equal(entries[1].waiter->id.request, 2);
    assert_int_equal(entries[1].position, 2);
    assert_true(entries[1].eta_us > entries[0].eta_us);
    assert_int_equal(core_list(stage.core, &first, stage.now_us, entries, 4), 1);
    assert_int_equal(entries[0].waiter->id.request, 2);
    assert_true(core_place(stage.core, first, stage.now_us, &place));
    assert_int_equal(place.position, 1);
    core_free(stage.core);
}

/* While it waits out its pause another may have the slot. */
static void a_pause_holds_up_nobody(void **state)
{
    struct stage stage = in_pause(2, 100 * T);
    int64_t sent_us = stage.now_us - 10 * MS;
    char key;

    (void)state;
    submit(&stage, 2, 'b');
    grant_in_time(&stage, &key);
    assert_int_equal(key, 'b');
    assert_in_range(stage.now_us, sent_us + T, sent_us + T + 20 * MS);
    core_free(stage.core);
}

static void a_freed_core_leaks_no_pause(void **state)
{
    struct stage stage = in_pause(2, PAUSE);

    (void)state;
    core_free(stage.core); /* AddressSanitizer sees the rest */
}

static void it_says_that_it_is_made_again(void **state)
{
    struct stage stage = in_pause(2, PAUSE);
    struct note note;

    (void)state;
    assert_true(core_noted(stage.core, &note));
    assert_int_equal(note.decision, DECISION_SCHEDULER_RETRIED);
    assert_int_equal(note.reason, REASON_UPSTREAM_ERROR);
    assert_int_equal(note.who.request, 1);
    assert_in_range(note.value, 0, PAUSE);
    core_free(stage.core);
}

/* The class is less urgent, and the client has had its turns: the probe is whoever has waited longest. */
static void the_probe_is_the_oldest(void **state)
{
    static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                          &queue_policy_fair};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct core_config config = plain;
        struct stage stage;
        uint64_t attempt;
        char key;

        config.policy = policies[i];
        stage = stage_open(&config);
        core_breaker(stage.core, CORE_BREAKER_OPEN, stage.now_us, stage.now_us);
        submit_as(&stage, 1, 'a', 50, 60 * T, false);
        submit_as(&stage, 2, 'b', 10, 60 * T, false);
        submit_as(&stage, 3, 'C', 0, 60 * T, false);
        attempt = grant_in_time(&stage, &key);
        assert_int_equal(key, 'a');
        core_breaker(stage.core, CORE_BREAKER_HALF_OPEN, 0, stage.now_us);
        assert_true(grants_nothing(&stage)); /* one at a time */
        core_breaker(stage.core, CORE_BREAKER_CLOSED, 0, stage.now_us);
        answer(&stage, attempt);
        grant_in_time(&stage, &key);
        assert_int_equal(key, i == 0 ? 'b' : 'C');
        core_free(stage.core);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_call_is_made_again),
        cmocka_unit_test(a_retry_that_is_answered_ends_it),
        cmocka_unit_test(the_last_try_ends_it),
        cmocka_unit_test(what_would_fail_again_is_not_made_again),
        cmocka_unit_test(the_budget_bounds_them),
        cmocka_unit_test(who_cannot_wait_is_told_at_once),
        cmocka_unit_test(where_nobody_can_wait_there_is_none),
        cmocka_unit_test(a_hold_may_leave_no_time_for_it),
        cmocka_unit_test(an_open_breaker_forbids_it),
        cmocka_unit_test(an_opening_breaker_dismisses_who_is_in_a_pause),
        cmocka_unit_test(a_drain_makes_none),
        cmocka_unit_test(who_leaves_in_its_pause_costs_no_slot),
        cmocka_unit_test(a_lost_gateway_takes_it_out_of_its_pause),
        cmocka_unit_test(nobody_is_left_when_its_client_left_in_flight),
        cmocka_unit_test(an_equal_request_shares_it_in_its_pause),
        cmocka_unit_test(it_is_listed_before_the_queue),
        cmocka_unit_test(a_pause_holds_up_nobody),
        cmocka_unit_test(a_freed_core_leaks_no_pause),
        cmocka_unit_test(it_says_that_it_is_made_again),
        cmocka_unit_test(the_probe_is_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
