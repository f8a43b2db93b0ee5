/* limiter_test.c - when a send is allowed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/limiter.h"

#define MS     1000LL
#define T      (1000 * MS)
#define MARGIN 500 /* 500 ppm of T */
#define START  (10000 * MS)

static const struct limiter_config adaptive = {
    .mode = LIMITER_ADAPTIVE, .window_us = T, .burst = 1, .clock_step_us = MS, .hold_max_us = 300 * T};

/* One whole exchange, at the first time it is allowed. Returns the first byte's time. */
static int64_t exchange(struct limiter *limiter, uint64_t attempt, int64_t now_us, int64_t trip_us)
{
    int64_t sent_us = limiter_next_us(limiter, now_us);

    assert_int_equal(limiter_grant(limiter, attempt, sent_us), 0);
    limiter_sent(limiter, attempt, sent_us);
    limiter_answered(limiter, attempt, sent_us, sent_us + trip_us);
    return sent_us + trip_us;
}

static void starts_as_if_one_had_been_sent_just_now(void **state)
{
    struct limiter limiter;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    assert_int_equal(limiter_next_us(&limiter, START), START + T + MARGIN);
    assert_int_equal(limiter_next_us(&limiter, START + 5 * T), START + 5 * T);
}

static void strict_waits_for_the_answer_and_then_for_the_window(void **state)
{
    struct limiter_config strict = adaptive;
    struct limiter limiter;

    (void)state;
    strict.mode = LIMITER_STRICT;
    limiter_init(&limiter, &strict, START);
    assert_int_equal(limiter_grant(&limiter, 1, START + 2 * T), 0);
    assert_true(limiter_next_us(&limiter, START + 3 * T) == LIMITER_NEVER);
    limiter_sent(&limiter, 1, START + 2 * T);
    assert_true(limiter_next_us(&limiter, START + 9 * T) == LIMITER_NEVER);
    limiter_answered(&limiter, 1, START + 2 * T, START + 2 * T + 60 * MS);
    assert_int_equal(limiter_next_us(&limiter, START + 2 * T + 60 * MS), START + 3 * T + 60 * MS + MARGIN);
}

static void adaptive_takes_the_round_trip_off(void **state)
{
    struct limiter limiter;
    int64_t now_us = START;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    for (uint64_t i = 1; i <= 100; i++)
        now_us = exchange(&limiter, i, now_us, 60 * MS);
    assert_int_equal(limiter_d_us(&limiter), 60 * MS - 500);
    assert_int_equal(limiter_next_us(&limiter, now_us), now_us - limiter_d_us(&limiter) + T + MARGIN);
    /* An answer faster than all before counts with its own round trip: never before its send. */
    now_us = exchange(&limiter, 101, now_us, 5 * MS);
    assert_int_equal(limiter_next_us(&limiter, now_us), now_us + T + MARGIN);
}

static void fixed_counts_from_the_send(void **state)
{
    struct limiter_config fixed = adaptive;
    struct limiter limiter;

    (void)state;
    fixed.mode = LIMITER_FIXED;
    fixed.guard_us = 100 * MS;
    limiter_init(&limiter, &fixed, START);
    assert_int_equal(limiter_grant(&limiter, 1, START + 2 * T), 0);
    limiter_sent(&limiter, 1, START + 2 * T);
    assert_int_equal(limiter_next_us(&limiter, START + 2 * T), START + 3 * T + 100 * MS);
}

static void burst_counts_permits(void **state)
{
    struct limiter_config burst = adaptive;
    struct limiter limiter;
    int64_t now_us = START + 2 * T;

    (void)state;
    burst.burst = 3;
    limiter_init(&limiter, &burst, START);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(limiter_next_us(&limiter, now_us), now_us);
        exchange(&limiter, i, now_us, (int64_t)i * MS);
    }
    /* The fourth waits for the first of the three to be released, the fifth for the second. */
    assert_int_equal(limiter_next_us(&limiter, now_us), now_us + MS + T + MARGIN);
    exchange(&limiter, 4, now_us, MS);
    assert_int_equal(limiter_next_us(&limiter, now_us), now_us + 2 * MS + T + MARGIN);
}

