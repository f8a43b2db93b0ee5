/* core_scarce_test.c - out of memory, or of room in a table, at each place in turn: refused at the door, and
 * nothing has changed. */
#include "scheduler/table.h"
#include "tests/support/scarce.h"
#include "tests/unit/core_stage.h"

#define CROWD      100
#define PLACES_MAX 1000

static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                      &queue_policy_fair};

static struct core_config roomy(const struct queue_policy *policy)
{
    struct core_config config = plain;

    config.policy = policy;
    config.queue_max = CROWD;
    config.waiters_max = CROWD;
    return config;
}

static void no_core_is_made(void **state)
{
    struct core *core = NULL;
    unsigned places = 0;

    (void)state;
    for (; !core && places < PLACES_MAX; places++) {
        scarce_after(places);
        core = core_new(&plain, START);
        assert_int_equal(!core, scarce_no_more() > 0);
    }
    assert_true(core && places > 3);
    core_free(core);
    core_free(NULL);
}

/* Tries with one allocation more each time, until it is let in. */
static void comes_in_at_last(struct stage *stage, const struct core_request *request, unsigned before)
{
    struct core_verdict verdict = {.answer = CORE_REFUSED};

    for (unsigned places = 0; verdict.answer == CORE_REFUSED; places++) {
        scarce_after(places);
        core_submit(stage->core, request, stage->now_us, &verdict);
        if (scarce_no_more() == 0 || verdict.answer != CORE_REFUSED)
            continue;
        assert_int_equal(verdict.reason, REASON_WAITERS_FULL);
        assert_waiting(stage, before);
    }
    assert_waiting(stage, before + 1);
}

/* Every other one belongs to one client, whose line grows; the others are new. */
static void a_request_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct core_config config = roomy(policies[i]);
        struct stage stage = stage_open(&config);

        for (unsigned id = 0; id < CROWD; id++) {
            struct core_request request = {.id = {GATE, id + 1},
                                           .client = id % 2 ? id : 0,
                                           .deadline_us = stage.now_us + 600 * T,
                                           .mine = text_of("mine")};

            request.key[0] = (uint8_t)(id + 1);
            comes_in_at_last(&stage, &request, id);
        }
        core_free(stage.core);
    }
}

static void a_request_that_shares_a_call_is_refused(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_request request = {
        .id = {GATE, 2}, .deadline_us = stage.now_us + 60 * T, .mine = text_of("mine")};
    struct core_verdict verdict;

    (void)state;
    submit(&stage, 1, 'a');
    memset(request.key, 'a', JOB_KEY_BYTES);
    scarce_after(0);
    core_submit(stage.core, &request, stage.now_us, &verdict);
    scarce_no_more();
    assert_int_equal(verdict.answer, CORE_REFUSED);
    assert_int_equal(verdict.reason, REASON_WAITERS_FULL);
    assert_waiting(&stage, 1);
    core_submit(stage.core, &request, stage.now_us, &verdict);
    assert_int_equal(verdict.answer, CORE_JOINED);
    core_free(stage.core);
}

static void another_policy_is_refused(void **state)
{
    struct core_config config = roomy(&queue_policy_fifo);
    struct stage stage = stage_open(&config);
    unsigned refused = 0;
    int rc = -1;

    (void)state;
    for (unsigned id = 1; id <= 60; id++) {
        struct core_request request = {.id = {GATE, id},
                                       .client = id % 7,
                                       .deadline_us = stage.now_us + 600 * T,
                                       .mine = text_of("mine")};
        struct core_verdict verdict;

        request.key[0] = (uint8_t)id;
        core_submit(stage.core, &request, stage.now_us, &verdict);
    }
    for (unsigned places = 0; rc < 0; places++) {
        scarce_after(places);
        rc = core_policy(stage.core, &queue_policy_fair);
        refused += scarce_no_more() > 0;
        assert_waiting(&stage, 60);
    }
    assert_true(refused >= 7);
    core_free(stage.core);
}

/* Ids that were made to meet in one place of the table. */
static void too_many_of_one_home_are_refused(void **state)
{
    struct core_config config = roomy(&queue_policy_fifo);
    struct table table;
    struct stage stage;
    unsigned waiting = 0, refused = 0;

    (void)state;
    config.waiters_max = 1000;
    stage = stage_open(&config);
    assert_int_equal(table_init(&table, 1000, 0), 0);
    for (struct waiter_id id = {GATE, 1}; refused == 0; id.request++) {
        struct core_verdict verdict = {.answer = CORE_KNOWN};
        bool here;

        assert_int_equal(table_add(&table, &id), 0);
        here = table.things[0];
        table_remove(&table, &id);
        if (here)
            verdict = submit(&stage, id.request, 'a');
        waiting += verdict.answer == CORE_QUEUED || verdict.answer == CORE_JOINED;
        refused += verdict.answer == CORE_REFUSED;
    }
    assert_in_range(waiting, 100, 300);
    core_free(stage.core);
    table_done(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_core_is_made),
        cmocka_unit_test(a_request_is_refused),
        cmocka_unit_test(a_request_that_shares_a_call_is_refused),
        cmocka_unit_test(another_policy_is_refused),
        cmocka_unit_test(too_many_of_one_home_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
