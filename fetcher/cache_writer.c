/* cache_writer.c - see cache_writer.h. Here: when to open, to make room, to start anew; what a transaction
 * does is in cache_room.c. */
#include "fetcher/cache_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetcher/cache_room.h"

#define EXPIRE_PER_STORE 8   /* expired answers removed along with a store */
#define EXPIRE_PER_TICK  128 /* and by a tick: some 0.2 ms */
#define EVICT_PER_STORE  8   /* live ones removed along with a store while the cache is over its mark */
#define EVICT_FIRST      8U  /* when the map is full: so many at first, twice as many each time */
#define EVICT_ROUNDS     8
#define NOTES_MAX        4

struct cache_writer {
    struct cache_file file;
    MDB_txn *reader; /* reset between wake-ups: it pins nothing then */
    bool reading;
    int lost; /* why there is no file, once that has been noted */
    struct cache_writer_stats stats;
    struct cache_note notes[NOTES_MAX];
    unsigned note_count;
};

static void add_note(struct cache_writer *writer, const char *event, const char *why, bool grave)
{
    if (writer->note_count < NOTES_MAX)
        writer->notes[writer->note_count++] = (struct cache_note){event, why, grave};
}

static void count_entries(struct cache_writer *writer, MDB_txn *txn)
{
    MDB_stat stat;

    if (mdb_stat(txn, writer->file.answers, &stat) == 0)
        writer->stats.entries = stat.ms_entries;
}

static void lose_file(struct cache_writer *writer, int error)
{
    if (writer->lost != error)
        add_note(writer, "cache_lost", mdb_strerror(error), true);
    writer->lost = error;
    writer->stats.entries = 0;
}

static int open_file(struct cache_writer *writer)
{
    struct cache_file_report report;
    int rc = cache_file_open(&writer->file, &report);

    if (report.fate == CACHE_FILE_SET_ASIDE)
        add_note(writer, "cache_set_aside", report.why, true);
    else if (report.fate == CACHE_FILE_DISCARDED)
        add_note(writer, "cache_discarded", report.why, false);
    if (rc == 0) {
        rc = -mdb_txn_begin(writer->file.env, NULL, MDB_RDONLY, &writer->reader);
        if (rc)
            cache_file_close(&writer->file);
    }
    if (rc) {
        writer->reader = NULL;
        lose_file(writer, -rc);
        return rc;
    }
    count_entries(writer, writer->reader);
    mdb_txn_reset(writer->reader);
    writer->reading = false;
    writer->lost = 0;
    add_note(writer, "cache_opened", report.created ? "new" : "kept", false);
    return 0;
}

static void drop_reader(struct cache_writer *writer)
{
    if (writer->reader)
        mdb_txn_abort(writer->reader);
    writer->reader = NULL;
    writer->reading = false;
}

int cache_writer_open(const char *cache_dir, int64_t max_bytes, struct cache_writer **writer)
{
    struct cache_writer *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return -ENOMEM;
    rc = cache_file_init(&new->file, cache_dir, max_bytes);
    if (rc == 0)
        rc = open_file(new);
    if (rc == -EBUSY || rc == -ENAMETOOLONG) {
        free(new);
        return rc;
    }
    *writer = new;
    return 0;
}

void cache_writer_close(struct cache_writer *writer)
{
    if (!writer)
        return;
    drop_reader(writer);
    cache_file_done(&writer->file);
    free(writer);
}

int cache_writer_find(struct cache_writer *writer, const struct cache_key *key, struct answer *answer)
{
    MDB_val name = {.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes}, value;

    if (!writer->reader || (!writer->reading && mdb_txn_renew(writer->reader)))
        return -ENOENT;
    writer->reading = true;
    if (mdb_get(writer->reader, writer->file.answers, &name, &value) ||
        answer_read((struct text){value.mv_data, value.mv_size}, answer) < 0)
        return -ENOENT;
    return 0;
}

int cache_writer_find_failure(struct cache_writer *writer, const struct cache_key *key,
                              struct failure *failure)
{
    MDB_val name = {.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes}, value;

    if (!writer->reading || mdb_get(writer->reader, writer->file.failures, &name, &value) ||
        failure_read((struct text){value.mv_data, value.mv_size}, failure) < 0)
        return -ENOENT;
    return 0;
}

