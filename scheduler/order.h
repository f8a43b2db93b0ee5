/* order.h - an ordered set with ranks: intrusive, so nothing is allocated; every operation is O(log n).
 *
 * A treap whose heap order is a hash of the node's key and seq: balanced without any stored state, and the
 * same from run to run. Nodes are ordered by key, then by seq; the pair must be unique within the set. */
#ifndef SLUICE_ORDER_H
#define SLUICE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order_node {
    struct order_node *left, *right;
    uint64_t key, seq; /* set by you before the insertion, not to be changed while in the set */
    uint32_t smaller;  /* how many nodes the left subtree has */
};

struct order {
    struct order_node *root; /* NULL when empty */
    uint32_t count;
};

static inline unsigned order_count(const struct order *order)
{
    return order->count;
}

/* Borrows the node until it is removed. */
void order_insert(struct order *order, struct order_node *node);
void order_remove(struct order *order, struct order_node *node); /* must be in the set */

/* Puts a node that is not in the set where another is, which leaves: it takes over key and seq. */
void order_replace(struct order *order, struct order_node *old, struct order_node *node);

/* The node of that key and seq; NULL when there is none. */
struct order_node *order_find(const struct order *order, uint64_t key, uint64_t seq);

/* How many nodes come before it. */
unsigned order_rank(const struct order *order, const struct order_node *node);
/* How many nodes come before where one of that key and seq is or would be. */
unsigned order_rank_of(const struct order *order, uint64_t key, uint64_t seq);
/* The node of that rank; NULL beyond the end. */
struct order_node *order_at(const struct order *order, unsigned rank);

#endif
