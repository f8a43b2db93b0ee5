/* order.c - see order.h. Nodes have no parent pointers: every operation walks down from the root, which
 * finds its way by key and seq, and touches no node beside it: a node is likely to be a cache miss. */
#include "scheduler/order.h"

#include <assert.h>
#include <stddef.h>

/* The finisher of SplitMix64: keys and seqs are consecutive, their weights must not be. */
static uint64_t weight(const struct order_node *node)
{
    uint64_t x = node->seq + (node->key + 1) * 0x9e3779b97f4a7c15U;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static bool before(const struct order_node *a, const struct order_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

/* Splits the tree into what comes before the node and what comes after. Gives the size of the first part.
 * Recursion is as deep as the path: O(log n) expected, about 50 at a million nodes. */
static uint32_t split(struct order_node *tree, const struct order_node *at, struct order_node **less,
                      struct order_node **more)
{
    uint32_t count;

    if (!tree) {
        *less = NULL;
        *more = NULL;
        return 0;
    }
    if (before(tree, at)) {
        *less = tree;
        return tree->smaller + 1 + split(tree->right, at, &tree->right, more);
    }
    *more = tree;
    count = split(tree->left, at, less, &tree->left);
    tree->smaller -= count;
    return count;
}

/* Joins two trees, all of the first, which has so many nodes, before all of the second. */
static struct order_node *join(struct order_node *less, uint32_t count, struct order_node *more)
{
    if (!less || !more)
        return less ? less : more;
    if (weight(less) > weight(more)) {
        less->right = join(less->right, count - less->smaller - 1, more);
        return less;
    }
    more->left = join(less, count, more->left);
    more->smaller += count;
    return more;
}

void order_insert(struct order *order, struct order_node *node)
{
    struct order_node **link = &order->root;
    uint64_t mine = weight(node);

    while (*link && weight(*link) >= mine) {
        bool left = before(node, *link);

        (*link)->smaller += left;
        link = left ? &(*link)->left : &(*link)->right;
    }
    node->smaller = split(*link, node, &node->left, &node->right);
    *link = node;
    order->count++;
}

void order_remove(struct order *order, struct order_node *node)
{
    struct order_node **link = &order->root;

    while (*link != node) {
        bool left;

        assert(*link);
        left = before(node, *link);
        (*link)->smaller -= left;
        link = left ? &(*link)->left : &(*link)->right;
    }
    *link = join(node->left, node->smaller, node->right);
    node->left = NULL;
    node->right = NULL;
    order->count--;
}

void order_replace(struct order *order, struct order_node *old, struct order_node *node)
{
    struct order_node **link = &order->root;

    while (*link != old) {
        assert(*link);
        link = before(old, *link) ? &(*link)->left : &(*link)->right;
    }
    *node = *old;
    *link = node;
    old->left = NULL;
    old->right = NULL;
}

struct order_node *order_find(const struct order *order, uint64_t key, uint64_t seq)
{
    const struct order_node wanted = {.key = key, .seq = seq};
    struct order_node *at = order->root;

    while (at && (at->key != key || at->seq != seq))
        at = before(&wanted, at) ? at->left : at->right;
    return at;
}

unsigned order_rank_of(const struct order *order, uint64_t key, uint64_t seq)
{
    const struct order_node wanted = {.key = key, .seq = seq};
    const struct order_node *at = order->root;
    unsigned rank = 0;

    while (at) {
        if (!before(at, &wanted)) {
            at = at->left;
            continue;
        }
        rank += 1 + at->smaller;
        at = at->right;
    }
    return rank;
}

unsigned order_rank(const struct order *order, const struct order_node *node)
{
    const struct order_node *at = order->root;
    unsigned rank = 0;

    while (at != node) {
        assert(at);
        if (before(node, at)) {
            at = at->left;
            continue;
        }
        rank += 1 + at->smaller;
        at = at->right;
    }
    return rank + at->smaller;
}

struct order_node *order_at(const struct order *order, unsigned rank)
{
    struct order_node *at = order->root;

    while (at && rank != at->smaller) {
        if (rank < at->smaller) {
            at = at->left;
            continue;
        }
        rank -= 1 + at->smaller;
        at = at->right;
    }
    return at;
}
