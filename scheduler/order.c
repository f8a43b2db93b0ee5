/* order.c - see order.h. Nodes have no parent pointers: every operation walks down from the root, which
 * finds its way by key and seq. */
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

static uint32_t count_of(const struct order_node *node)
{
    return node ? node->count : 0;
}

static void recount(struct order_node *node)
{
    node->count = 1 + count_of(node->left) + count_of(node->right);
}

/* Splits the tree into what comes before the node and what comes after. Recursion is as deep as the path:
 * O(log n) expected, about 50 at a million nodes. */
static void split(struct order_node *tree, const struct order_node *at, struct order_node **less,
                  struct order_node **more)
{
    if (!tree) {
        *less = NULL;
        *more = NULL;
        return;
    }
    if (before(tree, at)) {
        *less = tree;
        split(tree->right, at, &tree->right, more);
    } else {
        *more = tree;
        split(tree->left, at, less, &tree->left);
    }
    recount(tree);
}

/* Joins two trees, all of the first before all of the second. */
static struct order_node *join(struct order_node *less, struct order_node *more)
{
    if (!less || !more)
        return less ? less : more;
    if (weight(less) > weight(more)) {
        less->right = join(less->right, more);
        recount(less);
        return less;
    }
    more->left = join(less, more->left);
    recount(more);
    return more;
}

void order_insert(struct order *order, struct order_node *node)
{
    struct order_node **link = &order->root;
    uint64_t mine = weight(node);

    while (*link && weight(*link) >= mine) {
        (*link)->count++;
        link = before(node, *link) ? &(*link)->left : &(*link)->right;
    }
    split(*link, node, &node->left, &node->right);
    recount(node);
    *link = node;
}

void order_remove(struct order *order, struct order_node *node)
{
    struct order_node **link = &order->root;

    while (*link != node) {
        assert(*link);
        (*link)->count--;
        link = before(node, *link) ? &(*link)->left : &(*link)->right;
    }
    *link = join(node->left, node->right);
    node->left = NULL;
    node->right = NULL;
    node->count = 0;
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
    old->count = 0;
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
        rank += 1 + count_of(at->left);
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
        rank += 1 + count_of(at->left);
        at = at->right;
    }
    return rank + count_of(at->left);
}

struct order_node *order_at(const struct order *order, unsigned rank)
{
    struct order_node *at = order->root;

    while (at && rank != count_of(at->left)) {
        if (rank < count_of(at->left)) {
            at = at->left;
            continue;
        }
        rank -= 1 + count_of(at->left);
        at = at->right;
    }
    return at;
}
