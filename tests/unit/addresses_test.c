/* addresses_test.c - who has how many connections, and that nothing stays of those who have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/addresses.h"
#include "tests/support/scarce.h"

#define CROWD 5000

static void each_client_has_its_own_number(void **state)
{
    struct addresses *addresses = addresses_new();
    struct address *one = addresses_enter(addresses, 1), *other = addresses_enter(addresses, UINT64_MAX);

    (void)state;
    assert_ptr_equal(addresses_enter(addresses, 1), one);
    assert_int_equal(address_connections(one), 2);
    assert_int_equal(address_connections(other), 1);
    assert_int_equal(addresses_count(addresses), 2);
    addresses_leave(addresses, one);
    assert_int_equal(address_connections(one), 1);
    addresses_leave(addresses, one);
    addresses_leave(addresses, other);
    addresses_leave(addresses, NULL);
    assert_int_equal(addresses_count(addresses), 0);
    addresses_free(addresses);
    addresses_free(NULL);
}

static void a_crowd_comes_and_goes(void **state)
{
    static struct address *crowd[CROWD];
    struct addresses *addresses = addresses_new();

    (void)state;
    for (uint64_t turn = 0; turn < 2; turn++)
        for (uint64_t i = 0; i < CROWD; i++)
            crowd[i] = addresses_enter(addresses, i << 32 | i);
    assert_int_equal(addresses_count(addresses), CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(address_connections(crowd[i]), 2);
        addresses_leave(addresses, crowd[i]);
        if (i % 2)
            addresses_leave(addresses, crowd[i]);
    }
    assert_int_equal(addresses_count(addresses), CROWD / 2);
    addresses_free(addresses); /* those that are left too: the leak check looks */
}

static void want_of_memory_changes_nothing(void **state)
{
    struct addresses *addresses = addresses_new();
    struct address *address = NULL;

    (void)state;
    for (unsigned allocations = 0; !address; allocations++) {
        scarce_after(allocations);
        address = addresses_enter(addresses, 7);
        scarce_no_more();
        assert_int_equal(addresses_count(addresses), address != NULL);
    }
    assert_int_equal(address_connections(address), 1);
    addresses_leave(addresses, address);
    addresses_free(addresses);
    scarce_after(0);
    assert_null(addresses_new());
    scarce_no_more();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_has_its_own_number),
        cmocka_unit_test(a_crowd_comes_and_goes),
        cmocka_unit_test(want_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
