/* cache_room.h - an entry of the cache and its way in and out, within a transaction of the writer's: the
 * answer, its place in the index of ends, and what is remembered of a failure. Three databases that change
 * together.
 *
 * All functions return LMDB's code. */
#ifndef SLUICE_CACHE_ROOM_H
#define SLUICE_CACHE_ROOM_H

#include "common/failure.h"
#include "fetcher/cache_file.h"

/* Removes up to `most` answers whose time ends before `until_us`, soonest first; *removed counts. */
int cache_room_expire(const struct cache_file *file, MDB_txn *txn, int64_t until_us, unsigned most,
                      unsigned *removed);

/* Removes live ones, soonest to end first, while the cache is over its mark; `most` at most. */
int cache_room_make(const struct cache_file *file, MDB_txn *txn, size_t coming, unsigned most,
                    unsigned *removed);

/* In place of what that key has. */
int cache_room_put(const struct cache_file *file, MDB_txn *txn, const struct cache_key *key,
                   const struct answer *answer);

/* MDB_NOTFOUND when it has nothing. */
int cache_room_remove(const struct cache_file *file, MDB_txn *txn, const struct cache_key *key);

/* Adds a failure to what is remembered of that key. MDB_NOTFOUND when it has no answer that is good until
 * then: nothing is gained by a pause. */
int cache_room_fail(const struct cache_file *file, MDB_txn *txn, const struct cache_key *key,
                    const struct failure_policy *policy, enum reason reason, int64_t now_wall_us);

#endif
