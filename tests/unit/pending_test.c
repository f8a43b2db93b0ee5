/* pending_test.c - the waiting requests, as a story of letters: one line of orders, one line of what is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/pending.h"

#define LETTERS 26

/* +A9  A comes, deadline 9     -A  A leaves      s  the next one is submitted     !  the scheduler goes
 * Seen after each story: the unsubmitted in order | who is due, in order. Lower case: submitted again. */
static const struct {
    const char *story, *unsubmitted, *due;
} cases[] = {
    {"", "", ""},
    {"+A1 +B2 +C3", "ABC", "ABC"},
    {"+A3 +B2 +C1", "ABC", "CBA"},
    {"+A1 +B2 +C3 s", "BC", "ABC"},
    {"+A1 +B2 +C3 s s s", "", "ABC"},
    {"+A1 +B2 s s +C3 +D4", "CD", "ABCD"},
    {"+A1 +B2 +C3 -B", "AC", "AC"},
    {"+A1 +B2 +C3 -A", "BC", "BC"},
    {"+A1 +B2 +C3 s -B s", "", "AC"},
    {"+A1 +B2 +C3 s s -A -B", "C", "C"},
    {"+A1 +B2 +C3 s s !", "abC", "ABC"},
    {"+A1 +B2 s s ! s +C3", "bC", "ABC"},
    {"+A1 +B2 s s -A ! +C3", "bC", "BC"},
    {"+A1 s ! ! !", "a", "A"},
    {"+A5 +B1 +C4 +D2 +E3 +F6 +G0 -B -C", "ADEFG", "GDEAF"},
    {"+A5 +B6 +C9 +D7 +E8 +F1 +G0 -E -A", "BCDFG", "GFBDC"},
    {"+A1 -A +B2 -B +C3", "C", "C"},
};

static char letter_of(struct pending_request *all, const struct pending_request *request)
{
    return (char)((request->again ? 'a' : 'A') + (request - all));
}

static void order(struct pending *pending, struct pending_request *all, const char *word)
{
    struct pending_request *request = all + (word[1] ? word[1] - 'A' : 0);

    if (word[0] == '+') {
        request->deadline_us = word[2] - '0';
        assert_int_equal(pending_add(pending, request), 0);
        assert_ptr_equal(pending_find(pending, request->id), request);
    } else if (word[0] == '-') {
        pending_remove(pending, request);
        assert_null(pending_find(pending, request->id));
    } else if (word[0] == 's') {
        pending_submit(pending);
    } else {
        pending_unsubmit_all(pending);
    }
}

static void test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pending *pending = pending_new(LETTERS);
        struct pending_request all[LETTERS] = {{.id = 0}}, *next;
        char story[128], unsubmitted[LETTERS + 1] = "", due[LETTERS + 1] = "", *rest;

        assert_non_null(pending);
        snprintf(story, sizeof(story), "%s", cases[i].story);
        for (char *word = strtok_r(story, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            order(pending, all, word);
        for (next = pending_unsubmitted(pending); next; next = pending_unsubmitted(pending)) {
            unsubmitted[strlen(unsubmitted)] = letter_of(all, next);
            pending_submit(pending);
        }
        while ((next = pending_next_due(pending)) != NULL) {
            due[strlen(due)] = (char)('A' + (next - all));
            pending_remove(pending, next);
        }
        if (strcmp(unsubmitted, cases[i].unsubmitted) != 0 || strcmp(due, cases[i].due) != 0)
            fail_msg("%s: %s | %s", cases[i].story, unsubmitted, due);
        assert_int_equal(pending_count(pending), 0);
        pending_free(pending);
    }
}

static void test_bounded(void **state)
{
    struct pending_request all[3] = {{.id = 0}};
    struct pending *pending = pending_new(2);

    (void)state;
    assert_int_equal(pending_add(pending, &all[0]), 0);
    assert_int_equal(pending_add(pending, &all[1]), 0);
    assert_int_equal(pending_add(pending, &all[2]), -ENOBUFS);
    pending_remove(pending, &all[0]);
    assert_int_equal(pending_add(pending, &all[2]), 0);
    assert_ptr_equal(pending_oldest(pending), &all[1]);
    pending_free(pending);
}

static void test_an_old_id_finds_no_new_request(void **state)
{
    struct pending_request first = {.id = 0}, second = {.id = 0};
    struct pending *pending = pending_new(1);
    uint64_t old;

    (void)state;
    assert_int_equal(pending_add(pending, &first), 0);
    old = first.id;
    pending_remove(pending, &first);
    assert_int_equal(pending_add(pending, &second), 0);
    assert_int_not_equal(second.id, old);
    assert_null(pending_find(pending, old));
    assert_null(pending_find(pending, 0));
    assert_null(pending_find(pending, UINT64_MAX));
    assert_ptr_equal(pending_find(pending, second.id), &second);
    pending_free(pending);
}

static void test_no_room_at_all(void **state)
{
    (void)state;
    assert_null(pending_new(0));
    assert_null(pending_new(1U << 20));
    pending_free(NULL);
}

/* Always the same numbers, so that a failure comes again. */
static unsigned draw(unsigned below)
{
    static uint64_t seed = 7;

    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % below;
}

/* Against a plain list: whatever comes and goes, the earliest deadline is found. */
static void test_deadlines_at_random(void **state)
{
    enum { COUNT = 200, STEPS = 20000 };
    static struct pending_request all[COUNT];
    struct pending *pending = pending_new(COUNT);
    static bool in[COUNT];

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        int i = (int)draw(COUNT);
        int64_t least = INT64_MAX;

        if (in[i]) {
            pending_remove(pending, &all[i]);
        } else {
            all[i].deadline_us = draw(1000);
            assert_int_equal(pending_add(pending, &all[i]), 0);
        }
        in[i] = !in[i];
        for (int j = 0; j < COUNT; j++) {
            if (in[j] && all[j].deadline_us < least)
                least = all[j].deadline_us;
        }
        assert_int_equal(pending_next_due(pending) ? pending_next_due(pending)->deadline_us : INT64_MAX,
                         least);
    }
    pending_free(pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_an_old_id_finds_no_new_request),
        cmocka_unit_test(test_no_room_at_all),
        cmocka_unit_test(test_deadlines_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