static void a_permit_given_back_is_as_if_never_taken(void **state)
{
    struct limiter limiter;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    assert_int_equal(limiter_grant(&limiter, 1, START + 2 * T), 0);
    limiter_unsent(&limiter, 1);
    assert_int_equal(limiter_next_us(&limiter, START + 2 * T), START + 2 * T);
    limiter_unsent(&limiter, 77); /* unknown: ignored */
    limiter_given_up(&limiter, 77, START + 9 * T);
    limiter_sent(&limiter, 77, START + 9 * T);
    assert_int_equal(limiter_next_us(&limiter, START + 2 * T), START + 2 * T);
}

static void given_up_counts_as_arriving_then(void **state)
{
    struct limiter limiter;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    assert_int_equal(limiter_grant(&limiter, 1, START + 2 * T), 0);
    limiter_sent(&limiter, 1, START + 2 * T);
    limiter_given_up(&limiter, 1, START + 12 * T);
    assert_int_equal(limiter_next_us(&limiter, START + 12 * T), START + 13 * T + MARGIN);
}

static void a_hold_is_never_shortened_and_capped(void **state)
{
    struct limiter limiter;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    limiter_hold(&limiter, START + 30 * T, START);
    limiter_hold(&limiter, START + 10 * T, START);
    limiter_hold(&limiter, START - 1, START);
    assert_int_equal(limiter_next_us(&limiter, START), START + 30 * T + 30 * MARGIN);
    limiter_hold(&limiter, START + 1000 * T, START);
    assert_int_equal(limiter_next_us(&limiter, START), START + 300 * T + 300 * MARGIN);
}

static void a_rejection_shakes_the_bounds_for_a_while(void **state)
{
    struct limiter limiter;
    int64_t now_us = START, d_us, g_us;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    for (uint64_t i = 1; i <= 300; i++)
        now_us = exchange(&limiter, i, now_us, 60 * MS);
    d_us = limiter_d_us(&limiter);
    g_us = limiter_g_us(&limiter);
    limiter_rejected(&limiter, 301, now_us, now_us + 50 * MS);
    assert_int_equal(limiter_d_us(&limiter), d_us / 2);
    assert_true(limiter_g_us(&limiter) > 3 * g_us);
    limiter_rejected(&limiter, 302, now_us + MS, now_us + 52 * MS); /* was under way: nothing new */
    assert_int_equal(limiter_d_us(&limiter), d_us / 2);
    assert_int_equal(limiter.unexpected_total, 1);
    for (uint64_t i = 303; i <= 313; i++)
        now_us = exchange(&limiter, i, now_us, 60 * MS);
    assert_in_range(limiter_d_us(&limiter), d_us / 2, d_us * 6 / 10);
    for (uint64_t i = 314; i <= 10000; i++)
        now_us = exchange(&limiter, i, now_us, 60 * MS);
    assert_int_equal(limiter_d_us(&limiter), d_us);
}

/* A round trip of 3 T that hardly varies: the next is sent before the answer, but not when that is overdue.
 */
static void sends_ahead_of_answers_only_while_they_are_not_overdue(void **state)
{
    struct limiter limiter;
    int64_t now_us = START, sent_us;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    for (uint64_t i = 1; i <= 300; i++)
        now_us = exchange(&limiter, i, now_us, 3 * T);
    assert_int_equal(limiter_g_us(&limiter), 1000); /* 0.5 ms on either side */
    sent_us = limiter_next_us(&limiter, now_us);
    assert_int_equal(limiter_grant(&limiter, 301, sent_us), 0);
    limiter_sent(&limiter, 301, sent_us);
    assert_int_equal(limiter_next_us(&limiter, sent_us), sent_us + T + 1000 + MARGIN);
    assert_int_equal(limiter_next_us(&limiter, sent_us + 3 * T), sent_us + 3 * T);
    assert_true(limiter_next_us(&limiter, sent_us + 3 * T + 501) == LIMITER_NEVER);
    assert_true(limiter_forecast_us(&limiter, sent_us + 3 * T + 501, 0) < sent_us + 5 * T);
    limiter_answered(&limiter, 301, sent_us, sent_us + 4 * T);
    assert_int_equal(limiter_next_us(&limiter, sent_us + 4 * T), sent_us + 4 * T); /* u + T is past */
}

