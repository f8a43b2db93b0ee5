/* order.h - a sorted set with ranks: a B+ tree that counts what lies below each of its nodes.
 *
 * Entries are sorted by key, then by seq; the pair must be unique within the order. Every operation is
 * O(log n), and three or four steps lead anywhere among a million.
 *
 * What has been reserved always finds room: insertion cannot fail. It asks for more memory to remain quick
 * (not all leaves are full), and where there is none, it moves all entries together, in O(n). */
#ifndef SLUICE_ORDER_H
#define SLUICE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order_key {
    uint64_t key, seq;
};

struct order_entry {
    struct order_key key;
    void *item; /* borrowed, and never looked into */
};

struct order_node;

struct order { /* all zeros: an empty one */
    struct order_node *root, *spare;
    uint32_t count;
    uint32_t nodes, least; /* nodes in the tree and spare ones; so many are kept */
    uint32_t reserved;     /* for entries that fill so many leaves */
    uint8_t levels;        /* of inner nodes above the leaves */
};

static inline unsigned order_count(const struct order *order)
{
    return order->count;
}

/* From now on there is room for so many entries, those that are in it included. 0, or -ENOMEM, and then
 * nothing has changed; to reserve less never fails. An empty order for which nothing is reserved has no
 * memory. */
int order_reserve(struct order *order, unsigned entries);

/* There must be room for what comes; what goes must be there. */
void order_insert(struct order *order, struct order_key key, void *item);
void order_remove(struct order *order, struct order_key key);
/* There must be one. */
struct order_entry order_take_first(struct order *order);

/* Borrowed until the order changes. The first entry; NULL when empty. */
const struct order_entry *order_first(const struct order *order);
/* The entry with that key; NULL when there is none. */
const struct order_entry *order_find(const struct order *order, struct order_key key);
/* The entry of that rank; NULL beyond the end. */
const struct order_entry *order_at(const struct order *order, unsigned rank);
/* The first entry that does not come before that key; NULL when all do. */
const struct order_entry *order_seek(const struct order *order, struct order_key key);

/* How many come before the one with that key, which must be there. */
unsigned order_rank(const struct order *order, struct order_key key);

#endif
