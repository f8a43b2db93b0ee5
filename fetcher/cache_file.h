/* cache_file.h - the cache's LMDB file as its only writer sees it: locked, opened, checked, set aside,
 * rebuilt.
 *
 * Commits are not synced (a sync would be 70 times dearer, in the thread that paces), so after a reboot that
 * came unasked the file cannot be trusted. A stamp beside it says which boot wrote it, how large it was made,
 * and whether it was closed or is just being opened: a file on which an opening died is not opened again. The
 * file is as long as its map from the start (sparse), so that one that was cut shows, and nobody who maps it
 * reads beyond its end. */
#ifndef SLUICE_CACHE_FILE_H
#define SLUICE_CACHE_FILE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/cache.h"

#define CACHE_EXPIRY_DATABASE "expiry" /* stale_wall_us (big endian) and key -> nothing */
#define CACHE_EXPIRY_BYTES    (8 + MESSAGE_KEY_BYTES)

struct cache_file {
    char dir[CACHE_PATH_BYTES];
    size_t max_bytes;
    int lock_fd;  /* -1: not locked yet */
    MDB_env *env; /* NULL: closed */
    MDB_dbi answers, expiry, failures;
};

/* What happened to a file that could not be used: for the log. */
enum cache_file_fate { CACHE_FILE_KEPT, CACHE_FILE_DISCARDED, CACHE_FILE_SET_ASIDE };

struct cache_file_report {
    enum cache_file_fate fate; /* of what was found */
    const char *why;           /* of the fate; lives for ever */
    bool created;              /* there was none, or it was not kept */
};

/* Nothing on the disk is touched. -ENAMETOOLONG. */
int cache_file_init(struct cache_file *file, const char *cache_dir, int64_t max_bytes);
void cache_file_done(struct cache_file *file); /* closes and unlocks */

/* Locks (once) and opens the file. A file that is no sound cache of ours, as far as can be told, becomes
 * CACHE_FILE.bad, and a new one is made. 0; -EBUSY: another writer holds the lock; or what the disk says. */
int cache_file_open(struct cache_file *file, struct cache_file_report *report);
/* Closes it in order: it will be trusted after a reboot. */
void cache_file_close(struct cache_file *file);
/* Closes it for good: the next opening sets it aside. */
void cache_file_condemn(struct cache_file *file);
/* Closes and removes it. */
void cache_file_discard(struct cache_file *file);
/* Whether the open file is still the one of its name. */
bool cache_file_is_there(const struct cache_file *file);

#endif
