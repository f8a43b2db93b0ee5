/* resident_test.c - common/resident.c: what is given is zeroed, and there. */
#include "common/resident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/scarce.h"

#define BYTES ((size_t)4 << 20)

/* How many of the pages that lie within it are in memory. */
static size_t present(const char *at, size_t bytes, size_t *pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    uintptr_t start = ((uintptr_t)at + page - 1) / page * page;
    unsigned char *found;

    *pages = ((uintptr_t)at + bytes - start) / page;
    found = calloc(*pages, 1);
    assert_non_null(found);
    assert_int_equal(mincore((void *)start, *pages * page, found), 0);
    for (size_t i = 0; i < *pages; i++)
        count += found[i] & 1;
    free(found);
    return count;
}

static void test_all_of_it_is_there(void **state)
{
    size_t pages;
    char *lazy = calloc(1, BYTES), *at = resident_new(BYTES);

    (void)state;
    assert_non_null(lazy);
    assert_non_null(at);
    assert_true(present(lazy, BYTES, &pages) < pages / 2); /* or this test would say nothing */
    assert_int_equal(present(at, BYTES, &pages), pages);
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(at[i], 0);
    free(lazy);
    free(at);
}

static void test_none_is_left(void **state)
{
    (void)state;
    scarce_after(0);
    assert_null(resident_new(BYTES));
    assert_int_equal(scarce_no_more(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it_is_there),
        cmocka_unit_test(test_none_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
