/* cache.c - see cache.h. One read transaction lives as long as the environment: reset, it pins nothing and
 * keeps its reader slot, so that renewing it takes no lock and no system call. */
#include "common/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct cache {
    char path[CACHE_PATH_BYTES];
    MDB_env *env; /* NULL while there is no file that can be read */
    MDB_txn *txn;
    MDB_dbi answers, failures;
    bool reading;     /* txn is live */
    struct stat seen; /* the file that is open, or the one that could not be opened */
    const char *trouble;
};

static int read_secret(const char *path, unsigned char secret[CACHE_SECRET_BYTES])
{
    unsigned char bytes[CACHE_SECRET_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got;
    int error;

    if (fd < 0)
        return -errno;
    got = read(fd, bytes, sizeof(bytes));
    error = errno;
    close(fd);
    if (got < 0)
        return -error;
    if (got != CACHE_SECRET_BYTES)
        return -EBADMSG;
    memcpy(secret, bytes, CACHE_SECRET_BYTES);
    sodium_memzero(bytes, sizeof(bytes));
    return 0;
}

static int write_fresh_secret(const char *path)
{
    unsigned char secret[CACHE_SECRET_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        rc = -EIO;
    else if (write(fd, secret, sizeof(secret)) != (ssize_t)sizeof(secret))
        rc = errno ? -errno : -EIO;
    else if (fsync(fd) < 0)
        rc = -errno;
    sodium_memzero(secret, sizeof(secret));
    close(fd);
    return rc;
}

/* Several processes may start at once: each writes a whole file of its own, and link(2) lets one of them be
 * the first. Nobody ever reads a half-written secret. */
static int make_secret(const char *state_dir, const char *path)
{
    char temporary[CACHE_PATH_BYTES];
    uint64_t tag;
    int rc;

    if (getrandom(&tag, sizeof(tag), 0) != (ssize_t)sizeof(tag))
        return -EIO;
    if (snprintf(temporary, sizeof(temporary), "%s/cache.key.%016llx", state_dir, (unsigned long long)tag) >=
        (int)sizeof(temporary))
        return -ENAMETOOLONG;
    rc = write_fresh_secret(temporary);
    if (rc == 0 && link(temporary, path) < 0 && errno != EEXIST)
        rc = -errno;
    unlink(temporary);
    return rc;
}

int cache_secret_load(const char *state_dir, unsigned char secret[CACHE_SECRET_BYTES])
{
    char path[CACHE_PATH_BYTES];
    int rc;

    if (snprintf(path, sizeof(path), "%s/cache.key", state_dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    rc = read_secret(path, secret);
    if (rc != -ENOENT)
        return rc;
    rc = make_secret(state_dir, path);
    return rc < 0 ? rc : read_secret(path, secret);
}

/* Each field goes in with its length, so that no two lists of fields read the same. */
static void hash_text(crypto_generichash_state *state, struct text text)
{
    unsigned char length[8];

    for (unsigned i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)text.bytes >> (8 * i));
    crypto_generichash_update(state, length, sizeof(length));
    if (text.bytes > 0)
        crypto_generichash_update(state, (const unsigned char *)text.at, text.bytes);
}

void cache_key_make(const unsigned char secret[CACHE_SECRET_BYTES], const char *lane, struct text method,
                    struct text query, struct text credential, struct cache_key *key)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, secret, CACHE_SECRET_BYTES, sizeof(key->bytes));
    hash_text(&state, text_of(lane));
    hash_text(&state, method);
    hash_text(&state, query);
    hash_text(&state, credential);
    crypto_generichash_final(&state, key->bytes, sizeof(key->bytes));
}

static void cache_drop(struct cache *cache)
{
    if (cache->txn)
        mdb_txn_abort(cache->txn);
    if (cache->env)
        mdb_env_close(cache->env);
    cache->txn = NULL;
    cache->env = NULL;
    cache->reading = false;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether the file that was opened is still the one of that name, and as long as its map, as the writer makes
 * it: LMDB would run over the end of one that was cut. */
static bool file_is_sound(struct cache *cache)
{
    struct stat opened, named;
    MDB_envinfo info;
    mdb_filehandle_t fd;

    return mdb_env_get_fd(cache->env, &fd) == 0 && mdb_env_info(cache->env, &info) == 0 &&
           fstat(fd, &opened) == 0 && stat(cache->path, &named) == 0 && same_file(&opened, &named) &&
           (size_t)opened.st_size >= info.me_mapsize;
}

/* Opens the file, or leaves the cache without one. */
static void open_file(struct cache *cache)
{
    MDB_txn *txn;
    int rc;

    rc = mdb_env_create(&cache->env);
    if (rc) {
        cache->env = NULL;
        cache->trouble = mdb_strerror(rc);
        return;
    }
    rc = mdb_env_set_maxdbs(cache->env, CACHE_DATABASES_MAX);
    /* NOTLS: the slot belongs to the transaction; NORDAHEAD: look-ups are random. */
    if (rc == 0)
        rc = mdb_env_open(cache->env, cache->path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD,
                          0600);
    if (rc || !file_is_sound(cache)) {
        cache->trouble = rc ? mdb_strerror(rc) : "it has been cut, or is another one by now";
        cache_drop(cache);
        return;
    }
    /* A handle opened in a transaction is everybody's only once that one is committed. */
    rc = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, CACHE_DATABASE, 0, &cache->answers);
        if (rc == 0)
            rc = mdb_dbi_open(txn, CACHE_FAILURES, 0, &cache->failures);
        if (rc)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    if (rc == 0)
        rc = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &cache->txn);
    if (rc) {
        cache->trouble = mdb_strerror(rc);
        cache->txn = NULL;
        cache_drop(cache);
        return;
    }
    cache->trouble = NULL;
    mdb_txn_reset(cache->txn);
}

