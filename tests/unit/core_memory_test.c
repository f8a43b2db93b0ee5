/* core_memory_test.c - a scheduler that is killed, and the next one: what it knows, and what the fetcher
 * adds. */
#include "tests/unit/core_stage.h"

#define MARGIN 500 /* 500 ppm of T */

/* The memory of the stage as it is kept before each grant, and an epoch that goes on from it. */
static struct stage next_epoch(struct stage *stage, int64_t later_us)
{
    struct stage next = {.now_us = stage->now_us + later_us};
    struct core_config config = plain;
    struct core_memory memory;

    assert_true(core_remember(stage->core, stage->now_us, &memory));
    config.attempt_base = 900000;
    next.core = core_new(&config, next.now_us);
    assert_non_null(next.core);
    core_restore(next.core, &memory, stage->now_us);
    core_free(stage->core);
    return next;
}

static struct stage first_epoch(void)
{
    struct stage stage = stage_open(&plain);

    core_fetcher_past(stage.core, 0, 0, START);
    submit(&stage, 1, 'a');
    return stage;
}

/* When the next call may leave, from the stage's now. */
static int64_t wait_of(struct stage *stage)
{
    struct core_grant grant;

    submit(stage, 99, 'z');
    stage->now_us = core_next_wakeup(stage->core, stage->now_us);
    return core_next(stage->core, stage->now_us, &grant) ? grant.earliest_us : CORE_NEVER;
}

static void ready(struct stage *stage, int64_t sent_us, int64_t ended_us, unsigned in_flight)
{
    core_fetcher_past(stage->core, sent_us, ended_us, stage->now_us);
    core_fetcher_ready(stage->core, 8, sent_us, in_flight, stage->now_us);
}

static void after_an_answer_it_goes_on_as_before(void **state)
{
    struct stage stage = first_epoch(), next;
    char key;
    uint64_t attempt = grant(&stage, &key);
    int64_t sent_us = stage.now_us;

    (void)state;
    answer(&stage, attempt);
    next = next_epoch(&stage, 5 * MS);
    ready(&next, sent_us, sent_us + 10 * MS, 0);
    assert_int_equal(wait_of(&next), sent_us + 10 * MS + T + MARGIN);
    core_free(next.core);
}

static void after_an_idle_time_the_first_is_sent_at_once(void **state)
{
    struct stage stage = first_epoch(), next;
    char key;
    uint64_t attempt = grant(&stage, &key);
    int64_t sent_us = stage.now_us;

    (void)state;
    answer(&stage, attempt);
    next = next_epoch(&stage, 3 * T);
    ready(&next, sent_us, sent_us + 10 * MS, 0);
    assert_int_equal(wait_of(&next), next.now_us);
    core_free(next.core);
}

/* Each line: killed right after a grant, what the fetcher says `later` about its last send and end (relative
 * to the grant's time), and when the next may leave. */
static void right_after_a_grant(void **state)
{
    static const struct {
        const char *what;
        int64_t later_us, sent_us, ended_us;
        unsigned in_flight;
        int64_t next_us;
    } cases[] = {
        {"given back unsent: as if sent as late as allowed", 10 * MS, -5 * T, -4 * T, 0,
         50 * MS + T + MARGIN},
        {"sent and answered meanwhile", 300 * MS, MS, 200 * MS, 0, 200 * MS + T + MARGIN},
        {"sent late, for the connection took long", 2 * T, T, T + 100 * MS, 0, 2 * T + 100 * MS + MARGIN},
        {"answered long ago", 9 * T, MS, 200 * MS, 0, 9 * T},
        {"still under way: strict awaits the answer", 300 * MS, MS, -4 * T, 1, CORE_NEVER},
        {"another fetcher: it may still be on its way", 300 * MS, 0, 0, 0, 300 * MS + 500 * MS + T + MARGIN},
        {"another fetcher, long after", 30 * T, 0, 0, 0, 30 * T},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage = first_epoch(), next;
        struct core_grant grant;
        int64_t granted_us = stage.now_us, next_us, wait_us;

        assert_true(core_next(stage.core, stage.now_us, &grant));
        assert_int_equal(grant.earliest_us, granted_us);
        next = next_epoch(&stage, cases[i].later_us);
        ready(&next, cases[i].sent_us ? granted_us + cases[i].sent_us : 0,
              cases[i].ended_us ? granted_us + cases[i].ended_us : 0, cases[i].in_flight);
        next_us = cases[i].next_us == CORE_NEVER ? CORE_NEVER : granted_us + cases[i].next_us;
        wait_us = wait_of(&next);
        if (wait_us != next_us)
            fail_msg("%s: after %lld us", cases[i].what, (long long)(wait_us - granted_us));
        core_free(next.core);
    }
}

