/* core_control_test.c - what operators order: pause, policy, rate, one request's removal, and the list. */
#include <errno.h>

#include "tests/unit/core_stage.h"

static const struct core_config roomy = STAGE_CONFIG(10, 20);

/* "1@1 5@1 2@2 ": the ids of those in the list, each with its position. */
static const char *list(struct stage *stage, uint64_t after, unsigned most)
{
    struct waiter_id id = {.gateway = GATE, .request = after};
    struct core_entry entries[20];
    static char line[128];
    int count = core_list(stage->core, after ? &id : NULL, stage->now_us, entries, most);

    line[0] = '\0';
    if (count < 0)
        return "?";
    for (int i = 0; i < count; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%d@%u ",
                 (int)entries[i].waiter->id.request, entries[i].position);
    return line;
}

static void lists_the_queue_page_by_page(void **state)
{
    struct stage stage = stage_open(&roomy);
    struct core_entry entry;
    char key;

    (void)state;
    assert_string_equal(list(&stage, 0, 20), "");
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit(&stage, 3, 'a');
    submit(&stage, 4, 'c');
    assert_string_equal(list(&stage, 0, 20), "1@1 3@1 2@2 4@3 ");
    assert_string_equal(list(&stage, 0, 1), "1@1 ");
    assert_string_equal(list(&stage, 1, 2), "3@1 2@2 ");
    assert_string_equal(list(&stage, 3, 20), "2@2 4@3 ");
    assert_string_equal(list(&stage, 4, 20), "");
    assert_string_equal(list(&stage, 9, 20), "?");
    assert_int_equal(core_list(stage.core, NULL, stage.now_us, &entry, 1), 1);
    assert_true(entry.eta_us >= 0);
    assert_int_equal(core_waiting(stage.core), 4);
    core_pause(stage.core, true, stage.now_us);
    core_list(stage.core, NULL, stage.now_us, &entry, 1);
    assert_int_equal(entry.eta_us, -1);
    core_pause(stage.core, false, stage.now_us);
    grant(&stage, &key);
    assert_string_equal(list(&stage, 0, 20), "2@1 4@2 ");
    assert_string_equal(list(&stage, 1, 20), "?"); /* in flight: not in the queue any more */
    assert_int_equal(core_waiting(stage.core), 2);
    submit(&stage, 5, 'a'); /* joins the flight */
    assert_int_equal(core_waiting(stage.core), 2);
    waiter_free(core_cancel(stage.core, (struct waiter_id){GATE, 2}));
    waiter_free(core_cancel(stage.core, (struct waiter_id){GATE, 1}));
    assert_int_equal(core_waiting(stage.core), 1);
    core_free(stage.core);
}

/* "2" for the second in the queue, "0" for one in flight, "-" for one that is not here. */
static const char *place(struct stage *stage, uint64_t id, struct core_entry *entry)
{
    static char digits[16];

    if (!core_place(stage->core, (struct waiter_id){GATE, id}, stage->now_us, entry))
        return "-";
    assert_int_equal(entry->waiter->id.request, id);
    snprintf(digits, sizeof(digits), "%u", entry->position);
    return digits;
}

static void tells_where_one_stands(void **state)
{
    struct stage stage = stage_open(&roomy);
    struct core_entry entry, listed[4];
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit(&stage, 3, 'a');
    submit(&stage, 4, 'c');
    assert_string_equal(place(&stage, 9, &entry), "-");
    assert_false(core_place(stage.core, (struct waiter_id){GATE + 1, 1}, stage.now_us, &entry));
    core_list(stage.core, NULL, stage.now_us, listed, 4);
    assert_string_equal(place(&stage, 3, &entry), "1");
    assert_int_equal(entry.eta_us, listed[1].eta_us);
    assert_string_equal(place(&stage, 4, &entry), "3");
    assert_int_equal(entry.eta_us, listed[3].eta_us);
    core_pause(stage.core, true, stage.now_us);
    assert_string_equal(place(&stage, 4, &entry), "3");
    assert_int_equal(entry.eta_us, -1);
    core_pause(stage.core, false, stage.now_us);
    attempt = grant(&stage, &key);
    assert_string_equal(place(&stage, 3, &entry), "0");
    assert_true(entry.eta_us >= 0);
    core_pause(stage.core, true, stage.now_us);
    place(&stage, 3, &entry);
    assert_true(entry.eta_us >= 0); /* a pause does not concern what is under way */
    assert_string_equal(place(&stage, 4, &entry), "2");
    answer(&stage, attempt);
    assert_string_equal(place(&stage, 1, &entry), "-");
    core_free(stage.core);
}

static void another_policy_keeps_everybody(void **state)
{
    struct stage stage = stage_open(&roomy);
    char key;

    (void)state;
    submit_as(&stage, 1, 'a', 30, 60 * T, false);
    submit_as(&stage, 2, 'b', 20, 60 * T, false);
    submit_as(&stage, 3, 'c', 10, 60 * T, false);
    for (unsigned i = 0; i < 100; i++) {
        core_policy(stage.core, &queue_policy_priority);
        assert_string_equal(list(&stage, 0, 20), "3@1 2@2 1@3 ");
        core_policy(stage.core, &queue_policy_fifo);
        assert_string_equal(list(&stage, 0, 20), "1@1 2@2 3@3 ");
    }
    core_policy(stage.core, &queue_policy_priority);
    grant(&stage, &key);
    assert_int_equal(key, 'c');
    core_free(stage.core);
}

