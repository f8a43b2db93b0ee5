/* agenda_test.c - entries leave by time, then by coming, whoever left from the middle. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulator/agenda.h"

#define ENTRIES 500

static void entries_leave_in_order(void **state)
{
    struct agenda_entry entries[ENTRIES] = {0};
    int64_t last_ns = -1;
    uint64_t last_order = 0;
    struct agenda_entry *first;
    struct agenda agenda;
    unsigned left = 0;

    (void)state;
    assert_int_equal(agenda_init(&agenda, ENTRIES), 0);
    assert_null(agenda_first(&agenda));
    for (size_t i = 0; i < ENTRIES; i++)
        assert_int_equal(agenda_add(&agenda, &entries[i], (int64_t)(i * 7919 % 101)), 0);
    assert_int_equal(agenda_add(&agenda, &(struct agenda_entry){0}, 0), -ENOBUFS);
    for (size_t i = 0; i < ENTRIES; i += 3) {
        agenda_remove(&agenda, &entries[i]);
        agenda_remove(&agenda, &entries[i]); /* a second time is nothing */
    }
    while ((first = agenda_first(&agenda))) {
        assert_true(first->due_ns > last_ns || (first->due_ns == last_ns && first->order > last_order));
        assert_int_not_equal((first - entries) % 3, 0);
        last_ns = first->due_ns;
        last_order = first->order;
        agenda_remove(&agenda, first);
        left++;
    }
    assert_int_equal(left, ENTRIES - (ENTRIES + 2) / 3);
    agenda_done(&agenda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_leave_in_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