/* Without a file each look-up asks for one; one that could not be opened is tried again when it has changed.
 */
static void cache_try(struct cache *cache)
{
    struct stat named;

    if (stat(cache->path, &named) < 0) {
        cache->trouble = errno == ENOENT ? NULL : strerror(errno);
        return;
    }
    if (same_file(&named, &cache->seen) && named.st_size == cache->seen.st_size &&
        named.st_mtim.tv_sec == cache->seen.st_mtim.tv_sec &&
        named.st_mtim.tv_nsec == cache->seen.st_mtim.tv_nsec)
        return;
    cache->seen = named;
    open_file(cache);
}

struct cache *cache_open(const char *cache_dir)
{
    struct cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return NULL;
    if (snprintf(cache->path, sizeof(cache->path), "%s/%s", cache_dir, CACHE_FILE) >=
        (int)sizeof(cache->path))
        cache->path[0] = '\0'; /* such a path has no file either */
    cache_try(cache);
    return cache;
}

void cache_close(struct cache *cache)
{
    if (!cache)
        return;
    cache_drop(cache);
    free(cache);
}

int cache_find(struct cache *cache, const struct cache_key *key, struct answer *answer)
{
    MDB_val name = {.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes}, value;
    int rc;

    if (!cache->env)
        cache_try(cache);
    if (!cache->env)
        return -ENOENT;
    if (!cache->reading && mdb_txn_renew(cache->txn)) {
        cache_drop(cache); /* its map has grown, or the file is broken: it is opened anew when it changes */
        return -ENOENT;
    }
    cache->reading = true;
    rc = mdb_get(cache->txn, cache->answers, &name, &value);
    if (rc || answer_read((struct text){value.mv_data, value.mv_size}, answer) < 0)
        return -ENOENT;
    return 0;
}

int cache_find_failure(struct cache *cache, const struct cache_key *key, struct failure *failure)
{
    MDB_val name = {.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes}, value;

    if (!cache->reading || mdb_get(cache->txn, cache->failures, &name, &value) ||
        failure_read((struct text){value.mv_data, value.mv_size}, failure) < 0)
        return -ENOENT;
    return 0;
}

void cache_release(struct cache *cache)
{
    if (cache->reading)
        mdb_txn_reset(cache->txn);
    cache->reading = false;
}

void cache_tick(struct cache *cache)
{
    struct stat named;

    if (cache->env && stat(cache->path, &named) == 0 && same_file(&named, &cache->seen))
        return;
    cache_drop(cache);
    cache->seen = (struct stat){0}; /* try in any case */
    cache_try(cache);
}

const char *cache_trouble(const struct cache *cache)
{
    return cache->trouble;
}
