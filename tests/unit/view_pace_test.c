/* view_pace_test.c - a view is shown once a second, soon after a change, and never more often than that
 * allows. */
#include "common/view_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/clock.h"

#define SHOWS   4
#define CHANGES 1000

struct stage {
    struct event_base *base;
    struct view_pace pace;
    unsigned count;
    int64_t at_us[SHOWS];
};

/* After the first two shows much happens, then nothing. */
static void on_show(void *arg, int64_t now_us)
{
    struct stage *stage = arg;

    stage->at_us[stage->count++] = now_us;
    for (unsigned i = 0; stage->count <= 2 && i < CHANGES; i++)
        view_pace_change(&stage->pace);
    if (stage->count == SHOWS)
        event_base_loopbreak(stage->base);
}

static void many_changes_are_one_show(void **state)
{
    struct stage stage = {.base = event_base_new()};
    int64_t begin_us = clock_now_us();

    (void)state;
    assert_non_null(stage.base);
    assert_int_equal(view_pace_init(&stage.pace, stage.base, on_show, &stage), 0);
    view_pace_change(&stage.pace); /* in the first second nobody listens */
    event_base_dispatch(stage.base);
    assert_int_equal(stage.count, SHOWS);
    assert_true(stage.at_us[0] - begin_us >= VIEW_PACE_IDLE_US - US_PER_MS);
    for (unsigned i = 1; i <= 2; i++)
        assert_in_range(stage.at_us[i] - stage.at_us[i - 1], VIEW_PACE_BUSY_US - US_PER_MS,
                        VIEW_PACE_IDLE_US - 1);
    assert_true(stage.at_us[3] - stage.at_us[2] >= VIEW_PACE_IDLE_US - US_PER_MS);
    view_pace_done(&stage.pace);
    event_base_free(stage.base);
}

static void none_is_ended_as_well(void **state)
{
    struct view_pace none = {.timer = NULL};

    (void)state;
    view_pace_done(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_changes_are_one_show),
        cmocka_unit_test(none_is_ended_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
