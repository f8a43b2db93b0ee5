/* order_test.c - the ordered set against a plain sorted array, over random insertions and removals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/order.h"

#define NODES 300

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

/* The slow truth: how many of those inside come before it. */
static unsigned rank_by_counting(const struct order_node *nodes, const bool *inside, unsigned which)
{
    unsigned rank = 0;

    for (unsigned i = 0; i < NODES; i++) {
        if (inside[i] && (nodes[i].key < nodes[which].key ||
                          (nodes[i].key == nodes[which].key && nodes[i].seq < nodes[which].seq)))
            rank++;
    }
    return rank;
}

static void agrees_with_a_sorted_array(void **state)
{
    static struct order_node nodes[NODES];
    bool inside[NODES] = {false};
    struct order order = {NULL};
    uint64_t seed = 7;
    unsigned count = 0;

    (void)state;
    for (unsigned step = 0; step < 5000; step++) {
        unsigned i = (unsigned)random_next(&seed) % NODES;

        if (inside[i]) {
            assert_ptr_equal(order_at(&order, order_rank(&order, &nodes[i])), &nodes[i]);
            order_remove(&order, &nodes[i]);
            count--;
        } else {
            nodes[i].key = random_next(&seed) % 5;
            nodes[i].seq = (uint64_t)i;
            order_insert(&order, &nodes[i]);
            count++;
        }
        inside[i] = !inside[i];
        assert_int_equal(order_count(&order), count);
        if (inside[i])
            assert_int_equal(order_rank(&order, &nodes[i]), rank_by_counting(nodes, inside, i));
    }
    assert_null(order_at(&order, count));
}

static unsigned depth(const struct order_node *node)
{
    unsigned left, right;

    if (!node)
        return 0;
    left = depth(node->left);
    right = depth(node->right);
    return 1 + (left > right ? left : right);
}

static void stays_shallow_when_filled_in_order(void **state)
{
    static struct order_node nodes[100000];
    struct order order = {NULL};

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        nodes[i] = (struct order_node){.seq = i};
        order_insert(&order, &nodes[i]);
    }
    assert_in_range(depth(order.root), 17, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(stays_shallow_when_filled_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
