/* slots_test.c - metricsd/slots.c: gaps between sends, and which of them break the limit. */
#include "metricsd/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND  1000000LL
#define MS      1000LL
#define START   (5000 * SECOND)
#define WALL    1700000000000000LL
#define FETCHER 77

static int64_t clock_us; /* by so much the wall clock was set */

static int open_slots(void **state)
{
    clock_us = 0;
    *state = slots_new();
    return *state ? 0 : -1;
}

static int close_slots(void **state)
{
    slots_free(*state);
    return 0;
}

static bool add(struct slots *slots, const char *name, const char *lane, uint64_t epoch, uint64_t attempt,
                int64_t at_us)
{
    struct message_event event = {.process = text_of("fetcher"),
                                  .name = text_of(name),
                                  .lane = text_of(lane),
                                  .attempt = attempt,
                                  .at_us = WALL + clock_us + at_us,
                                  .value = 12};

    return slots_add(slots, &event, epoch, START + at_us, WALL + clock_us + at_us);
}

static void rate(struct slots *slots, int64_t window_us, int64_t at_us)
{
    struct message_event event = {
        .process = text_of("scheduler"), .name = text_of("control_rate"), .value = window_us};

    assert_false(slots_add(slots, &event, 5, START + at_us, WALL + clock_us + at_us));
}

static void tick(struct slots *slots, int64_t window_us, int64_t burst, int64_t at_us)
{
    slots_tick(slots, window_us, burst, FETCHER, START + at_us);
}