static void removes_one_and_says_so(void **state)
{
    struct stage stage = stage_open(&roomy);
    uint64_t attempt;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'a');
    submit(&stage, 3, 'b');
    assert_false(core_remove(stage.core, (struct waiter_id){GATE, 9}));
    assert_false(core_remove(stage.core, (struct waiter_id){GATE + 1, 1}));
    assert_true(core_remove(stage.core, (struct waiter_id){GATE, 1}));
    assert_false(core_remove(stage.core, (struct waiter_id){GATE, 1}));
    assert_int_equal(core_next_wakeup(stage.core, stage.now_us), stage.now_us);
    assert_string_equal(expired(&stage), "1:removed ");
    assert_string_equal(list(&stage, 0, 20), "2@1 3@2 ");
    assert_true(core_remove(stage.core, (struct waiter_id){GATE, 3}));
    assert_string_equal(expired(&stage), "3:removed ");
    attempt = grant(&stage, &key);
    assert_true(
        core_remove(stage.core, (struct waiter_id){GATE, 2})); /* in flight: it need not wait for it */
    assert_string_equal(expired(&stage), "2:removed ");
    assert_string_equal(answer(&stage, attempt), "");
    core_free(stage.core);
}

static void a_pause_takes_back_what_is_not_sent(void **state)
{
    struct stage stage = stage_open(&roomy);
    struct core_grant grant;
    struct core_view view;

    (void)state;
    submit(&stage, 1, 'a');
    assert_true(core_next(stage.core, stage.now_us, &grant));
    core_pause(stage.core, true, stage.now_us);
    assert_int_equal(core_recall(stage.core), grant.attempt);
    assert_string_equal(answer_with(&stage, grant.attempt, FETCH_UNSENT, REASON_NONE, 0), "requeued");
    assert_true(grants_nothing(&stage));
    stage.now_us += 30 * T;
    core_look(stage.core, stage.now_us, &view);
    assert_true(view.paused && view.stuck_us == 0);
    core_pause(stage.core, false, stage.now_us);
    core_look(stage.core, stage.now_us, &view);
    assert_true(!view.paused && view.stuck_us == 0); /* it counts from now on */
    assert_false(grants_nothing(&stage));
    core_free(stage.core);
}

static void a_shorter_window_is_not_for_what_is_sent(void **state)
{
    struct stage stage = stage_open(&roomy);
    int64_t arrived_us;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit(&stage, 3, 'c');
    answer(&stage, grant(&stage, &key));
    arrived_us = stage.now_us;
    core_rate(stage.core, T / 10, stage.now_us);
    answer(&stage, grant_in_time(&stage, &key));
    assert_true(stage.now_us - 10 * MS >= arrived_us + T);
    arrived_us = stage.now_us;
    grant_in_time(&stage, &key);
    assert_int_equal(stage.now_us - arrived_us, T / 10 + 50);
    core_free(stage.core);
}

static void a_longer_window_is_for_all(void **state)
{
    struct stage stage = stage_open(&roomy);
    int64_t arrived_us;
    struct core_view view;
    struct core_grant grant;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    submit(&stage, 3, 'c');
    answer(&stage, grant_in_time(&stage, &key));
    arrived_us = stage.now_us;
    stage.now_us = core_next_wakeup(stage.core, stage.now_us);
    assert_true(core_next(stage.core, stage.now_us, &grant));
    core_rate(stage.core, 3 * T, stage.now_us);
    assert_int_equal(core_recall(stage.core), grant.attempt); /* its time was reckoned with the shorter one */
    stage.now_us -= 10 * MS;
    assert_string_equal(answer_with(&stage, grant.attempt, FETCH_UNSENT, REASON_NONE, 0), "requeued");
    grant_in_time(&stage, &key);
    assert_int_equal(key, 'b');
    assert_int_equal(stage.now_us - arrived_us, 3 * T + 1500);
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.window_us, 3 * T);
    core_free(stage.core);
}

static void a_longer_window_counts_what_is_forgotten(void **state)
{
    struct core_config three = roomy;
    struct stage stage;
    char key;

    (void)state;
    three.limiter.burst = 3;
    stage = stage_open(&three);
    submit(&stage, 1, 'a');
    submit(&stage, 2, 'b');
    answer(&stage, grant(&stage, &key)); /* forgets those before it, which a window of an hour would hold */
    core_rate(stage.core, 3600 * T, stage.now_us);
    assert_true(grants_nothing(&stage));
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_the_queue_page_by_page),
        cmocka_unit_test(tells_where_one_stands),
        cmocka_unit_test(another_policy_keeps_everybody),
        cmocka_unit_test(removes_one_and_says_so),
        cmocka_unit_test(a_pause_takes_back_what_is_not_sent),
        cmocka_unit_test(a_shorter_window_is_not_for_what_is_sent),
        cmocka_unit_test(a_longer_window_is_for_all),
        cmocka_unit_test(a_longer_window_counts_what_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