/* Between two epochs nobody listened: what the first cannot have known, counts for every permit. */
static void a_cold_start_believes_the_fetcher(void **state)
{
    struct stage stage = {.core = core_new(&plain, START), .now_us = START + 100 * MS};

    (void)state;
    ready(&stage, START + 20 * MS, START + 60 * MS, 0);
    core_fetcher_past(stage.core, START + 70 * MS, START + 90 * MS, START + 100 * MS); /* told already */
    assert_int_equal(wait_of(&stage), START + 60 * MS + T + MARGIN);
    core_free(stage.core);
}

static void nothing_is_kept_before_the_fetcher_has_told(void **state)
{
    struct stage stage = {.core = core_new(&plain, START), .now_us = START};
    struct core_memory memory;

    (void)state;
    assert_false(core_remember(stage.core, START, &memory));
    ready(&stage, 0, 0, 0);
    assert_true(core_remember(stage.core, START, &memory));
    core_free(stage.core);
}

static void holds_and_pauses_go_on(void **state)
{
    struct stage stage = first_epoch(), next;
    int64_t hold_us = stage.now_us + 30 * T;

    (void)state;
    core_hold(stage.core, hold_us, stage.now_us);
    core_pause(stage.core, true, stage.now_us);
    next = next_epoch(&stage, T);
    ready(&next, 0, 0, 0);
    submit(&next, 1, 'a');
    next.now_us = hold_us + 31 * T * 500 / 1000000;
    assert_true(grants_nothing(&next));
    core_pause(next.core, false, next.now_us);
    assert_false(grants_nothing(&next));
    core_free(next.core);
}

/* What is kept is written only when it differs: in any of its members. */
static void memories_differ_when_a_member_does(void **state)
{
    struct stage stage = first_epoch();
    struct core_memory first, other;
    int64_t *const times[] = {&other.window_us,
                              &other.limiter.bound_us,
                              &other.limiter.extra_us,
                              &other.limiter.hold_us,
                              &other.limiter.doubt_ppm,
                              &other.limiter.digest.least_us,
                              &other.limiter.digest.tenth_least_us,
                              &other.limiter.digest.tenth_most_us,
                              &other.limiter.digest.most_us};
    unsigned *const counts[] = {&other.limiter.held, &other.limiter.unanswered};

    (void)state;
    assert_true(core_remember(stage.core, stage.now_us, &first));
    other = first;
    assert_true(core_memory_equal(&first, &other));
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        ++*times[i];
        assert_false(core_memory_equal(&first, &other));
        --*times[i];
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        ++*counts[i];
        assert_false(core_memory_equal(&first, &other));
        --*counts[i];
    }
    other.limiter.digest.count++;
    assert_false(core_memory_equal(&first, &other));
    other = first;
    other.paused = !first.paused;
    assert_false(core_memory_equal(&first, &other));
    other = first;
    other.policy = &queue_policy_fair;
    assert_false(core_memory_equal(&first, &other));
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_an_answer_it_goes_on_as_before),
        cmocka_unit_test(after_an_idle_time_the_first_is_sent_at_once),
        cmocka_unit_test(right_after_a_grant),
        cmocka_unit_test(a_cold_start_believes_the_fetcher),
        cmocka_unit_test(nothing_is_kept_before_the_fetcher_has_told),
        cmocka_unit_test(holds_and_pauses_go_on),
        cmocka_unit_test(memories_differ_when_a_member_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
