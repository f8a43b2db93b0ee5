/* order.c - see order.h. A full leaf first shares with its neighbours, so that nine of ten places are taken
 * before it splits; what is appended leaves full leaves behind. A node joins its neighbour when both fit into
 * one with some room to spare, so that it does not split and join again and again. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "scheduler/order_node.h"

#define LEVELS_MAX 16 /* of inner nodes: 2^32 entries need fewer */

struct step {
    struct order_node *inner;
    unsigned at; /* of its child that is next */
};

struct path {
    struct step steps[LEVELS_MAX]; /* from the root */
    struct order_node *leaf;
};

static void descend(const struct order *order, struct order_key key, struct path *path)
{
    struct order_node *node = order->root;

    for (unsigned level = 0; level < order->levels; level++) {
        path->steps[level] = (struct step){.inner = node, .at = child_of(node, key)};
        node = node->children[path->steps[level].at];
    }
    path->leaf = node;
}

/* The leaf where the key is, or belongs, and how many entries come before that leaf. */
static const struct order_node *find_leaf(const struct order *order, struct order_key key, unsigned *rank)
{
    const struct order_node *node = order->root;

    *rank = 0;
    for (unsigned level = 0; level < order->levels; level++) {
        unsigned at = child_of(node, key);

        for (unsigned i = 0; i < at; i++)
            *rank += node->counts[i];
        node = node->children[at];
    }
    return node;
}

/* The leaf with the entry of that rank, which becomes its rank there. */
static const struct order_node *find_rank(const struct order *order, unsigned *rank)
{
    const struct order_node *node = order->root;

    for (unsigned level = 0; level < order->levels; level++) {
        unsigned at = 0;

        while (*rank >= node->counts[at])
            *rank -= node->counts[at++];
        node = node->children[at];
    }
    return node;
}

/* So many more, or fewer, are in the leaf to which the path leads. */
static void count_in(struct order *order, const struct path *path, int more)
{
    for (unsigned level = 0; level < order->levels; level++)
        path->steps[level].inner->counts[path->steps[level].at] += (uint32_t)more;
    order->count += (uint32_t)more;
}

static struct order_node *take_spare(struct order *order)
{
    struct order_node *node = order->spare;

    order->spare = node->next;
    node->next = NULL;
    node->used = 0;
    node->first = 0;
    node->room = LEAF;
    return node;
}

static void keep_spare(struct order *order, struct order_node *node)
{
    node->next = order->spare;
    order->spare = node;
}

static void trim(struct order *order)
{
    while (order->spare && order->nodes > order->least) {
        struct order_node *node = order->spare;

        order->spare = node->next;
        order->nodes--;
        free(node);
    }
}

/* So many nodes at least, and so many spare ones. False when out of memory. */
static bool fill(struct order *order, uint32_t nodes, unsigned spare)
{
    for (const struct order_node *node = order->spare; node && spare > 0; node = node->next)
        spare--;
    for (; order->nodes < nodes || spare > 0; spare -= spare > 0) {
        struct order_node *node = malloc(sizeof(*node));

        if (!node)
            return false;
        order->nodes++;
        keep_spare(order, node);
    }
    return true;
}

/* The first leaf is no larger than needs be: many orders have few entries. */
static bool make_first(struct order *order, unsigned room)
{
    size_t bytes = offsetof(struct order_node, entries) + room * sizeof(struct order_entry);
    struct order_node *root = realloc(order->root, bytes);

    if (!root)
        return false;
    if (!order->root) {
        root->used = 0;
        root->first = 0;
        order->nodes++;
    }
    root->room = (uint8_t)room;
    order->root = root;
    return true;
}

int order_reserve(struct order *order, unsigned entries)
{
    uint32_t leaves = entries / LEAF + (entries % LEAF > 0), least = leaves;
    unsigned room = order->levels > 0 ? LEAF : order->root ? order->root->room : 0, wanted = 1;

    if (leaves == order->reserved && leaves > 1)
        return 0;
    for (uint32_t nodes = leaves; nodes > 1; least += nodes)
        nodes = (nodes + INNER - 1) / INNER;
    while (wanted < LEAF && wanted < entries)
        wanted *= 2;
    if ((entries > 0 && wanted > room && !make_first(order, wanted)) || !fill(order, least, 0)) {
        trim(order);
        return -ENOMEM;
    }
    order->least = least;
    order->reserved = leaves;
    if (entries == 0 && order->root) {
        keep_spare(order, order->root);
        order->root = NULL;
    }
    trim(order);
    return 0;
}

/* Entries have gone from a leaf to the next one, or the other way round. */
static void recount(struct order_node *parent, unsigned at)
{
    const struct order_node *left = parent->children[at], *right = parent->children[at + 1];

    parent->counts[at] = left->used;
    parent->counts[at + 1] = right->used;
    if (right->used > 0)
        parent->least[at + 1] = key_at(right, 0);
}

