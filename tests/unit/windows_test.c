/* windows_test.c - metricsd/windows.c: what is in the last minute and the last 15 minutes, and what is not
 * any more. */
#include "metricsd/windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define START  (5000 * SECOND)

static struct metrics seen;

static int open_windows(void **state)
{
    seen = (struct metrics){0};
    *state = windows_new();
    return *state ? 0 : -1;
}

static int close_windows(void **state)
{
    windows_free(*state);
    return 0;
}

static int64_t of(const struct windows *windows, enum window window, const char *key)
{
    struct message_pairs pairs = windows_pairs(windows, window);

    for (unsigned i = 0; i < pairs.count; i++) {
        if (text_equal(pairs.items[i].key, key))
            return pairs.items[i].value;
    }
    fail_msg("%s is not there", key);
    return 0;
}

#define MINUTE_OF(what)  of(windows, WINDOW_MINUTE, "gateway.request_seconds." what)
#define QUARTER_OF(what) of(windows, WINDOW_QUARTER, "gateway.request_seconds." what)

static void add(int64_t duration_us)
{
    histogram_add(&seen.histograms[HISTOGRAM_GATEWAY_REQUEST], duration_us);
}

/* One duration a second: 1 ms in the first two minutes, then 1 s. */
static void test_old_durations_leave_each_window_in_its_time(void **state)
{
    struct windows *windows = *state;

    windows_tick(windows, &seen, START);
    for (int second = 1; second <= 1200; second++) {
        int64_t early_us = second % 2 ? 20000 : -20000; /* ticks are never exact */

        add(second <= 120 ? 1000 : SECOND);
        windows_tick(windows, &seen, START + second * SECOND - early_us);
        if (second == 30)
            assert_int_equal(MINUTE_OF("count"), 30); /* all that there is */
        if (second >= 60)
            assert_int_equal(MINUTE_OF("count"), 60);
        if (second == 120)
            assert_in_range(MINUTE_OF("p99"), 1000, 1250);
        if (second == 120 + 59)
            assert_in_range(MINUTE_OF("p50"), SECOND, SECOND * 5 / 4);
        if (second >= 120 && second < 900)
            assert_int_equal(QUARTER_OF("count"), second);
        if (second >= 910)
            assert_in_range(QUARTER_OF("count"), 892, 908);
        if (second == 180)
            assert_in_range(QUARTER_OF("p50"), 1000, 1250);
        if (second == 1060) /* the last millisecond was 940 s ago */
            assert_int_equal(of(windows, WINDOW_QUARTER, "gateway.request_seconds.p50"),
                             of(windows, WINDOW_QUARTER, "gateway.request_seconds.p99"));
    }
    assert_int_equal(of(windows, WINDOW_MINUTE, "gateway.hit_seconds.count"), 0);
    assert_int_equal(of(windows, WINDOW_MINUTE, "gateway.hit_seconds.p99"), 0);
}

/* A quiet minute is empty, whatever was before. */
static void test_a_quiet_minute_is_empty(void **state)
{
    struct windows *windows = *state;

    windows_tick(windows, &seen, START);
    add(SECOND);
    for (int second = 1; second <= 61; second++)
        windows_tick(windows, &seen, START + second * SECOND);
    assert_int_equal(MINUTE_OF("count"), 0);
    assert_int_equal(MINUTE_OF("p50"), 0);
    assert_int_equal(QUARTER_OF("count"), 1);
}

/* What was counted while nobody ticked is all in the window; a minute later it is not. */
static void test_a_stall(void **state)
{
    struct windows *windows = *state;
    int64_t now_us = START;

    for (int second = 0; second < 90; second++, now_us += SECOND)
        windows_tick(windows, &seen, now_us);
    for (int i = 0; i < 500; i++)
        add(SECOND);
    now_us += 500 * SECOND;
    windows_tick(windows, &seen, now_us);
    assert_int_equal(MINUTE_OF("count"), 500);
    for (int second = 0; second < 61; second++)
        windows_tick(windows, &seen, now_us += SECOND);
    assert_int_equal(MINUTE_OF("count"), 0);
    assert_int_equal(QUARTER_OF("count"), 500);
}

/* Extra ticks (the last one of a drain) do not shorten the window. */
static void test_extra_ticks_change_nothing(void **state)
{
    struct windows *windows = *state;

    windows_tick(windows, &seen, START);
    add(SECOND);
    for (int tick = 1; tick <= 50 * 10; tick++)
        windows_tick(windows, &seen, START + tick * SECOND / 10);
    assert_int_equal(MINUTE_OF("count"), 1);
}

/* Not less than nothing, even if the sums should go back. */
static void test_nothing_is_negative(void **state)
{
    struct windows *windows = *state;
    struct message_pairs pairs;

    add(SECOND);
    windows_tick(windows, &seen, START);
    seen = (struct metrics){0};
    windows_tick(windows, &seen, START + SECOND);
    pairs = windows_pairs(windows, WINDOW_MINUTE);
    assert_int_equal(pairs.count, WINDOWS_PAIRS);
    for (unsigned i = 0; i < pairs.count; i++)
        assert_int_equal(pairs.items[i].value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_old_durations_leave_each_window_in_its_time, open_windows,
                                        close_windows),
        cmocka_unit_test_setup_teardown(test_a_quiet_minute_is_empty, open_windows, close_windows),
        cmocka_unit_test_setup_teardown(test_a_stall, open_windows, close_windows),
        cmocka_unit_test_setup_teardown(test_extra_ticks_change_nothing, open_windows, close_windows),
        cmocka_unit_test_setup_teardown(test_nothing_is_negative, open_windows, close_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