/* Sends at those milliseconds: how many gaps are too short, and the smallest. */
static void test_gaps_and_violations(void **state)
{
    static const struct {
        const char *story;
        int64_t window_ms, burst;
        int sent_ms[8];
        uint64_t violations;
        int64_t smallest_ms; /* -1: none is known */
    } cases[] = {
        {"none", 1000, 1, {0}, 0, -1},
        {"the first has no gap", 1000, 1, {5}, 0, -1},
        {"in time", 1000, 1, {5, 1006, 2007, 9000}, 0, 1001},
        {"exactly the window is allowed", 1000, 1, {5, 1005}, 0, 1000},
        {"one is too early", 1000, 1, {5, 1004, 2010}, 1, 999},
        {"each of three is", 1000, 1, {5, 505, 1005, 1505}, 3, 500},
        {"two in each window", 1000, 2, {5, 6, 1006, 1007, 2010, 2011}, 0, 1001},
        {"a third one in a window", 1000, 2, {5, 6, 900, 2010}, 1, 895},
        {"the scheduler has not told its limit", 0, 0, {5, 6, 7}, 0, -1},
        {"it told a burst, and no window", 0, 1, {5, 6}, 0, 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slots *slots;
        int64_t smallest_us;
        int lane;

        close_slots(state);
        assert_int_equal(open_slots(state), 0);
        slots = *state;
        tick(slots, cases[i].window_ms * MS, cases[i].burst, 0);
        for (unsigned s = 0; s < 8 && cases[i].sent_ms[s]; s++)
            assert_true(add(slots, "sent", "score", FETCHER, s + 1, cases[i].sent_ms[s] * MS));
        tick(slots, cases[i].window_ms * MS, cases[i].burst, 20 * SECOND);
        lane = slots_lane(slots, "score");
        smallest_us = slots_smallest_gap_us(slots, lane, START + 20 * SECOND);
        if (slots_violations(slots, lane) != cases[i].violations ||
            smallest_us != (cases[i].smallest_ms < 0 ? SLOTS_NONE : cases[i].smallest_ms * MS))
            fail_msg("%s: %llu, %lld", cases[i].story, (unsigned long long)slots_violations(slots, lane),
                     (long long)smallest_us);
    }
}

/* The first sends come before metricsd has heard of the limit that they have to keep. */
static void test_the_limit_is_told_late(void **state)
{
    struct slots *slots = *state;

    add(slots, "sent", "score", FETCHER, 1, SECOND);
    tick(slots, 0, 0, SECOND + 100 * MS);
    add(slots, "sent", "score", FETCHER, 2, SECOND + 200 * MS);
    add(slots, "sent", "score", FETCHER, 3, SECOND + 700 * MS);
    assert_true(slots_at(slots, 0, 2)->gap_us == SLOTS_NONE);
    tick(slots, 400 * MS, 1, 2 * SECOND);
    assert_true(slots_at(slots, 0, 0)->gap_us == SLOTS_NONE);
    assert_int_equal(slots_at(slots, 0, 1)->gap_us, 200 * MS);
    assert_int_equal(slots_at(slots, 0, 2)->gap_us, 500 * MS);
    tick(slots, 400 * MS, 1, 5 * SECOND);
    assert_int_equal(slots_violations(slots, 0), 1);
}

static void test_each_send_has_its_end(void **state)
{
    static const enum slot_outcome wanted[] = {SLOT_ANSWERED, SLOT_LIMITED, SLOT_FAILED, SLOT_FLYING};
    struct slots *slots = *state;

    tick(slots, SECOND, 1, 0);
    for (uint64_t attempt = 1; attempt <= 4; attempt++)
        add(slots, "sent", "score", FETCHER, attempt, (int64_t)attempt * SECOND);
    assert_true(add(slots, "answered", "score", FETCHER, 1, 5 * SECOND));
    assert_true(add(slots, "failed", "score", FETCHER, 3, 5 * SECOND));
    assert_true(add(slots, "limited", "score", FETCHER, 2, 5 * SECOND));
    assert_false(add(slots, "answered", "score", FETCHER, 9, 5 * SECOND)); /* not sent under our eyes */
    assert_false(add(slots, "answered", "score", FETCHER + 1, 4, 5 * SECOND));
    assert_false(add(slots, "stored", "score", FETCHER, 4, 5 * SECOND));
    tick(slots, SECOND, 1, 6 * SECOND);
    for (unsigned i = 0; i < 4; i++) {
        const struct slot *slot = slots_at(slots, slots_lane(slots, "score"), i);

        assert_int_equal(slot->outcome, wanted[i]);
        assert_int_equal(slot->attempt, i + 1);
        assert_int_equal(slot->late_us, 12);
        assert_int_equal(slot->at_us, WALL + (i + 1) * SECOND);
        assert_true(slot->gap_us == (i ? SECOND : SLOTS_NONE));
    }
    assert_null(slots_at(slots, slots_lane(slots, "score"), 4));
    slots_tick(slots, SECOND, 1, FETCHER + 1, START + 7 * SECOND); /* the fetcher was replaced */
    assert_int_equal(slots_at(slots, 0, 3)->outcome, SLOT_FAILED);
    assert_int_equal(slots_at(slots, 0, 0)->outcome, SLOT_ANSWERED);
    assert_true(add(slots, "answered", "score", FETCHER, 4, 8 * SECOND)); /* it was only slow */
    assert_int_equal(slots_at(slots, 0, 3)->outcome, SLOT_ANSWERED);
}

/* An operator shortens the window from 1 s to 0.1 s at 2.0 s, and lengthens it again at 5.0 s. Sends keep to
 * both; metricsd learns of it by the event, or only by the totals a second later. */
static void test_a_new_window_is_no_violation(void **state)
{
    static const int sent_ms[] = {500, 1501, 2010, 2111, 2212, 2900, 4900, 5001, 6002, 7003};

    for (int by_event = 0; by_event < 2; by_event++) {
        struct slots *slots;
        unsigned next = 0;

        close_slots(state);
        assert_int_equal(open_slots(state), 0);
        slots = *state;
        for (int ms = 0; ms < 10000; ms++) {
            bool shorter = ms >= (by_event ? 2000 : 3000) && ms < (by_event ? 5000 : 6000);

            if (by_event && (ms == 2000 || ms == 5000))
                rate(slots, shorter ? 100 * MS : SECOND, ms * MS);
            if (ms % 1000 == 0)
                tick(slots, shorter ? 100 * MS : SECOND, 1, ms * MS);
            if (next < sizeof(sent_ms) / sizeof(sent_ms[0]) && sent_ms[next] == ms) {
                add(slots, "sent", "score", FETCHER, next + 1, ms * MS);
                next++;
            }
        }
        assert_int_equal(slots_window_us(slots), SECOND);
        assert_int_equal(slots_violations(slots, 0), 0);
    }
}

static void test_a_set_clock_makes_no_gap(void **state)
{
    struct slots *slots = *state;

    tick(slots, SECOND, 1, 0);
    add(slots, "sent", "score", FETCHER, 1, SECOND);
    clock_us = -700 * MS;
    add(slots, "sent", "score", FETCHER, 2, 3 * SECOND);
    clock_us = 3600 * SECOND;
    add(slots, "sent", "score", FETCHER, 3, 5 * SECOND);
    add(slots, "sent", "score", FETCHER, 4, 7 * SECOND);
    tick(slots, SECOND, 1, 20 * SECOND);
    assert_true(slots_at(slots, 0, 1)->gap_us == SLOTS_NONE);
    assert_true(slots_at(slots, 0, 2)->gap_us == SLOTS_NONE);
    assert_int_equal(slots_at(slots, 0, 3)->gap_us, 2 * SECOND);
    assert_int_equal(slots_violations(slots, 0), 0);
}

static void test_the_smallest_gap_is_that_of_15_minutes(void **state)
{
    struct slots *slots = *state;
    int64_t at_us = SECOND;

    tick(slots, SECOND, 1, 0);
    add(slots, "sent", "score", FETCHER, 1, at_us);
    add(slots, "sent", "score", FETCHER, 2, at_us += 400 * MS);
    for (uint64_t attempt = 3; attempt < 1000; attempt++) {
        add(slots, "sent", "score", FETCHER, attempt, at_us += SECOND + 50 * MS);
        tick(slots, SECOND, 1, at_us);
        if (at_us > 5 * SECOND && at_us < 900 * SECOND)
            assert_int_equal(slots_smallest_gap_us(slots, 0, START + at_us), 400 * MS);
    }
    assert_int_equal(slots_smallest_gap_us(slots, 0, START + at_us), SECOND + 50 * MS);
    assert_int_equal(slots_violations(slots, 0), 1);
    assert_true(slots_smallest_gap_us(slots, 0, START + at_us + 1000 * SECOND) == SLOTS_NONE);
    assert_int_equal(slots_at(slots, 0, SLOTS_SHOWN - 1)->attempt, 999);
    assert_int_equal(slots_at(slots, 0, 0)->attempt, 1000 - SLOTS_SHOWN);
    assert_null(slots_at(slots, 0, SLOTS_SHOWN));
}

/* More sends than are kept come between two ticks: they are judged all the same. */
static void test_a_fast_lane_is_judged_too(void **state)
{
    struct slots *slots = *state;

    tick(slots, 2 * MS, 1, 0);
    for (uint64_t attempt = 1; attempt <= 1000; attempt++)
        add(slots, "sent", "score", FETCHER, attempt, SECOND + (int64_t)attempt * MS);
    tick(slots, 2 * MS, 1, 10 * SECOND);
    assert_int_equal(slots_violations(slots, 0), 999);
}

static void test_lanes_are_apart_and_few(void **state)
{
    struct slots *slots = *state;
    struct message_event nameless = {.process = text_of("fetcher"), .name = text_of("sent")};
    char name[16];

    tick(slots, SECOND, 1, 0);
    assert_false(slots_add(slots, &nameless, FETCHER, START, WALL));
    add(slots, "sent", "score", FETCHER, 1, SECOND);
    add(slots, "sent", "other", FETCHER, 2, SECOND + 1);
    add(slots, "sent", "score", FETCHER, 3, 3 * SECOND);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "lane%d", i);
        assert_int_equal(add(slots, "sent", name, FETCHER, 9, 4 * SECOND), i < SLOTS_LANES - 2);
    }
    tick(slots, SECOND, 1, 10 * SECOND);
    assert_int_equal(slots_violations(slots, slots_lane(slots, "score")), 0);
    assert_int_equal(slots_at(slots, slots_lane(slots, "score"), 1)->gap_us, 2 * SECOND);
    assert_int_equal(slots_at(slots, slots_lane(slots, "other"), 0)->attempt, 2);
    assert_int_equal(slots_lane(slots, "lane50"), -1);
    assert_null(slots_at(slots, -1, 0));
    assert_int_equal(slots_violations(slots, -1), 0);
    assert_true(slots_smallest_gap_us(slots, -1, START) == SLOTS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gaps_and_violations, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_the_limit_is_told_late, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_each_send_has_its_end, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_a_new_window_is_no_violation, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_a_set_clock_makes_no_gap, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_the_smallest_gap_is_that_of_15_minutes, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_a_fast_lane_is_judged_too, open_slots, close_slots),
        cmocka_unit_test_setup_teardown(test_lanes_are_apart_and_few, open_slots, close_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
