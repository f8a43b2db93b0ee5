/* core_notes_test.c - what the core decides by itself is noted, once, with what it is about; a flood is
 * counted. */
#include "tests/unit/core_stage.h"

static void takes(struct stage *stage, enum decision_id decision, uint64_t request, int64_t value)
{
    struct note note;

    assert_true(core_noted(stage->core, &note));
    assert_int_equal(note.decision, decision);
    assert_int_equal(note.who.request, request);
    assert_int_equal(note.value, value);
}

static void takes_no_more(struct stage *stage)
{
    struct note note;

    assert_false(core_noted(stage->core, &note));
}

static void a_rejection_is_told_step_by_step(void **state)
{
    struct stage stage = stage_open(&plain);
    struct note note;
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    attempt = grant(&stage, &key);
    takes_no_more(&stage);
    answer_with(&stage, attempt, FETCH_LIMITED, REASON_HOLD, 5 * T);
    assert_true(core_noted(stage.core, &note));
    assert_int_equal(note.decision, DECISION_SCHEDULER_REQUEUED);
    assert_int_equal(note.attempt, attempt);
    assert_int_equal(note.reason, REASON_HOLD);
    while (core_noted(stage.core, &note) && note.decision != DECISION_SCHEDULER_HOLD)
        assert_int_equal(note.decision, DECISION_SCHEDULER_DOUBTED);
    assert_int_equal(note.decision, DECISION_SCHEDULER_HOLD);
    assert_in_range(note.value, 5 * T, 5 * T + 10 * MS);
    takes_no_more(&stage);
    grant_in_time(&stage, &key);
    assert_true(grants_nothing(&stage));
    assert_true(core_noted(stage.core, &note));
    assert_int_equal(note.decision, DECISION_SCHEDULER_HOLD_OVER);
    assert_in_range(note.value, 5 * T, 5 * T + 10 * MS);
    core_free(stage.core);
}

/* Of two that were rejected the second asks for less than is waited anyway. And what the rejections have
 * shaken is told once more when it is trusted again. */
static void a_hold_within_a_hold_is_none(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    struct note note;
    uint64_t first, second;
    unsigned holds = 0, over = 0, doubted = 0, trusted = 0;
    char key;

    (void)state;
    config.limiter.mode = LIMITER_ADAPTIVE;
    config.limiter.burst = 2;
    stage = stage_open(&config);
    for (uint64_t id = 1; id <= 100; id++) {
        submit(&stage, id, 'a');
        answer(&stage, grant_in_time(&stage, &key));
    }
    submit(&stage, 1001, 'a');
    submit(&stage, 1002, 'b');
    first = grant_in_time(&stage, &key);
    second = grant_in_time(&stage, &key);
    answer_with(&stage, first, FETCH_LIMITED, REASON_HOLD, 5 * T);
    answer_with(&stage, second, FETCH_LIMITED, REASON_HOLD, T);
    for (uint64_t id = 2000; id < 20000 && trusted == 0; id++) {
        submit(&stage, id, 'c');
        answer(&stage, grant_in_time(&stage, &key));
        while (core_noted(stage.core, &note)) {
            holds += note.decision == DECISION_SCHEDULER_HOLD;
            over += note.decision == DECISION_SCHEDULER_HOLD_OVER;
            doubted += note.decision == DECISION_SCHEDULER_DOUBTED;
            trusted += note.decision == DECISION_SCHEDULER_DOUBT_OVER;
        }
    }
    assert_int_equal(holds, 1);
    assert_int_equal(over, 1);
    assert_in_range(doubted, 1, 2);
    assert_int_equal(trusted, 1);
    core_free(stage.core);
}

static void who_starves_is_told(void **state)
{
    struct core_config config = plain;
    struct stage stage;

    (void)state;
    config.policy = &queue_policy_priority;
    config.starvation_us = 10 * T;
    stage = stage_open(&config);
    core_pause(stage.core, true, stage.now_us);
    submit(&stage, 7, 'a');
    stage.now_us += 11 * T;
    assert_true(grants_nothing(&stage));
    takes(&stage, DECISION_SCHEDULER_LIFTED, 7, 11 * T);
    takes_no_more(&stage);
    core_free(stage.core);
}

/* Nobody takes them: the first are kept, the others counted by kind. */
static void a_flood_is_counted(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    struct note note;
    unsigned kept = 0;
    uint64_t count = 0;

    (void)state;
    config.policy = &queue_policy_priority;
    config.starvation_us = T;
    config.queue_max = config.waiters_max = 2 * NOTES_MAX;
    stage = stage_open(&config);
    core_pause(stage.core, true, stage.now_us);
    for (unsigned i = 1; i <= NOTES_MAX + 10; i++) {
        struct core_request request = {.id = {GATE, i},
                                       .arrival_us = stage.now_us,
                                       .deadline_us = stage.now_us + 100000 * T,
                                       .mine = text_of("mine")};
        struct core_verdict verdict;

        memcpy(request.key, &i, sizeof(i));
        core_submit(stage.core, &request, stage.now_us, &verdict);
        assert_int_equal(verdict.answer, CORE_QUEUED);
    }
    stage.now_us += 2 * T;
    assert_true(grants_nothing(&stage));
    while (core_noted(stage.core, &note))
        kept++;
    assert_int_equal(kept, NOTES_MAX);
    assert_int_equal(core_missed(stage.core, &count), DECISION_SCHEDULER_LIFTED);
    assert_int_equal(count, 10);
    assert_int_equal(core_missed(stage.core, &count), DECISION_COUNT);
    core_free(stage.core);
}

static void who_a_note_names_can_be_found_until_it_is_told(void **state)
{
    struct stage stage = stage_open(&plain);
    const struct waiter_id first = {GATE, 1}, second = {GATE, 2}, nobody = {GATE, 3};

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    assert_true(core_remove(stage.core, first));
    assert_int_equal(core_find(stage.core, first)->id.request, 1);
    assert_int_equal(core_find(stage.core, second)->id.request, 2);
    assert_null(core_find(stage.core, nobody));
    assert_string_equal(expired(&stage), "1:removed ");
    assert_null(core_find(stage.core, first));
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rejection_is_told_step_by_step),
        cmocka_unit_test(a_hold_within_a_hold_is_none),
        cmocka_unit_test(who_starves_is_told),
        cmocka_unit_test(a_flood_is_counted),
        cmocka_unit_test(who_a_note_names_can_be_found_until_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
