/* windows_test.c - the limiter as stories: arrivals in milliseconds, and what each is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulator/nanos.h"
#include "tests/simulator/windows.h"

#define MS(ms) ((int64_t)((ms)*1e6))
#define START  MS(5000)

struct story {
    const char *title;
    struct windows_config rules;
    struct windows_clock clock;
    const char *arrivals; /* ms since the start */
    const char *outcomes; /* Open, Early, Blocked and the announced reset in ms */
};

#define RULES(window, penalty, requests, late)                                                               \
    {                                                                                                        \
        .window_ns = MS(window), .penalty_ns = MS(penalty), .burst = requests, .delay = late,                \
        .max_clients = 10                                                                                    \
    }

static const struct story stories[] = {
    {"a window is exactly its length", RULES(1000, 2000, 1, false), {0}, "0 1000 2000", "O1000 O1000 O1000"},
    {"a nanosecond early is early",
     RULES(1000, 2000, 1, false),
     {0},
     "0 999.999999 2999.999998 2999.999999",
     "O1000 E2000 B1e-06 O1000"},
    {"the block is not prolonged by what it refuses",
     RULES(1000, 2000, 1, false),
     {0},
     "0 1 515 1000 2000.5 2001 2500",
     "O1000 E2000 B1486 B1001 B0.5 O1000 E2000"},
    {"windows open at arrival, not on a grid",
     RULES(1000, 2000, 1, false),
     {0},
     "0 1700 2600",
     "O1000 O1000 E2000"},
    {"a burst fills the window, which does not slide",
     RULES(1000, 2000, 3, false),
     {0},
     "0 400 900 1000 1001 1002 1003",
     "O1000 O600 O100 O1000 O999 O998 E2000"},
    {"a block shorter than the window replaces it",
     RULES(1000, 100, 1, false),
     {0},
     "0 10 110",
     "O1000 E100 O1000"},
    {"delay: the next window opens with the late answer",
     RULES(1000, 2000, 1, true),
     {0},
     "0 500 3500",
     "O1000 E1000+2000 O1000"},
    {"delay: before that window's end is early again",
     RULES(1000, 2000, 1, true),
     {0},
     "0 500 3499.999999 6499.999999",
     "O1000 E1000+2000 E1000+2000 O1000"},
    {"delay: nothing gets in while an answer is held back",
     RULES(1000, 2000, 5, true),
     {0},
     "0 0 0 0 0 10 1000 3000",
     "O1000 O1000 O1000 O1000 O1000 E1000+2000 E1000+2000 O1000"},
    {"no window, no limit", RULES(0, 2000, 1, false), {0}, "0 0 1 1", "O0 O0 O0 O0"},
    {"a clock that runs ahead ends windows early",
     RULES(1000, 2000, 1, false),
     {.offset_ns = MS(5)},
     "0 994 2994",
     "O1000 E2000 O1000"},
    {"and so lets pass what was early",
     RULES(1000, 2000, 1, false),
     {.offset_ns = MS(5)},
     "0 995",
     "O1000 O1000"},
    {"a clock that runs behind ends them late",
     RULES(1000, 2000, 1, false),
     {.offset_ns = -MS(5)},
     "0 1004.9 4000",
     "O1000 E2000 O1000"},
    {"a clock in steps may end a window late",
     RULES(15, 100, 1, false),
     {.step_ns = MS(10)},
     "1 19.9",
     "O15 E100"},
    {"or early", RULES(15, 100, 1, false), {.step_ns = MS(10)}, "9.9 20", "O15 O15"},
};

static void describe(const struct ruling *ruling, char *out, size_t room)
{
    static const char letters[] = "OEBF";
    int used = snprintf(out, room, "%c%.10g", letters[ruling->outcome], (double)ruling->reset_ns / 1e6);

    if (ruling->delay_ns > 0)
        snprintf(out + used, room - (size_t)used, "+%.10g", (double)ruling->delay_ns / 1e6);
}

static void tell(const struct story *story)
{
    struct windows *windows = windows_new(&story->rules);
    const char *at = story->arrivals;
    char told[512] = "";
    char *next;

    assert_non_null(windows);
    for (double ms = strtod(at, &next); next != at; ms = strtod(at, &next)) {
        struct ruling ruling;
        char word[64];

        at = next;
        windows_judge(windows, text_of("1"), START + llround(ms * 1e6), &story->clock, &ruling);
        describe(&ruling, word, sizeof(word));
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s%s", told[0] ? " " : "", word);
    }
    if (strcmp(told, story->outcomes) != 0)
        print_error("%s\n", story->title);
    assert_string_equal(told, story->outcomes);
    windows_free(windows);
}

static void windows_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        tell(&stories[i]);
}

static void clients_have_their_own(void **state)
{
    const struct windows_config rules = RULES(1000, 2000, 1, false);
    const struct windows_clock clock = {0};
    struct windows *windows = windows_new(&rules);
    struct ruling ruling;

    (void)state;
    windows_judge(windows, text_of("one"), START, &clock, &ruling);
    assert_int_equal(ruling.gap_ns, -1);
    windows_judge(windows, text_of("two"), START, &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_OPEN);
    windows_judge(windows, text_of("one"), START + 7, &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_EARLY);
    assert_int_equal(ruling.gap_ns, 7);
    assert_int_equal(ruling.rest_ns, MS(1000) - 7);
    windows_clear(windows);
    windows_judge(windows, text_of("one"), START + 8, &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_OPEN);
    windows_free(windows);
}

/* An open window is never forgotten for want of room; one that is over makes room. */
static void the_table_is_bounded(void **state)
{
    const struct windows_config rules = RULES(1000, 2000, 1, false);
    const struct windows_clock clock = {0};
    struct windows *windows = windows_new(&rules);
    struct ruling ruling;
    char name[16];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "client %d", i);
        windows_judge(windows, text_of(name), START + i, &clock, &ruling);
        assert_int_equal(ruling.outcome, WINDOWS_OPEN);
    }
    windows_judge(windows, text_of("one more"), START + 20, &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_FULL);
    windows_judge(windows, text_of("client 9"), START + 21, &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_EARLY);
    windows_judge(windows, text_of("one more"), START + MS(1000), &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_OPEN);
    windows_judge(windows, text_of("client 9"), START + MS(1001), &clock, &ruling);
    assert_int_equal(ruling.outcome, WINDOWS_BLOCKED);
    windows_free(windows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_exact),
        cmocka_unit_test(clients_have_their_own),
        cmocka_unit_test(the_table_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
