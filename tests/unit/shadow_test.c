/* shadow_test.c - what would have become of requests that nobody held back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/shadow.h"

#define MS 1000LL

/* Arrivals are written "client@ms", and "!" behind those that would have met a closed window. T is 1 s. */
static const struct {
    const char *name;
    unsigned burst;
    const char *arrivals;
} stories[] = {
    {"spaced by the window", 1, "a@0 a@1000 a@2000"},
    {"a millisecond early", 1, "a@0 a@999!"},
    {"at once", 1, "a@0 a@0! a@0! a@0!"},
    {"the block takes the window's place and is not prolonged", 1,
     "a@0 a@900! a@1500! a@2899! a@2900 a@3899!"},
    {"after the block a window opens", 1, "a@0 a@10! a@2010 a@3010 a@3020!"},
    {"each client has its own", 1, "a@0 b@0 a@1! c@2 b@1000 a@1000! c@1001!"},
    {"two in each window, from the first on", 2, "a@0 a@900 a@999! a@1000! a@2999"},
    {"two in each window, spaced", 2, "a@0 a@900 a@1000 a@1001 a@1002!"},
    {"handled in another order than they came", 1, "a@500 a@499! a@2499"},
};

static void test_stories(void **state)
{
    static struct shadow shadow;

    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        const char *at = stories[i].arrivals;

        shadow_init(&shadow, 1000 * MS, stories[i].burst);
        while (*at) {
            struct text client = {.at = at, .bytes = 1};
            char *end;
            int64_t at_us = strtoll(at + 2, &end, 10) * MS;

            if (shadow_arrive(&shadow, client, at_us) != (*end == '!'))
                fail_msg("%s: \"%s\" from \"%s\" on", stories[i].name, stories[i].arrivals, at);
            at = end + strspn(end, "! ");
        }
    }
}

/* More clients than it can remember: what it cannot judge, it does not count; and it finds room again. */
static void test_a_full_table_never_says_too_much(void **state)
{
    static struct shadow shadow;
    char name[16];
    unsigned closed = 0;

    (void)state;
    shadow_init(&shadow, 1000 * MS, 1);
    for (int i = 0; i < 10 * SHADOW_WINDOWS; i++) {
        snprintf(name, sizeof(name), "client-%d", i);
        assert_false(shadow_arrive(&shadow, text_of(name), 0));
    }
    for (int i = 0; i < 10 * SHADOW_WINDOWS; i++) {
        snprintf(name, sizeof(name), "client-%d", i);
        closed += shadow_arrive(&shadow, text_of(name), MS);
    }
    assert_in_range(closed, SHADOW_WINDOWS / 2, SHADOW_WINDOWS);
    assert_false(shadow_arrive(&shadow, text_of("late"), 3000 * MS));
    assert_true(shadow_arrive(&shadow, text_of("late"), 3000 * MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_a_full_table_never_says_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
