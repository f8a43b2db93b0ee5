/* order_test.c - the sorted set against a plain sorted array, over insertions and removals of every kind,
 * with memory and without. */
#include "scheduler/order.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scarce.h"

#define MANY 3000

/* The slow truth. */
struct shadow {
    struct order order;
    struct order_key keys[MANY];
    unsigned count;
    uint64_t chance;
};

static unsigned pick(struct shadow *shadow, unsigned limit)
{
    shadow->chance = shadow->chance * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(shadow->chance >> 33) % limit;
}

static bool before(struct order_key a, struct order_key b)
{
    return a.key != b.key ? a.key < b.key : a.seq < b.seq;
}

/* An item that tells its key. */
static void *item_of(struct order_key key)
{
    return (void *)(uintptr_t)(key.key * 1000003 + key.seq + 1); /* NOLINT(performance-no-int-to-ptr) */
}

static unsigned rank_of(const struct shadow *shadow, struct order_key key)
{
    unsigned low = 0, count = shadow->count;

    while (count > 0) {
        unsigned half = count / 2;

        if (before(shadow->keys[low + half], key)) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static bool has(const struct shadow *shadow, struct order_key key)
{
    unsigned rank = rank_of(shadow, key);

    return rank < shadow->count && !before(key, shadow->keys[rank]);
}

static void check(struct shadow *shadow, unsigned rank)
{
    const struct order_entry *entry = order_at(&shadow->order, rank);

    assert_int_equal(order_count(&shadow->order), shadow->count);
    if (rank >= shadow->count) {
        assert_null(entry);
        return;
    }
    assert_memory_equal(&entry->key, &shadow->keys[rank], sizeof(entry->key));
    assert_ptr_equal(entry->item, item_of(entry->key));
    assert_int_equal(order_rank(&shadow->order, entry->key), rank);
}

/* The first one that does not come before some key, there or not. */
static void check_seek(struct shadow *shadow)
{
    struct order_key key = {.key = pick(shadow, 6), .seq = pick(shadow, 100000)};
    unsigned rank = rank_of(shadow, key);
    const struct order_entry *entry = order_seek(&shadow->order, key);

    if (rank == shadow->count)
        assert_null(entry);
    else
        assert_memory_equal(&entry->key, &shadow->keys[rank], sizeof(key));
}

static void insert(struct shadow *shadow, struct order_key key)
{
    unsigned rank = rank_of(shadow, key);

    order_insert(&shadow->order, key, item_of(key));
    memmove(&shadow->keys[rank + 1], &shadow->keys[rank], (shadow->count - rank) * sizeof(key));
    shadow->keys[rank] = key;
    shadow->count++;
    check(shadow, rank);
}

static void remove_at(struct shadow *shadow, unsigned rank)
{
    order_remove(&shadow->order, shadow->keys[rank]);
    shadow->count--;
    memmove(&shadow->keys[rank], &shadow->keys[rank + 1], (shadow->count - rank) * sizeof(struct order_key));
    check(shadow, rank);
}

/* Grows and shrinks between none and `most`, in one of four ways. */
static void churn(struct shadow *shadow, unsigned way, unsigned most, unsigned steps, bool reserve)
{
    static uint64_t coming = 100000;
    bool growing = true;

    for (unsigned step = 0; step < steps; step++) {
        struct order_key key = {.key = pick(shadow, 5), .seq = pick(shadow, 100000)};

        if (way == 1) /* appended, and taken from the front */
            key = (struct order_key){.key = 5, .seq = coming++};
        if (way == 2) /* at the front */
            key = (struct order_key){.key = 0, .seq = UINT64_MAX / 2 - coming++};
        if (shadow->count >= most - 1)
            growing = false;
        if (shadow->count == 0)
            growing = true;
        if (pick(shadow, 10) < (growing ? 8U : 2U) && shadow->count < most - 1 && !has(shadow, key)) {
            if (reserve)
                assert_int_equal(order_reserve(&shadow->order, shadow->count + 1), 0);
            insert(shadow, key);
        } else if (shadow->count > 0) {
            remove_at(shadow, way == 1 ? 0 : way == 3 ? shadow->count - 1 : pick(shadow, shadow->count));
            if (reserve)
                assert_int_equal(order_reserve(&shadow->order, shadow->count), 0);
        }
        check(shadow, pick(shadow, shadow->count + 1));
        check_seek(shadow);
    }
}

static void empty(struct shadow *shadow)
{
    while (shadow->count > 0)
        remove_at(shadow, pick(shadow, shadow->count));
    assert_int_equal(order_reserve(&shadow->order, 0), 0);
    assert_null(shadow->order.root);
    assert_int_equal(shadow->order.nodes, 0);
}

static void agrees_with_a_sorted_array(void **state)
{
    static struct shadow shadow;

    (void)state;
    shadow = (struct shadow){.chance = 7};
    for (unsigned way = 0; way < 4; way++) {
        churn(&shadow, way, 40, 2000, true);
        churn(&shadow, way, MANY, 12000, true);
    }
    empty(&shadow);
}

/* What has been reserved finds room, though no more memory is to be had. */
static void needs_no_memory_for_what_is_reserved(void **state)
{
    static const unsigned sizes[] = {1, 2, 31, 32, 33, 64, 65, 900, 2500};
    static struct shadow shadow;

    (void)state;
    shadow = (struct shadow){.chance = 11};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned way = 0; way < 4; way++) {
            assert_int_equal(order_reserve(&shadow.order, sizes[i]), 0);
            scarce_after(0);
            churn(&shadow, way, sizes[i] + 1, sizes[i] * 4 + 20, false);
            scarce_no_more();
        }
        empty(&shadow);
    }
}

/* Some allocations succeed, some do not, and whatever reserve says is so. */
static void a_reservation_that_fails_changes_nothing(void **state)
{
    static struct shadow shadow;
    unsigned failures = 0;

    (void)state;
    shadow = (struct shadow){.chance = 13};
    for (unsigned i = 0; i < 20000; i++) {
        struct order_key key = {.key = pick(&shadow, 5), .seq = pick(&shadow, 100000)};
        int rc;

        scarce_after(pick(&shadow, 3));
        rc = order_reserve(&shadow.order, shadow.count + 1);
        if (shadow.count + 1 < MANY && rc == 0 && pick(&shadow, 10) < 6 && !has(&shadow, key))
            insert(&shadow, key);
        else if (shadow.count > 0)
            remove_at(&shadow, pick(&shadow, shadow.count));
        scarce_no_more();
        failures += rc < 0;
        assert_true(rc == 0 || rc == -ENOMEM);
        check(&shadow, pick(&shadow, shadow.count + 1));
    }
    assert_in_range(failures, 10, 20000);
    empty(&shadow);
}

static void an_empty_one_has_nothing(void **state)
{
    struct order order = {.root = NULL};

    (void)state;
    assert_null(order_at(&order, 0));
    assert_null(order_seek(&order, (struct order_key){.key = 0}));
    assert_int_equal(order_reserve(&order, 0), 0);
    assert_null(order.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(needs_no_memory_for_what_is_reserved),
        cmocka_unit_test(a_reservation_that_fails_changes_nothing),
        cmocka_unit_test(an_empty_one_has_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
