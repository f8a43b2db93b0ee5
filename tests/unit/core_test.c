/* core_test.c - what the scheduler decides: admission, coalescing, order, ends. Every request must get
 * exactly one end, and every payload and every `mine` be released (AddressSanitizer watches). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/core.h"

#define MS    1000LL
#define T     (1000 * MS)
#define START (100 * T)
#define GATE  0xfeed

struct stage {
    struct core *core;
    int64_t now_us;
};

static const struct core_config plain = {
    .limiter =
        {.mode = LIMITER_STRICT, .window_us = T, .burst = 1, .clock_step_us = MS, .hold_max_us = 300 * T},
    .policy = &queue_policy_fifo,
    .queue_max = 3,
    .waiters_max = 8,
    .flight_max = 4,
    .lead_us = 3 * MS,
    .lease_us = 50 * MS,
    .give_up_us = 10 * T,
    .attempt_base = 1000,
    .free_payload = free,
    .free_mine = free,
};

static struct stage stage_open(const struct core_config *config)
{
    struct stage stage = {.core = core_new(config, START), .now_us = START + 2 * T};

    assert_non_null(stage.core);
    core_fetcher_ready(stage.core, 8, 0, 0, START);
    return stage;
}

/* Submits request `id` for the key that the letter names. */
static struct core_verdict submit_as(struct stage *stage, uint64_t id, char key, unsigned priority,
                                     int64_t patience_us, bool again)
{
    struct core_request request = {.id = {.gateway = GATE, .request = id},
                                   .priority = (uint8_t)priority,
                                   .again = again,
                                   .arrival_us = again ? START - 50 * T + (int64_t)id : stage->now_us,
                                   .deadline_us = stage->now_us + patience_us,
                                   .mine = malloc(1),
                                   .payload = malloc(1)};
    struct core_verdict verdict;

    memset(request.key, key, JOB_KEY_BYTES);
    core_submit(stage->core, &request, stage->now_us, &verdict);
    if (verdict.answer != CORE_QUEUED)
        free(request.payload);
    if (verdict.answer != CORE_QUEUED && verdict.answer != CORE_JOINED)
        free(request.mine);
    return verdict;
}

static struct core_verdict submit(struct stage *stage, uint64_t id, char key)
{
    return submit_as(stage, id, key, 10, 60 * T, false);
}

/* The next grant: its attempt, and the key's letter. Fails the test when there is none. */
static uint64_t grant(struct stage *stage, char *key)
{
    struct core_grant grant;

    assert_true(core_next(stage->core, stage->now_us, &grant));
    assert_true(grant.latest_us == grant.earliest_us + 50 * MS);
    *key = (char)grant.job->key[0];
    core_sent(stage->core, grant.attempt, grant.earliest_us);
    stage->now_us = grant.earliest_us;
    return grant.attempt;
}

static bool grants_nothing(struct stage *stage)
{
    struct core_grant grant;

    return !core_next(stage->core, stage->now_us, &grant);
}

/* Writes the ids of a finished job's waiters into a line, and retires it. */
static const char *retire(struct stage *stage, struct job *job)
{
    static char line[64];
    struct waiter *waiter;

    line[0] = '\0';
    if (!job)
        return "requeued";
    while ((waiter = job_shift(job))) {
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%d ", (int)waiter->id.request);
        free(waiter->mine);
        waiter_free(waiter);
    }
    core_retire(stage->core, job);
    return line;
}

static const char *answer_with(struct stage *stage, uint64_t attempt, enum fetch_outcome kind,
                               enum reason reason, int64_t hold_us)
{
    struct core_outcome outcome = {.kind = kind,
                                   .reason = reason,
                                   .sent_us = stage->now_us,
                                   .first_us = stage->now_us + 10 * MS,
                                   .hold_us = hold_us};

    stage->now_us += 10 * MS;
    return retire(stage, core_fetched(stage->core, attempt, &outcome, stage->now_us));
}

static const char *answer(struct stage *stage, uint64_t attempt)
{
    return answer_with(stage, attempt, FETCH_ANSWERED, REASON_NONE, 0);
}

/* All who are to be told something now: "id:reason ". */
static const char *expired(struct stage *stage)
{
    static char line[256];
    struct waiter *waiter;

    line[0] = '\0';
    while ((waiter = core_expire(stage->core, stage->now_us))) {
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%d:%s ", (int)waiter->id.request,
                 reason_name((enum reason)waiter->reason));
        free(waiter->mine);
        waiter_free(waiter);
    }
    return line;
}

static bool cancel(struct stage *stage, uint64_t id)
{
    struct waiter *waiter = core_cancel(stage->core, (struct waiter_id){GATE, id});

    if (waiter)
        free(waiter->mine);
    waiter_free(waiter);
    return waiter != NULL;
}

/* Moves to the time at which the core wants to be asked, and takes the grant. */
static uint64_t grant_in_time(struct stage *stage, char *key)
{
    stage->now_us = core_next_wakeup(stage->core, stage->now_us);
    return grant(stage, key);
}

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
    assert_in_range(verdict.retry_after_us, T, T + 2 * MS);
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

static void a_slot_after_the_deadline_goes_to_the_next(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit_as(&stage, 2, 'b', 10, T + 11 * MS, false); /* 0.5 ms too short for the slot at T + 10.5 ms */
    submit(&stage, 3, 'c');
    attempt = grant(&stage, &key);
    answer(&stage, attempt);
    stage.now_us = core_next_wakeup(stage.core, stage.now_us);
    core_hold(stage.core, stage.now_us + 3800, stage.now_us); /* now its slot lies beyond */
    stage.now_us += 1000;
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
    assert_int_equal(stage.now_us, next.latest_us + T + 500);
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

static void stands_still_when_told(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_view view;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    core_pause(stage.core, true);
    assert_true(grants_nothing(&stage));
    stage.now_us += 20 * T;
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.stuck_us, 0); /* that is wanted */
    core_pause(stage.core, false);
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
        cmocka_unit_test(serves_in_order_one_each_window),
        cmocka_unit_test(hands_over_early_but_not_earlier),
        cmocka_unit_test(equal_requests_share_one_call),
        cmocka_unit_test(the_group_has_the_best_priority_of_those_who_wait),
        cmocka_unit_test(refuses_what_has_no_place),
        cmocka_unit_test(submitted_again_goes_ahead_in_the_order_of_old),
        cmocka_unit_test(refuses_what_cannot_be_in_time),
        cmocka_unit_test(no_slot_is_spent_on_the_dead),
        cmocka_unit_test(a_slot_after_the_deadline_goes_to_the_next),
        cmocka_unit_test(a_429_holds_and_its_request_keeps_its_place),
        cmocka_unit_test(ends_of_an_attempt),
        cmocka_unit_test(an_open_breaker_refuses_and_then_lets_one_probe_pass),
        cmocka_unit_test(a_lost_fetcher_loses_no_request_and_no_spacing),
        cmocka_unit_test(a_grant_of_a_lost_fetcher_counts_until_its_lease_ends),
        cmocka_unit_test(a_new_scheduler_respects_what_the_old_one_sent),
        cmocka_unit_test(a_hold_recalls_what_is_not_sent_yet),
        cmocka_unit_test(a_lost_gateway_takes_its_requests_along),
        cmocka_unit_test(a_hold_sweeps_groups_by_halves),
        cmocka_unit_test(stands_still_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
