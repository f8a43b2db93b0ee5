/* roundtrip_test.c - the confident bounds of the round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/roundtrip.h"

#define MS 1000

static void add(struct roundtrip *roundtrip, unsigned times, int64_t us)
{
    while (times-- > 0)
        roundtrip_add(roundtrip, us);
}

static void says_nothing_before_it_has_seen_enough(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    add(&roundtrip, ROUNDTRIP_MIN_FLOOR - 1, 60 * MS);
    assert_int_equal(roundtrip_floor_us(&roundtrip), 0);
    add(&roundtrip, 1, 60 * MS);
    assert_int_equal(roundtrip_floor_us(&roundtrip), 60 * MS - 500);
    assert_true(roundtrip_ceiling_us(&roundtrip) == INT64_MAX);
    add(&roundtrip, ROUNDTRIP_MIN_CEILING - ROUNDTRIP_MIN_FLOOR, 60 * MS);
    assert_int_equal(roundtrip_ceiling_us(&roundtrip), 60 * MS + 500);
}

static void follows_its_formula(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    for (int i = 0; i < 400; i++)
        roundtrip_add(&roundtrip, 60 * MS + (i * 7 % 400) * 10); /* 60.00, 60.01 ... 63.99 ms, shuffled */
    /* x1 = 60.00, x10 = 60.09: 60 - 1.5 x 0.09 - 0.5 */
    assert_int_equal(roundtrip_floor_us(&roundtrip), 59365);
    /* y1 = 63.99, y10 = 63.90: 63.99 + 3 x 1.5 x 0.09 + 0.5 */
    assert_int_equal(roundtrip_ceiling_us(&roundtrip), 63990 + 405 + 500);
}

static void a_heavy_tail_has_no_ceiling(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    add(&roundtrip, 399, 60 * MS);
    roundtrip_add(&roundtrip, 600 * MS);
    assert_true(roundtrip_ceiling_us(&roundtrip) == INT64_MAX);
}

static void drops_at_once_when_the_path_gets_shorter(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    add(&roundtrip, 1000, 60 * MS);
    roundtrip_add(&roundtrip, 40 * MS);
    assert_true(roundtrip_floor_us(&roundtrip) < 20 * MS);
    add(&roundtrip, 9, 40 * MS);
    assert_int_equal(roundtrip_floor_us(&roundtrip), 40 * MS - 500);
}

static void forgets_slowly_when_it_gets_longer(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    add(&roundtrip, 100, 40 * MS);
    add(&roundtrip, ROUNDTRIP_HALF, 60 * MS);
    assert_int_equal(roundtrip_floor_us(&roundtrip), 40 * MS - 500);
    add(&roundtrip, ROUNDTRIP_HALF + 1, 60 * MS);
    assert_int_equal(roundtrip_floor_us(&roundtrip), 60 * MS - 500);
    assert_int_equal(roundtrip_count(&roundtrip), ROUNDTRIP_HALF + 101);
}

static void knows_the_shortest_and_the_longest(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    assert_int_equal(roundtrip_shortest_us(&roundtrip), 0);
    add(&roundtrip, 1, 700);
    add(&roundtrip, 1, 300);
    assert_int_equal(roundtrip_shortest_us(&roundtrip), 300);
    add(&roundtrip, ROUNDTRIP_HALF - 2, 500);
    add(&roundtrip, 1, 600); /* a new half */
    assert_int_equal(roundtrip_shortest_us(&roundtrip), 300);
    assert_int_equal(roundtrip_longest_us(&roundtrip), 700);
    add(&roundtrip, 1, 200);
    assert_int_equal(roundtrip_shortest_us(&roundtrip), 200);
    add(&roundtrip, 2 * ROUNDTRIP_HALF, 900);
    assert_int_equal(roundtrip_shortest_us(&roundtrip), 900);
}

static void is_never_negative(void **state)
{
    struct roundtrip roundtrip;

    (void)state;
    roundtrip_init(&roundtrip);
    for (int i = 0; i < 100; i++)
        roundtrip_add(&roundtrip, i * MS);
    assert_int_equal(roundtrip_floor_us(&roundtrip), 0);
}

/* After a restart the bounds stand where they stood, until the newer samples have taken over. */
static void a_digest_keeps_the_bounds(void **state)
{
    struct roundtrip before, after;
    struct roundtrip_digest digest;

    (void)state;
    roundtrip_init(&before);
    roundtrip_summarise(&before, &digest);
    roundtrip_restore(&after, &digest);
    assert_int_equal(roundtrip_count(&after), 0);
    for (int i = 0; i < 1000; i++)
        roundtrip_add(&before, 60 * MS + i % 50 * 100);
    roundtrip_summarise(&before, &digest);
    roundtrip_restore(&after, &digest);
    assert_int_equal(roundtrip_floor_us(&after), roundtrip_floor_us(&before));
    assert_int_equal(roundtrip_ceiling_us(&after), roundtrip_ceiling_us(&before));
    assert_int_equal(roundtrip_longest_us(&after), roundtrip_longest_us(&before));
    add(&before, 1, 55 * MS);
    add(&after, 1, 55 * MS);
    assert_true(roundtrip_floor_us(&after) <= roundtrip_floor_us(&before));
    add(&after, ROUNDTRIP_HALF, 80 * MS);
    assert_int_equal(roundtrip_count(&after), ROUNDTRIP_HALF + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing_before_it_has_seen_enough),
        cmocka_unit_test(follows_its_formula),
        cmocka_unit_test(a_heavy_tail_has_no_ceiling),
        cmocka_unit_test(drops_at_once_when_the_path_gets_shorter),
        cmocka_unit_test(forgets_slowly_when_it_gets_longer),
        cmocka_unit_test(knows_the_shortest_and_the_longest),
        cmocka_unit_test(is_never_negative),
        cmocka_unit_test(a_digest_keeps_the_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