/* A neighbour of a full leaf takes half of what it has room for. */
static bool share(struct order_node *parent, unsigned at)
{
    struct order_node *leaf = parent->children[at];
    struct order_node *left = at > 0 ? parent->children[at - 1] : leaf;
    struct order_node *right = at + 1 < parent->used ? parent->children[at + 1] : leaf;

    if (LEAF - left->used >= WORTH) {
        move(leaf, 0, left, left->used, (LEAF - left->used + 1) / 2);
        recount(parent, at - 1);
        return true;
    }
    if (LEAF - right->used >= WORTH) {
        unsigned count = (LEAF - right->used + 1) / 2;

        move(leaf, LEAF - count, right, 0, count);
        recount(parent, at);
        return true;
    }
    return false;
}

/* A new node right of the one to which the path leads, with so many entries of that one. What is full above
 * it splits; enough nodes are spare. */
static void add_right(struct order *order, const struct path *path, struct order_node *node,
                      struct order_key least, uint32_t count)
{
    struct order_node *inner, *right;

    for (unsigned level = order->levels; level > 0; level--) {
        unsigned at = path->steps[level - 1].at + 1, from = at == INNER ? INNER : INNER / 2;
        uint32_t gone;

        inner = path->steps[level - 1].inner;
        inner->counts[at - 1] -= count;
        if (inner->used < INNER) {
            insert_child(inner, at, node, least, count);
            return;
        }
        right = take_spare(order);
        gone = move_children(inner, from, right);
        if (at < from) {
            insert_child(inner, at, node, least, count);
        } else {
            insert_child(right, at - from, node, least, count);
            gone += count;
        }
        node = right;
        least = right->least[0];
        count = gone;
    }
    inner = take_spare(order);
    insert_child(inner, 0, order->root, least, order->count - count);
    insert_child(inner, 1, node, least, count);
    order->root = inner;
    order->levels++;
}

/* Half of a full leaf goes to a new one; of one at whose end the key belongs, nothing: more are likely to
 * follow it. False when out of memory. */
static bool split(struct order *order, const struct path *path, struct order_key key)
{
    unsigned at = place_for(path->leaf, key), from = at == LEAF ? LEAF : LEAF / 2, level = order->levels;
    struct order_node *right;

    while (level > 0 && path->steps[level - 1].inner->used == INNER)
        level--;
    if (!fill(order, 0, 1 + order->levels - level + (level == 0)))
        return false;
    right = take_spare(order);
    move(path->leaf, from, right, 0, LEAF - from);
    add_right(order, path, right, from < LEAF ? key_at(right, 0) : key, right->used);
    return true;
}

/* Takes the tree apart: its leaves into a list, in order; its inner nodes are spare. Gives the list's end. */
static struct order_node **take_apart(struct order *order, struct order_node *node, unsigned level,
                                      struct order_node **end)
{
    if (level == order->levels) {
        *end = node;
        return &node->next;
    }
    for (unsigned i = 0; i < node->used; i++)
        end = take_apart(order, node->children[i], level + 1, end);
    keep_spare(order, node);
    return end;
}

static uint32_t count_below(const struct order *order, const struct order_node *node)
{
    uint32_t count = 0;

    if (order->levels == 0)
        return node->used;
    for (unsigned i = 0; i < node->used; i++)
        count += node->counts[i];
    return count;
}

/* Puts a level of inner nodes above a list of nodes. Gives their list. */
static struct order_node *raise_level(struct order *order, struct order_node *children)
{
    struct order_node *parents = NULL, **end = &parents;

    while (children) {
        struct order_node *parent = take_spare(order);

        for (; children && parent->used < INNER; children = children->next)
            insert_child(parent, parent->used, children,
                         order->levels == 0 ? key_at(children, 0) : children->least[0],
                         count_below(order, children));
        *end = parent;
        end = &parent->next;
    }
    order->levels++;
    return parents;
}

/* Moves the entries of a list of leaves together. Gives the last leaf that has any. */
static struct order_node *compact(struct order_node *leaves)
{
    struct order_node *to = leaves, *from = leaves->next;

    while (from) {
        unsigned room = LEAF - to->used, count = from->used < room ? from->used : room;

        move(from, 0, to, to->used, count);
        if (from->used == 0) {
            from = from->next;
            continue;
        }
        to = to->next;
        if (to == from)
            from = from->next;
    }
    return to;
}

/* Without memory for another node: all entries are moved together, and the new one comes in among them. What
 * that needs has been reserved. */
