/* order.h - a sorted set with ranks: a B+ tree that counts what lies below each of its nodes.
 *
 * Members are sorted by key, then by seq; the pair must be unique within the order. Every operation is
 * O(log n), and three or four steps lead anywhere among a million. A plain order keeps an item or a number
 * with each member. An order of bits keeps nothing but the members, up to 64 with neighbouring seqs in one
 * entry: where many are neighbours it takes next to no memory, and all of it is in the cache.
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
    struct order_key key; /* of bits: seq / 64 */
    union {
        void *item; /* borrowed, and never looked into */
        uint64_t number;
    };
};

struct order_node;

struct order { /* all zeros: an empty plain one; but for `bits`, an empty one of bits */
    struct order_node *root, *spare;
    uint32_t count, entries; /* members; as many entries, or fewer of bits */
    uint32_t nodes, least;   /* nodes in the tree and spare ones; so many are kept */
    uint8_t levels;          /* of inner nodes above the leaves */
    uint8_t room;            /* of a first leaf that is small yet */
    bool bits;
};

static inline unsigned order_count(const struct order *order)
{
    return order->count;
}

/* From now on there is room for so many entries, those that are in it included. 0, or -ENOMEM, and then
 * nothing has changed; to reserve less never fails. An empty order for which nothing is reserved has no
 * memory. */
int order_reserve(struct order *order, unsigned entries);

/* Of a plain order. There must be room for what comes; what goes must be there. */
void order_insert(struct order *order, struct order_key key, void *item);
void order_insert_number(struct order *order, struct order_key key, uint64_t number);
void order_remove(struct order *order, struct order_key key);
struct order_entry order_take(struct order *order, unsigned rank); /* takes out the one of that rank */

/* Borrowed until the order changes. The entry of that rank; NULL beyond the end. */
const struct order_entry *order_at(const struct order *order, unsigned rank);
/* The first entry that does not come before that key; NULL when all do. */
const struct order_entry *order_seek(const struct order *order, struct order_key key);

/* Of an order of bits. There must be room for one more entry; what goes must be there. */
void order_set(struct order *order, struct order_key key);
void order_clear(struct order *order, struct order_key key);
/* The member of that rank, which must be there. */
struct order_key order_bit_at(const struct order *order, unsigned rank);

/* Of either. How many members come before that one, which must be there. */
unsigned order_rank(const struct order *order, struct order_key key);

#endif
