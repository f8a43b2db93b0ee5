/* table.h - things that are found by 16 bytes within each: a hash table whose size is fixed at birth.
 *
 * It never grows, so nothing ever waits for a million entries to move, and an entry takes 11 bytes where all
 * are in use (uthash: 56 in the thing itself, and more beside). Open addressing, Robin Hood: who is farther
 * from home goes first, so that how far says whose home it is, and a look-up reads few things but the one it
 * wants. Keys are mixed, but not secretly: nobody outside may choose them. Pure. */
#ifndef SLUICE_TABLE_H
#define SLUICE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define TABLE_KEY_BYTES 16

struct table {
    void **things; /* NULL where it is free */
    uint8_t *away; /* how far the thing is from home */
    uint32_t homes, limit, count;
    uint32_t key_at; /* where in a thing its key lies */
};

/* For so many things. 0 or -ENOMEM. */
int table_init(struct table *table, uint32_t limit, size_t key_at);
void table_done(struct table *table); /* the things stay yours; takes one that is all zeros */

/* NULL when there is none. */
void *table_find(const struct table *table, const void *key);
/* Borrows the thing until it is removed; its key is new, and stays. 0, or -ENOSPC at the limit (or where far
 * too many have the same home). */
int table_add(struct table *table, void *thing);
void table_remove(struct table *table, const void *thing); /* must be in it */

#endif