static void a_clock_step_counts_only_where_the_window_is_no_multiple(void **state)
{
    struct limiter_config config = adaptive;
    struct limiter limiter;

    (void)state;
    config.window_us = 20 * MS;
    limiter_init(&limiter, &config, START);
    assert_int_equal(limiter_span_us(&limiter), 20 * MS + 10);
    config.window_us = 20 * MS + 500;
    limiter_init(&limiter, &config, START);
    assert_int_equal(limiter_span_us(&limiter), 20 * MS + 500 + 11 + MS);
}

/* Two in each window; one has been sent when the window becomes shorter, 300 ms later. */
static struct limiter shortened(int64_t now_us)
{
    struct limiter_config two = adaptive;
    struct limiter limiter;

    two.burst = 2;
    limiter_init(&limiter, &two, START);
    exchange(&limiter, 1, now_us, MS);
    limiter_rate(&limiter, T / 10, now_us + 300 * MS);
    return limiter;
}

/* The third may fall into the old window, which takes two. */
static void a_shorter_window_lets_the_old_one_end_first(void **state)
{
    int64_t now_us = START + 2 * T;
    struct limiter limiter = shortened(now_us);

    (void)state;
    exchange(&limiter, 2, now_us + 400 * MS, MS);
    assert_int_equal(limiter_next_us(&limiter, now_us + 600 * MS), now_us + MS + T + MARGIN);
    /* It ends for the records of a restart, and for those who come later, at the same time. */
    exchange(&limiter, 3, now_us + 2 * T, MS);
    exchange(&limiter, 4, now_us + 2 * T, MS);
    assert_int_equal(limiter_next_us(&limiter, now_us + 2 * T), now_us + 2 * T + MS + T / 10 + MARGIN / 10);
}

/* What went out between two orders is of neither the oldest window nor the newest (stories 5144 and 8439). */
static void a_window_that_becomes_shorter_twice_lets_the_first_one_end(void **state)
{
    int64_t now_us = START + 2 * T;
    struct limiter limiter = shortened(now_us);

    (void)state;
    exchange(&limiter, 2, now_us + 400 * MS, MS);
    limiter_rate(&limiter, T / 50, now_us + 410 * MS);
    assert_in_range(limiter_next_us(&limiter, now_us + 600 * MS), now_us + MS + T, now_us + MS + T + MARGIN);
    limiter_grant(&limiter, 3, now_us + 2 * T); /* and then nothing is left of it */
    limiter_unsent(&limiter, 3);
    assert_int_equal(limiter_next_us(&limiter, now_us + 2 * T), now_us + 2 * T);
}

static struct limiter next_epoch(const struct limiter *limiter, int64_t now_us, int64_t later_us)
{
    struct limiter_memory memory;
    struct limiter next;

    limiter_remember(limiter, now_us, &memory);
    limiter_init(&next, &limiter->config, later_us);
    limiter_restore(&next, &memory);
    return next;
}

/* Killed right after the order: nobody knows any more which permits are of the old window, so all wait for
 * it. */
static void a_restart_remembers_the_old_window(void **state)
{
    int64_t now_us = START + 2 * T;
    struct limiter limiter = shortened(now_us), next;

    (void)state;
    assert_int_equal(limiter_next_us(&limiter, now_us + 300 * MS), now_us + 300 * MS);
    next = next_epoch(&limiter, now_us + 300 * MS, now_us + 300 * MS);
    assert_in_range(limiter_next_us(&next, now_us + 300 * MS), now_us + MS + T, now_us + MS + T + MARGIN);
}

