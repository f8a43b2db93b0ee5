/* cache.h - the reader's side of the answer cache: an LMDB file that the fetcher writes and all others map.
 *
 * Look-ups cost no system call and see the last commit. A reader works without the file as long as there is
 * none; it finds it at the next look-up, and a rebuilt one at the next cache_tick(). Files are 0600: bodies
 * may hold personal data. Keys are hashes with a secret, so that a key on disk or in a log tells nothing. */
#ifndef SLUICE_CACHE_H
#define SLUICE_CACHE_H

#include <stdint.h>

#include "common/answer.h"
#include "common/failure.h"
#include "common/message.h"

struct cache;

/* The file's layout, for the writer: LMDB without a folder of its own, in CACHE_DIR; key -> answer record,
 * and key -> what is remembered of a failed attempt (failure.h). */
#define CACHE_FILE          "answers.mdb"
#define CACHE_DATABASE      "answers"
#define CACHE_FAILURES      "failures"
#define CACHE_DATABASES_MAX 4 /* named ones: the writer keeps others beside it */
#define CACHE_PATH_BYTES    1152

struct cache_key {
    unsigned char bytes[MESSAGE_KEY_BYTES];
};

/* The stack's secret for keys: reads STATE_DIR/cache.key (0600), which the first to come makes (the directory
 * is there already). 0 or -errno; -EBADMSG when the file is not one. */
#define CACHE_SECRET_BYTES 32
int cache_secret_load(const char *state_dir, unsigned char secret[CACHE_SECRET_BYTES]);

/* The key of a request: BLAKE2b, keyed with the secret, over lane, method, canonical query and credential.
 * Pure. */
void cache_key_make(const unsigned char secret[CACHE_SECRET_BYTES], const char *lane, struct text method,
                    struct text query, struct text credential, struct cache_key *key);

/* NULL only when out of memory: a missing or foreign file is no error. cache_dir is borrowed till return. */
struct cache *cache_open(const char *cache_dir);
void cache_close(struct cache *cache); /* takes NULL */

/* 0, and the answer borrows from the map until cache_release(); -ENOENT: not there (or no cache file). It is
 * the caller who compares the answer's times with now. */
int cache_find(struct cache *cache, const struct cache_key *key, struct answer *answer);
/* What is remembered of a failure to replace the answer that was found last. 0, or -ENOENT: nothing. */
int cache_find_failure(struct cache *cache, const struct cache_key *key, struct failure *failure);
/* Ends the borrowing of all answers; call it before the process sleeps, since a held one pins pages. */
void cache_release(struct cache *cache);

/* Once a second: opens a file that has been rebuilt. Ends the borrowing of answers. */
void cache_tick(struct cache *cache);
/* Why the file that is there cannot be read, in words; NULL: it can, or there is none. One that is just being
 * made is told as well: what lasts for more than a tick is trouble. */
const char *cache_trouble(const struct cache *cache);

#endif
