/* cache_writer.h - the writer's side of the answer cache (common/cache.h is the readers').
 *
 * Bounded in bytes: what has expired leaves first, then what would expire soonest, in small batches, so that
 * no store ever stalls the loop. Whatever goes wrong with the disk, the cache is at worst without a file:
 * then nothing is found, nothing is stored, and each tick tries again. */
#ifndef SLUICE_CACHE_WRITER_H
#define SLUICE_CACHE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cache.h"
#include "common/failure.h"

struct cache_writer;

struct cache_writer_stats {
    uint64_t stores_total;
    uint64_t errors_total;  /* answers that could not be stored */
    uint64_t evicted_total; /* expired ones included */
    uint64_t entries;       /* as of the last tick */
};

/* Something to log. */
struct cache_note {
    const char *event; /* "cache_opened", "cache_set_aside", "cache_discarded", "cache_lost" */
    const char *why;   /* lives for ever */
    bool grave;
};

/* Opens CACHE_DIR's file and takes the writer's lock. cache_dir is there already. 0 also when the disk
 * refuses: then there is no cache for now. -EBUSY: another fetcher writes it; -ENOMEM; -ENAMETOOLONG. */
int cache_writer_open(const char *cache_dir, int64_t max_bytes, struct cache_writer **writer);
void cache_writer_close(struct cache_writer *writer); /* syncs once; takes NULL */

/* As cache_find() and cache_release(): LMDB forbids to open one file twice in a process. */
int cache_writer_find(struct cache_writer *writer, const struct cache_key *key, struct answer *answer);
/* As cache_find_failure(). */
int cache_writer_find_failure(struct cache_writer *writer, const struct cache_key *key,
                              struct failure *failure);
void cache_writer_release(struct cache_writer *writer);

/* Stores the answer, in place of an older one; ends the borrowing of answers that were found. Borrows. 0;
 * -EFBIG: it would take more than an eighth of the cache; -ENOSPC: no room, even after eviction; -ENODEV: no
 * file; or what the disk says. */
int cache_writer_store(struct cache_writer *writer, const struct cache_key *key, const struct answer *answer,
                       int64_t now_wall_us);

/* Removes that answer; ends the borrowing of those that were found. 0; -ENOENT: it is not there; or as from
 * cache_writer_store(). */
int cache_writer_remove(struct cache_writer *writer, const struct cache_key *key);

/* Remembers beside that answer that an attempt has failed, until it is replaced; ends the borrowing. 0;
 * -ENOENT: there is none, or it is too old to stand in; or as from cache_writer_store(). */
int cache_writer_fail(struct cache_writer *writer, const struct cache_key *key,
                      const struct failure_policy *policy, enum reason reason, int64_t now_wall_us);

/* Removes every answer; ends the borrowing of those that were found. Gives their number. 0 or as from
 * cache_writer_store(). What is on its way to the provider is stored as ever when it comes. */
int cache_writer_purge(struct cache_writer *writer, uint64_t *removed);

/* Once a second: frees the slots of dead readers, removes some of what has expired, opens a missing file. */
void cache_writer_tick(struct cache_writer *writer, int64_t now_wall_us);

/* Gives the next thing to log; false when there is none. */
bool cache_writer_note(struct cache_writer *writer, struct cache_note *note);

const struct cache_writer_stats *cache_writer_stats(const struct cache_writer *writer);

#endif