/* What the epoch before did not know of was sent under the window of its time (story 2913), and what of it
 * comes to light after the order, or after another restart, no less. */
static void what_comes_to_light_keeps_the_old_window(void **state)
{
    static const bool ordered_after_the_restart[] = {true, false};
    int64_t now_us = START + 2 * T, ended_us = now_us + 400 * MS;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct limiter_config two = adaptive;
        struct limiter limiter;

        two.burst = 2;
        limiter_init(&limiter, &two, START);
        limiter_grant(&limiter, 1, now_us);
        limiter_sent(&limiter, 1, now_us);
        if (!ordered_after_the_restart[i])
            limiter_rate(&limiter, T / 10, now_us + 100 * MS);
        limiter = next_epoch(&limiter, now_us + 200 * MS, now_us + 300 * MS);
        if (ordered_after_the_restart[i])
            limiter_rate(&limiter, T / 10, now_us + 300 * MS);
        limiter_add_past(&limiter, 1, ended_us, now_us + 500 * MS);
        assert_int_equal(limiter_add_sent(&limiter, 2, now_us + 100 * MS, now_us + 500 * MS), 0);
        assert_in_range(limiter_next_us(&limiter, now_us + 500 * MS), ended_us + T, ended_us + T + MARGIN);
        limiter_given_up(&limiter, 2, now_us + 300 * MS);
        assert_in_range(limiter_next_us(&limiter, now_us + 500 * MS), now_us + 300 * MS + T,
                        now_us + 300 * MS + T + MARGIN);
        /* And when it has ended, nothing is left of it. */
        assert_int_equal(limiter_grant(&limiter, 3, now_us + 3 * T), 0);
        limiter_unsent(&limiter, 3);
        limiter_add_past(&limiter, 2, now_us + 3 * T, now_us + 3 * T);
        assert_int_equal(limiter_next_us(&limiter, now_us + 3 * T), now_us + 3 * T + T / 10 + MARGIN / 10);
    }
}

static void a_restart_changes_nothing_for_one_permit(void **state)
{
    struct limiter limiter, next;
    int64_t now_us = START;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    for (uint64_t i = 1; i <= 300; i++)
        now_us = exchange(&limiter, i, now_us, 60 * MS + (int64_t)(i % 8) * 100);
    limiter_rejected(&limiter, 301, now_us, now_us + 50 * MS);
    limiter_hold(&limiter, now_us + 2 * T, now_us);
    next = next_epoch(&limiter, now_us, now_us + 10 * MS);
    assert_int_equal(limiter_d_us(&next), limiter_d_us(&limiter));
    assert_int_equal(limiter_g_us(&next), limiter_g_us(&limiter));
    assert_int_equal(limiter_next_us(&next, now_us), limiter_next_us(&limiter, now_us));
    next = next_epoch(&limiter, now_us + 2 * T, now_us + 9 * T);
    assert_int_equal(limiter_next_us(&next, now_us + 9 * T), now_us + 9 * T);
}

static void a_restart_releases_no_permit_earlier(void **state)
{
    struct limiter_config burst = adaptive;
    struct limiter limiter, next;
    struct limiter_memory memory;
    int64_t now_us = START + 2 * T;

    (void)state;
    burst.burst = 3;
    limiter_init(&limiter, &burst, START);
    exchange(&limiter, 1, now_us, MS);
    exchange(&limiter, 2, now_us + 300 * MS, MS);
    /* One of three is free, for both; the other two are released together, with the later of them. */
    next = next_epoch(&limiter, now_us + 400 * MS, now_us + 500 * MS);
    assert_int_equal(limiter_next_us(&next, now_us + 500 * MS), now_us + 500 * MS);
    limiter_grant(&next, 3, now_us + 500 * MS);
    assert_int_equal(limiter_next_us(&next, now_us + 500 * MS), now_us + 301 * MS + T + MARGIN);
    /* What is not answered counts with its send, and is told apart. */
    limiter_grant(&limiter, 3, now_us + 500 * MS);
    limiter_sent(&limiter, 3, now_us + 501 * MS);
    limiter_grant(&limiter, 4, now_us + 500 * MS);
    limiter_remember(&limiter, now_us + 600 * MS, &memory);
    assert_int_equal(memory.held, 3);
    assert_int_equal(memory.unanswered, 2);
    assert_int_equal(memory.bound_us, now_us + 501 * MS);
}