static void pack(struct order *order, struct order_entry entry)
{
    struct order_node *leaves = NULL, *leaf, *last, *rest;
    unsigned at;

    *take_apart(order, order->root, 0, &leaves) = NULL;
    assert(leaves);
    last = compact(leaves);
    for (rest = last->next; rest; rest = leaf) {
        leaf = rest->next;
        keep_spare(order, rest);
    }
    last->next = last->used == LEAF ? take_spare(order) : NULL;
    for (leaf = leaves; leaf->next && place_for(leaf, entry.key) == LEAF;)
        leaf = leaf->next;
    for (at = place_for(leaf, entry.key); leaf->next; at = 0) { /* its last one is pushed over */
        struct order_entry over = *entry_at(leaf, LEAF - 1);

        leaf->used--;
        put(leaf, at, &entry);
        entry = over;
        leaf = leaf->next;
    }
    put(leaf, at, &entry);
    order->levels = 0;
    for (order->root = leaves; order->root->next;)
        order->root = raise_level(order, order->root);
}

/* The path leads to the leaf where the entry belongs. */
static void insert(struct order *order, struct path *path, const struct order_entry *entry)
{
    const struct step *up = order->levels > 0 ? &path->steps[order->levels - 1] : NULL;

    if (path->leaf->used == LEAF) {
        if (!(up && share(up->inner, up->at)) && !split(order, path, entry->key)) {
            pack(order, *entry);
            order->count++;
            return;
        }
        descend(order, entry->key, path);
    }
    put(path->leaf, place_for(path->leaf, entry->key), entry);
    count_in(order, path, 1);
}

void order_insert(struct order *order, struct order_key key, void *item)
{
    struct path path;

    descend(order, key, &path);
    insert(order, &path, &(struct order_entry){.key = key, .item = item});
}

/* Two neighbours become one where they fit. Gives which of the parent's children is empty now, or -1. */
static int join(struct order_node *parent, unsigned at, bool leaves)
{
    unsigned used = parent->children[at]->used, most = leaves ? LEAF_JOIN : INNER_JOIN;
    struct order_node *left, *right;

    if (used == 0)
        return (int)at;
    if (used > most / 2) /* its neighbour, should it be smaller, has looked */
        return -1;
    if (at > 0 && parent->children[at - 1]->used + used <= most)
        at--;
    else if (at + 1 == parent->used || parent->children[at + 1]->used + used > most)
        return -1;
    left = parent->children[at];
    right = parent->children[at + 1];
    if (leaves) {
        move(right, 0, left, left->used, right->used);
        recount(parent, at);
    } else {
        right->least[0] = parent->least[at + 1];
        parent->counts[at] += move_children(right, 0, left);
    }
    return (int)at + 1;
}

/* An entry has gone from the leaf to which the path leads. */
static void shrink(struct order *order, const struct path *path)
{
    for (unsigned level = order->levels; level > 0; level--) {
        const struct step *up = &path->steps[level - 1];
        int empty = join(up->inner, up->at, level == order->levels);

        if (empty < 0)
            break;
        keep_spare(order, up->inner->children[empty]);
        remove_child(up->inner, (unsigned)empty);
    }
    while (order->levels > 0 && order->root->used == 1) {
        struct order_node *root = order->root;

        order->root = root->children[0];
        order->levels--;
        keep_spare(order, root);
    }
    trim(order);
}

void order_remove(struct order *order, struct order_key key)
{
    struct path path;

    descend(order, key, &path);
    close_places(path.leaf, place_of(path.leaf, key), 1);
    count_in(order, &path, -1);
    shrink(order, &path);
}

struct order_entry order_take_first(struct order *order)
{
    struct order_node *node = order->root;
    struct order_entry first;
    struct path path;

    for (unsigned level = 0; level < order->levels; level++) {
        path.steps[level] = (struct step){.inner = node, .at = 0};
        node = node->children[0];
    }
    path.leaf = node;
    first = *entry_at(node, 0);
    close_places(node, 0, 1);
    count_in(order, &path, -1);
    shrink(order, &path);
    return first;
}

const struct order_entry *order_first(const struct order *order)
{
    struct order_node *node = order->root;

    for (unsigned level = 0; level < order->levels; level++)
        node = node->children[0];
    return order->count > 0 ? entry_at(node, 0) : NULL;
}

const struct order_entry *order_find(const struct order *order, struct order_key key)
{
    struct order_node *node = order->root;
    unsigned at;

    if (order->count == 0)
        return NULL;
    for (unsigned level = 0; level < order->levels; level++)
        node = node->children[child_of(node, key)];
    at = place_for(node, key);
    return at < node->used && !before(key, key_at(node, at)) ? entry_at(node, at) : NULL;
}

const struct order_entry *order_at(const struct order *order, unsigned rank)
{
    const struct order_node *leaf;

    if (rank >= order->count)
        return NULL;
    leaf = find_rank(order, &rank);
    return &leaf->entries[leaf->first + rank];
}

const struct order_entry *order_seek(const struct order *order, struct order_key key)
{
    unsigned rank;
    const struct order_node *leaf = find_leaf(order, key, &rank);

    return leaf ? order_at(order, rank + place_for(leaf, key)) : NULL;
}

unsigned order_rank(const struct order *order, struct order_key key)
{
    unsigned rank;
    const struct order_node *leaf = find_leaf(order, key, &rank);

    return rank + place_of(leaf, key);
}
