/* retries_test.c - the budget of retries, their pauses, and who is in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/retries.h"

#define MS   1000LL
#define MANY 2000

static const struct retries_config usual = {
    .tries_max = 3, .budget_percent = 20, .base_us = 500 * MS, .cap_us = 1500 * MS, .seed = 1};

static bool spend(struct retries *retries, struct job *job)
{
    int64_t pause_us;

    if (!retries_draw(retries, job, &pause_us))
        return false;
    retries_add(retries, job, &(struct queue_place){.round = 7}, pause_us);
    return true;
}

/* In the long run a fifth of the slots, and what had been saved up. */
static void the_budget_is_a_share_of_the_slots(void **state)
{
    struct retries retries;
    unsigned made = 0;

    (void)state;
    retries_init(&retries, &usual);
    for (unsigned slot = 0; slot < MANY; slot++) {
        struct job job = {.tries = 0};

        if (spend(&retries, &job)) {
            made++;
            retries_remove(&retries, &job);
        }
        retries_earn(&retries);
    }
    assert_in_range(made, MANY / 5, MANY / 5 + RETRIES_RESERVE);
    assert_int_equal(retries.total, made);
    assert_int_equal(retries.denied_total, MANY - made);
    /* A quiet time saves up no more than that. */
    for (unsigned slot = 0; slot < MANY; slot++)
        retries_earn(&retries);
    for (unsigned i = 0; i <= RETRIES_RESERVE; i++) {
        struct job job = {.tries = 0};

        assert_int_equal(spend(&retries, &job), i < RETRIES_RESERVE);
        if (i < RETRIES_RESERVE)
            retries_remove(&retries, &job);
    }
}

static void a_job_has_so_many_tries(void **state)
{
    struct job job = {.tries = 0};
    struct retries retries;
    int64_t pause_us;

    (void)state;
    retries_init(&retries, &usual);
    for (unsigned i = 0; i < usual.tries_max; i++) {
        assert_true(spend(&retries, &job));
        retries_remove(&retries, &job);
    }
    assert_int_equal(job.tries, usual.tries_max);
    assert_false(retries_draw(&retries, &job, &pause_us));
    assert_int_equal(retries.denied_total, 0); /* it is not the budget that is used up */
}

static void none_where_none_are_wished(void **state)
{
    static const struct retries_config none[] = {{.tries_max = 0, .budget_percent = 20},
                                                 {.tries_max = 3, .budget_percent = 0}};
    struct job job = {.tries = 0};
    struct retries retries;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        retries_init(&retries, &none[i]);
        assert_false(spend(&retries, &job));
    }
}

/* Evenly from nothing to the longest, which doubles up to the cap. */
static void pauses_double_and_are_drawn_evenly(void **state)
{
    static const int64_t longest_us[] = {500 * MS, 1000 * MS, 1500 * MS, 1500 * MS};
    struct retries_config config = usual;
    struct retries retries;

    (void)state;
    config.tries_max = 4;
    retries_init(&retries, &config);
    for (unsigned tries = 0; tries < 4; tries++) {
        struct job job = {.tries = tries & 3U};
        int64_t sum_us = 0, most_us = 0, least_us = INT64_MAX;

        for (unsigned i = 0; i < MANY; i++) {
            int64_t pause_us;

            assert_true(retries_draw(&retries, &job, &pause_us));
            assert_in_range(pause_us, 0, longest_us[tries] - 1);
            sum_us += pause_us;
            most_us = pause_us > most_us ? pause_us : most_us;
            least_us = pause_us < least_us ? pause_us : least_us;
        }
        assert_in_range(sum_us / MANY, longest_us[tries] * 47 / 100, longest_us[tries] * 53 / 100);
        assert_true(least_us < longest_us[tries] / 50 && most_us > longest_us[tries] * 49 / 50);
    }
}

static void equal_seeds_draw_equal_pauses(void **state)
{
    struct retries_config other = usual;
    struct retries a, b, c;
    struct job job = {.tries = 0};
    int64_t a_us = 0, b_us = 0, c_us = 0;
    unsigned differ = 0;

    (void)state;
    other.seed = UINT64_C(1) << 40;
    retries_init(&a, &usual);
    retries_init(&b, &usual);
    retries_init(&c, &other);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(retries_draw(&a, &job, &a_us) && retries_draw(&b, &job, &b_us) &&
                    retries_draw(&c, &job, &c_us));
        assert_int_equal(a_us, b_us);
        differ += a_us != c_us;
    }
    assert_in_range(differ, 9, 10);
}

static void the_first_to_come_back_is_found(void **state)
{
    struct job jobs[3] = {{.seq = 1}, {.seq = 2}, {.seq = 3}};
    static const int64_t due_us[] = {30, 10, 20};
    struct retries retries;

    (void)state;
    retries_init(&retries, &usual);
    assert_null(retries_first(&retries));
    for (size_t i = 0; i < 3; i++)
        retries_add(&retries, &jobs[i], &(struct queue_place){.round = i}, due_us[i]);
    assert_ptr_equal(retries_first(&retries)->job, &jobs[1]);
    assert_int_equal(retries_first(&retries)->place.round, 1);
    assert_int_equal(retries_place(&retries, &jobs[2]), 2);
    retries_remove(&retries, &jobs[1]);
    assert_int_equal(retries_place(&retries, &jobs[2]), 1);
    assert_ptr_equal(retries_first(&retries)->job, &jobs[2]);
}

static void only_so_many_are_in_a_pause(void **state)
{
    static struct job jobs[RETRIES_MAX + 1];
    struct retries retries;

    (void)state;
    retries_init(&retries, &usual);
    for (unsigned i = 0; i <= RETRIES_MAX; i++) {
        for (unsigned slot = 0; slot < 5; slot++)
            retries_earn(&retries);
        assert_int_equal(spend(&retries, &jobs[i]), i < RETRIES_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_is_a_share_of_the_slots),
        cmocka_unit_test(a_job_has_so_many_tries),
        cmocka_unit_test(none_where_none_are_wished),
        cmocka_unit_test(pauses_double_and_are_drawn_evenly),
        cmocka_unit_test(equal_seeds_draw_equal_pauses),
        cmocka_unit_test(the_first_to_come_back_is_found),
        cmocka_unit_test(only_so_many_are_in_a_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