static void the_past_may_come_to_light_later(void **state)
{
    struct limiter limiter;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    limiter_add_past(&limiter, 1, START + 5 * T, START + 5 * T);
    assert_int_equal(limiter_next_us(&limiter, START + 5 * T), START + 6 * T + MARGIN);
    limiter_add_past(&limiter, 10000, START, START + 6 * T); /* bounded */
    assert_int_equal(limiter_next_us(&limiter, START + 7 * T), START + 7 * T);
    assert_int_equal(limiter_grant(&limiter, 1, START + 7 * T), 0);
}

static void permits_have_an_end(void **state)
{
    struct limiter limiter;
    uint64_t attempt = 0;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    while (limiter_grant(&limiter, ++attempt, START) == 0)
        ;
    assert_in_range(attempt, LIMITER_PERMITS_MAX - 1,
                    LIMITER_PERMITS_MAX + 1); /* one counts as sent before */
}

/* What the journey of a lost request may take: the ceiling once it is known. And the pace: T, and what the
 * usual round trip takes beyond the shortest. */
static void what_is_known_of_the_path_counts(void **state)
{
    struct limiter limiter;
    int64_t now_us = START + T;

    (void)state;
    limiter_init(&limiter, &adaptive, START);
    assert_true(limiter_journey_us(&limiter) > 0);
    for (uint64_t attempt = 1; attempt <= 400; attempt++)
        now_us = exchange(&limiter, attempt, now_us, 60 * MS);
    assert_in_range(limiter_journey_us(&limiter), 60 * MS, 70 * MS);
    assert_in_range(limiter_pace_us(&limiter), T, T + 5 * MS);
}

static void modes_have_names(void **state)
{
    enum limiter_mode mode;

    (void)state;
    assert_int_equal(limiter_mode_find(text_of("strict"), &mode), 0);
    assert_int_equal(mode, LIMITER_STRICT);
    assert_string_equal(limiter_mode_name(LIMITER_FIXED), "fixed");
    assert_int_equal(limiter_mode_find(text_of("lax"), &mode), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_as_if_one_had_been_sent_just_now),
        cmocka_unit_test(strict_waits_for_the_answer_and_then_for_the_window),
        cmocka_unit_test(adaptive_takes_the_round_trip_off),
        cmocka_unit_test(fixed_counts_from_the_send),
        cmocka_unit_test(burst_counts_permits),
        cmocka_unit_test(a_permit_given_back_is_as_if_never_taken),
        cmocka_unit_test(given_up_counts_as_arriving_then),
        cmocka_unit_test(a_hold_is_never_shortened_and_capped),
        cmocka_unit_test(a_rejection_shakes_the_bounds_for_a_while),
        cmocka_unit_test(sends_ahead_of_answers_only_while_they_are_not_overdue),
        cmocka_unit_test(a_clock_step_counts_only_where_the_window_is_no_multiple),
        cmocka_unit_test(a_shorter_window_lets_the_old_one_end_first),
        cmocka_unit_test(a_window_that_becomes_shorter_twice_lets_the_first_one_end),
        cmocka_unit_test(a_restart_remembers_the_old_window),
        cmocka_unit_test(what_comes_to_light_keeps_the_old_window),
        cmocka_unit_test(a_restart_changes_nothing_for_one_permit),
        cmocka_unit_test(a_restart_releases_no_permit_earlier),
        cmocka_unit_test(the_past_may_come_to_light_later),
        cmocka_unit_test(permits_have_an_end),
        cmocka_unit_test(what_is_known_of_the_path_counts),
        cmocka_unit_test(modes_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
