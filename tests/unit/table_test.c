/* table_test.c - the hash table against a plain list; its limit, and keys that were made to have one home. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/table.h"
#include "tests/support/scarce.h"

#define THINGS 500
#define LIMIT  300
#define STEPS  100000
#define OTHERS 700 /* with 256 of one home they stay below the limit */

struct thing {
    uint64_t before;
    uint8_t key[TABLE_KEY_BYTES];
    int in;
};

static void fill_in(struct thing *thing, uint64_t low, uint64_t high)
{
    memcpy(thing->key, &low, sizeof(low));
    memcpy(thing->key + sizeof(low), &high, sizeof(high));
}

static void finds_what_is_in_it(void **state)
{
    static struct thing things[THINGS];
    uint64_t chance = 1;
    unsigned count = 0;
    struct table table;

    (void)state;
    assert_int_equal(table_init(&table, LIMIT, offsetof(struct thing, key)), 0);
    for (unsigned i = 0; i < THINGS; i++)
        fill_in(&things[i], i % 50, i / 50);
    for (unsigned step = 0; step < STEPS; step++) {
        struct thing *thing;

        chance = chance * 6364136223846793005U + 1442695040888963407U;
        thing = &things[(chance >> 33) % THINGS];
        assert_ptr_equal(table_find(&table, thing->key), thing->in ? thing : NULL);
        if (thing->in) {
            table_remove(&table, thing);
            thing->in = 0;
            count--;
        } else {
            int rc = table_add(&table, thing);

            assert_int_equal(rc, count == LIMIT ? -ENOSPC : 0);
            thing->in = rc == 0;
            count += rc == 0;
        }
        assert_int_equal(table.count, count);
    }
    table_done(&table);
}

/* Equal keys are not allowed, but have one home as those of an attacker would. */
static void too_many_of_one_home_are_refused(void **state)
{
    static struct thing things[1000], others[OTHERS];
    unsigned count = 0, refused = 0;
    struct table table;

    (void)state;
    assert_int_equal(table_init(&table, 1000, offsetof(struct thing, key)), 0);
    while (count < 1000 && table_add(&table, &things[count]) == 0)
        count++;
    assert_in_range(count, 100, 300);
    assert_int_equal(table_add(&table, &things[count]), -ENOSPC);
    /* Who comes before or among them has a place only when nobody must be moved farther than can be noted. */
    for (unsigned i = 0; i < OTHERS; i++) {
        fill_in(&others[i], i + 1, 0);
        others[i].in = table_add(&table, &others[i]) == 0;
        count += others[i].in > 0;
        refused += !others[i].in;
    }
    assert_true(refused > 0);
    assert_int_equal(table.count, count);
    for (unsigned i = 0; i < OTHERS; i++)
        assert_ptr_equal(table_find(&table, others[i].key), others[i].in ? &others[i] : NULL);
    table_done(&table);
}

static void none_is_made_without_memory(void **state)
{
    struct table table;

    (void)state;
    for (unsigned places = 0; places < 2; places++) {
        scarce_after(places);
        assert_int_equal(table_init(&table, 10, 0), -ENOMEM);
        assert_int_equal(scarce_no_more(), 2 - places);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_in_it),
        cmocka_unit_test(too_many_of_one_home_are_refused),
        cmocka_unit_test(none_is_made_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
