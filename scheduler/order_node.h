/* order_node.h - the nodes of order.c, and what needs only one of them or two. */
#ifndef SLUICE_ORDER_NODE_H
#define SLUICE_ORDER_NODE_H

#include <assert.h>
#include <string.h>

#include "scheduler/order.h"

#define LEAF       32
#define INNER      28 /* as many as make it no larger than a leaf */
#define WORTH      4  /* so much room makes it worth to share with a neighbour */
#define LEAF_JOIN  28 /* so many together become one */
#define INNER_JOIN 24

/* Leaves and inner nodes are of one size, so that a spare one is good for both. */
struct order_node {
    struct order_node *next; /* among the spare ones, and while all are moved together */
    uint32_t used;
    uint8_t first; /* of a leaf: where its entries begin, for most are taken from the front */
    uint8_t room;  /* and how many fit */
    union {
        struct {
            uint8_t tags[LEAF]; /* a hash of each key: to find one without a look at many */
            struct order_entry entries[LEAF];
        };
        struct {
            uint32_t counts[INNER];        /* entries below each child */
            struct order_key least[INNER]; /* none of the child comes before, all of those left of it do */
            struct order_node *children[INNER];
        };
    };
};

static inline bool before(struct order_key a, struct order_key b)
{
    return (a.key < b.key) | ((a.key == b.key) & (a.seq < b.seq));
}

static inline uint8_t mix(struct order_key key)
{
    return (uint8_t)(((key.seq ^ key.key * 0x9e3779b97f4a7c15U) * 0xbf58476d1ce4e5b9U) >> 56);
}

static inline struct order_entry *entry_at(struct order_node *leaf, unsigned at)
{
    return &leaf->entries[leaf->first + at];
}

static inline struct order_key key_at(const struct order_node *leaf, unsigned at)
{
    return leaf->entries[leaf->first + at].key;
}

/* The child below which the key is, or belongs. */
static inline unsigned child_of(const struct order_node *inner, struct order_key key)
{
    unsigned low = 0, count = inner->used - 1;

    /* Most come last and are taken from the front. */
    if (count == 0 || !before(key, inner->least[count]))
        return count;
    if (before(key, inner->least[1]))
        return 0;
    while (count > 0) {
        unsigned half = count / 2;
        bool right = !before(key, inner->least[low + half + 1]);

        low += right ? half + 1 : 0;
        count = right ? count - half - 1 : half;
    }
    return low;
}

/* How many of the leaf come before that key. */
static inline unsigned place_for(const struct order_node *leaf, struct order_key key)
{
    unsigned low = 0, count = leaf->used;

    if (count == 0 || before(key_at(leaf, count - 1), key))
        return count;                       /* most come last */
    for (unsigned i = 0; i < count; i += 2) /* the search would meet one cache miss after the other */
        __builtin_prefetch(&leaf->entries[leaf->first + i]);
    while (count > 0) {
        unsigned half = count / 2;
        bool right = before(key_at(leaf, low + half), key);

        low += right ? half + 1 : 0;
        count = right ? count - half - 1 : half;
    }
    return low;
}

/* The place in a leaf of the entry with that key, which is there. */
static inline unsigned place_of(const struct order_node *leaf, struct order_key key)
{
    uint8_t tag = mix(key);
    const uint8_t *first = leaf->tags + leaf->first, *end = first + leaf->used, *found = first, *other;

    for (;;) {
        found = memchr(found, tag, (size_t)(end - found));
        assert(found);
        other = memchr(found + 1, tag, (size_t)(end - found - 1));
        if (!other || !before(key_at(leaf, (unsigned)(found - first)), key))
            return (unsigned)(found - first);
        found = other;
    }
}

/* Places come in between, with whatever is in them. */
static inline void open_places(struct order_node *leaf, unsigned at, unsigned count)
{
    unsigned from = leaf->first, to = from;

    if (at == 0 && from >= count) {
        leaf->first = (uint8_t)(from - count);
        leaf->used += count;
        return;
    }
    if (from + leaf->used + count > leaf->room) {
        to = 0;
        memmove(&leaf->tags[0], &leaf->tags[from], at);
        memmove(&leaf->entries[0], &leaf->entries[from], at * sizeof(struct order_entry));
    }
    memmove(&leaf->tags[to + at + count], &leaf->tags[from + at], leaf->used - at);
    memmove(&leaf->entries[to + at + count], &leaf->entries[from + at],
            (leaf->used - at) * sizeof(struct order_entry));
    leaf->first = (uint8_t)to;
    leaf->used += count;
}

static inline void close_places(struct order_node *leaf, unsigned at, unsigned count)
{
    unsigned behind = leaf->used - at - count, place = leaf->first + at;

    leaf->used -= count;
    if (at == 0) {
        leaf->first = (uint8_t)(leaf->used > 0 ? place + count : 0);
        return;
    }
    memmove(&leaf->tags[place], &leaf->tags[place + count], behind);
    memmove(&leaf->entries[place], &leaf->entries[place + count], behind * sizeof(struct order_entry));
}

static inline void put(struct order_node *leaf, unsigned at, const struct order_entry *entry)
{
    open_places(leaf, at, 1);
    leaf->tags[leaf->first + at] = mix(entry->key);
    *entry_at(leaf, at) = *entry;
}

static inline void move(struct order_node *from, unsigned from_at, struct order_node *to, unsigned to_at,
                        unsigned count)
{
    open_places(to, to_at, count);
    memcpy(&to->tags[to->first + to_at], &from->tags[from->first + from_at], count);
    memcpy(entry_at(to, to_at), entry_at(from, from_at), count * sizeof(struct order_entry));
    close_places(from, from_at, count);
}

static inline void insert_child(struct order_node *inner, unsigned at, struct order_node *child,
                                struct order_key least, uint32_t count)
{
    unsigned behind = inner->used - at;

    memmove(&inner->counts[at + 1], &inner->counts[at], behind * sizeof(inner->counts[0]));
    memmove(&inner->least[at + 1], &inner->least[at], behind * sizeof(inner->least[0]));
    for (unsigned i = inner->used; i > at; i--)
        inner->children[i] = inner->children[i - 1];
    inner->counts[at] = count;
    inner->least[at] = least;
    inner->children[at] = child;
    inner->used++;
}

static inline void remove_child(struct order_node *inner, unsigned at)
{
    unsigned behind = --inner->used - at;

    memmove(&inner->counts[at], &inner->counts[at + 1], behind * sizeof(inner->counts[0]));
    memmove(&inner->least[at], &inner->least[at + 1], behind * sizeof(inner->least[0]));
    for (unsigned i = at; i < inner->used; i++)
        inner->children[i] = inner->children[i + 1];
}

/* Moves the children from that one on behind those of the other node. Gives how many entries go with them. */
static inline uint32_t move_children(struct order_node *from, unsigned at, struct order_node *to)
{
    uint32_t count = 0;

    for (unsigned i = at; i < from->used; i++) {
        insert_child(to, to->used, from->children[i], from->least[i], from->counts[i]);
        count += from->counts[i];
    }
    from->used = at;
    return count;
}

#endif