void cache_writer_release(struct cache_writer *writer)
{
    if (writer->reading)
        mdb_txn_reset(writer->reader);
    writer->reading = false;
}

/* One transaction; LMDB's code. */
static int store_once(struct cache_writer *writer, const struct cache_key *key, const struct answer *answer,
                      int64_t now_wall_us)
{
    unsigned removed = 0;
    MDB_txn *txn;
    int rc = mdb_txn_begin(writer->file.env, NULL, 0, &txn);

    if (rc)
        return rc;
    rc = cache_room_expire(&writer->file, txn, now_wall_us, EXPIRE_PER_STORE, &removed);
    if (rc == 0)
        rc = cache_room_make(&writer->file, txn, answer_bytes(answer), EVICT_PER_STORE, &removed);
    if (rc == 0)
        rc = cache_room_put(&writer->file, txn, key, answer);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    if (rc == 0)
        writer->stats.evicted_total += removed;
    return rc;
}

static int remove_in_own_txn(struct cache_writer *writer, int64_t until_us, unsigned most)
{
    unsigned removed = 0;
    MDB_txn *txn;
    int rc = mdb_txn_begin(writer->file.env, NULL, 0, &txn);

    if (rc)
        return rc;
    rc = cache_room_expire(&writer->file, txn, until_us, most, &removed);
    if (rc == 0)
        count_entries(writer, txn);
    if (rc || removed == 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    if (rc == 0)
        writer->stats.evicted_total += removed;
    return rc;
}

/* What one transaction frees, the next but one may use: this is the one between them. */
static int let_age(struct cache_writer *writer)
{
    unsigned char bytes[CACHE_EXPIRY_BYTES] = {0};
    MDB_val entry = {.mv_size = sizeof(bytes), .mv_data = bytes}, nothing = {.mv_size = 0, .mv_data = NULL};
    MDB_txn *txn;
    int rc = mdb_txn_begin(writer->file.env, NULL, 0, &txn);

    if (rc)
        return rc;
    rc = mdb_put(txn, writer->file.expiry, &entry, &nothing, 0);
    if (rc == 0)
        rc = mdb_del(txn, writer->file.expiry, &entry, NULL);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* In a full map; more from round to round. */
static int make_room(struct cache_writer *writer, unsigned round)
{
    int rc;

    mdb_reader_check(writer->file.env, NULL); /* a reader that died pins the pages of its time */
    rc = remove_in_own_txn(writer, INT64_MAX, EVICT_FIRST << round);
    return rc ? rc : let_age(writer);
}

/* A full map is not the file's fault, nor is a disk that refuses; anything else LMDB says about the contents
 * is. */
static int file_error(struct cache_writer *writer, int rc)
{
    if (rc >= 0)
        return -rc;
    if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL)
        return -ENOSPC;
    drop_reader(writer);
    cache_file_condemn(&writer->file);
    lose_file(writer, rc);
    return -EIO;
}

/* One line of mdb_reader_list(): pid, thread, and the transaction it reads in, or "-". */
static int see_reader(const char *line, void *pinned)
{
    char txn[24];

    if (sscanf(line, "%*d %*x %23s", txn) == 1 && txn[0] >= '0' && txn[0] <= '9')
        *(bool *)pinned = true;
    return 0;
}

static bool is_pinned(struct cache_writer *writer)
{
    bool pinned = false;

    return mdb_reader_list(writer->file.env, see_reader, &pinned) < 0 || pinned;
}

/* The map is so full that nothing can be deleted any more. While somebody reads, that may pass; if nobody
 * does, only a new file helps. */
static void start_anew(struct cache_writer *writer)
{
    drop_reader(writer);
    cache_file_discard(&writer->file);
    add_note(writer, "cache_discarded", "no room could be made in it", true);
    open_file(writer);
}

static int store_somehow(struct cache_writer *writer, const struct cache_key *key,
                         const struct answer *answer, int64_t now_wall_us)
{
    int rc = store_once(writer, key, answer, now_wall_us);

    for (unsigned round = 0; rc == MDB_MAP_FULL && round < EVICT_ROUNDS; round++) {
        rc = make_room(writer, round);
        if (rc == 0)
            rc = store_once(writer, key, answer, now_wall_us);
    }
    if (rc != MDB_MAP_FULL || is_pinned(writer))
        return rc;
    start_anew(writer);
    return writer->file.env ? store_once(writer, key, answer, now_wall_us) : EIO;
}

int cache_writer_store(struct cache_writer *writer, const struct cache_key *key, const struct answer *answer,
                       int64_t now_wall_us)
{
    int rc;

    cache_writer_release(writer);
    if (!writer->file.env || answer_bytes(answer) > writer->file.max_bytes / 8) {
        writer->stats.errors_total++;
        return writer->file.env ? -EFBIG : -ENODEV;
    }
    rc = store_somehow(writer, key, answer, now_wall_us);
    if (rc) {
        writer->stats.errors_total++;
        return file_error(writer, rc);
    }
    writer->stats.stores_total++;
    return 0;
}

/* What one key has is changed: removed, or (with a policy) marked by a failure. */
struct change {
    const struct cache_key *key;
    const struct failure_policy *policy;
    enum reason reason;
    int64_t now_wall_us;
};

static int change_once(struct cache_writer *writer, const struct change *change)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(writer->file.env, NULL, 0, &txn);

    if (rc)
        return rc;
    if (change->policy)
        rc = cache_room_fail(&writer->file, txn, change->key, change->policy, change->reason,
                             change->now_wall_us);
    else
        rc = cache_room_remove(&writer->file, txn, change->key);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* Where the map is too full for it, those make room that would end soonest. */
static int change_somehow(struct cache_writer *writer, const struct change *change)
{
    int rc;

    cache_writer_release(writer);
    if (!writer->file.env)
        return -ENODEV;
    rc = change_once(writer, change);
    for (unsigned round = 0; rc == MDB_MAP_FULL && round < EVICT_ROUNDS; round++) {
        rc = make_room(writer, round);
        if (rc == 0)
            rc = change_once(writer, change);
    }
    if (rc == MDB_NOTFOUND)
        return -ENOENT;
    return rc ? file_error(writer, rc) : 0;
}

int cache_writer_remove(struct cache_writer *writer, const struct cache_key *key)
{
    return change_somehow(writer, &(struct change){.key = key});
}

int cache_writer_fail(struct cache_writer *writer, const struct cache_key *key,
                      const struct failure_policy *policy, enum reason reason, int64_t now_wall_us)
{
    return change_somehow(
        writer, &(struct change){.key = key, .policy = policy, .reason = reason, .now_wall_us = now_wall_us});
}

static int purge_once(struct cache_writer *writer)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(writer->file.env, NULL, 0, &txn);

    if (rc)
        return rc;
    count_entries(writer, txn);
    rc = mdb_drop(txn, writer->file.answers, 0);
    if (rc == 0)
        rc = mdb_drop(txn, writer->file.expiry, 0);
    if (rc == 0)
        rc = mdb_drop(txn, writer->file.failures, 0);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

int cache_writer_purge(struct cache_writer *writer, uint64_t *removed)
{
    int rc;

    cache_writer_release(writer);
    if (!writer->file.env)
        return -ENODEV;
    rc = purge_once(writer);
    *removed = writer->stats.entries;
    if (rc == MDB_MAP_FULL) { /* not even room to forget in: a new file has it */
        start_anew(writer);
        rc = writer->file.env ? 0 : EIO;
    }
    if (rc)
        return file_error(writer, rc);
    writer->stats.entries = 0;
    return 0;
}

void cache_writer_tick(struct cache_writer *writer, int64_t now_wall_us)
{
    int rc;

    cache_writer_release(writer);
    if (writer->file.env && !cache_file_is_there(&writer->file)) {
        drop_reader(writer);
        cache_file_close(&writer->file);
        lose_file(writer, ENOENT);
    }
    if (!writer->file.env) {
        open_file(writer);
        return;
    }
    mdb_reader_check(writer->file.env, NULL);
    rc = remove_in_own_txn(writer, now_wall_us, EXPIRE_PER_TICK);
    if (rc < 0)
        file_error(writer, rc);
}

bool cache_writer_note(struct cache_writer *writer, struct cache_note *note)
{
    if (writer->note_count == 0)
        return false;
    *note = writer->notes[0];
    writer->note_count--;
    memmove(writer->notes, writer->notes + 1, writer->note_count * sizeof(writer->notes[0]));
    return true;
}

const struct cache_writer_stats *cache_writer_stats(const struct cache_writer *writer)
{
    return &writer->stats;
}
