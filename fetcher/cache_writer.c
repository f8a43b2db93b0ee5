/* cache_writer.c - see cache_writer.h. Two databases change together in each transaction: the answers, and an
 * index of when each has expired for good. */
#include "fetcher/cache_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetcher/cache_file.h"

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

void cache_writer_release(struct cache_writer *writer)
{
    if (writer->reading)
        mdb_txn_reset(writer->reader);
    writer->reading = false;
}

static void index_key(int64_t stale_wall_us, const void *key, unsigned char bytes[CACHE_EXPIRY_BYTES])
{
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)stale_wall_us >> (8 * (7 - i)));
    memcpy(bytes + 8, key, MESSAGE_KEY_BYTES);
}

static int64_t index_time(const MDB_val *entry)
{
    const unsigned char *bytes = entry->mv_data;
    uint64_t time = 0;

    for (unsigned i = 0; i < 8; i++)
        time = time << 8 | bytes[i];
    return (int64_t)time;
}

/* Removes up to `most` answers whose time ends before `until_us`, soonest first. LMDB's code; *removed
 * counts. */
static int remove_soonest(struct cache_writer *writer, MDB_txn *txn, int64_t until_us, unsigned most,
                          unsigned *removed)
{
    MDB_val entry, nothing;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, writer->file.expiry, &cursor);

    if (rc)
        return rc;
    for (unsigned i = 0; i < most; i++) {
        MDB_val name;

        rc = mdb_cursor_get(cursor, &entry, &nothing, MDB_FIRST);
        if (rc || entry.mv_size != CACHE_EXPIRY_BYTES || index_time(&entry) > until_us)
            break;
        name = (MDB_val){.mv_size = MESSAGE_KEY_BYTES, .mv_data = (char *)entry.mv_data + 8};
        rc = mdb_del(txn, writer->file.answers, &name, NULL);
        if (rc == 0 || rc == MDB_NOTFOUND)
            rc = mdb_cursor_del(cursor, 0);
        if (rc)
            break;
        (*removed)++;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static size_t stat_bytes(MDB_txn *txn, MDB_dbi database)
{
    MDB_stat stat;

    if (mdb_stat(txn, database, &stat))
        return 0;
    return (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
}

/* Pages are never changed in place: each deletion needs fresh ones, and what a transaction frees only the
 * next but one may use. So an eighth of the map stays free of live pages, and room for the coming answer
 * thrice. */
static bool over_mark(const struct cache_writer *writer, MDB_txn *txn, size_t coming)
{
    size_t used = stat_bytes(txn, writer->file.answers) + stat_bytes(txn, writer->file.expiry);

    return used + 3 * coming > writer->file.max_bytes - writer->file.max_bytes / 8;
}

static int make_room(struct cache_writer *writer, MDB_txn *txn, size_t coming, unsigned *removed)
{
    int rc = 0;

    for (unsigned i = 0; i < EVICT_PER_STORE && rc == 0 && over_mark(writer, txn, coming); i++)
        rc = remove_soonest(writer, txn, INT64_MAX, 1, removed);
    return rc;
}

static int forget_older(struct cache_writer *writer, MDB_txn *txn, MDB_val *name)
{
    unsigned char bytes[CACHE_EXPIRY_BYTES];
    MDB_val entry = {.mv_size = sizeof(bytes), .mv_data = bytes}, value;
    struct answer older;
    int rc = mdb_get(txn, writer->file.answers, name, &value);

    if (rc)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (answer_read((struct text){value.mv_data, value.mv_size}, &older) < 0)
        return MDB_CORRUPTED;
    index_key(older.stale_wall_us, name->mv_data, bytes);
    rc = mdb_del(txn, writer->file.expiry, &entry, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int put(struct cache_writer *writer, MDB_txn *txn, const struct cache_key *key,
               const struct answer *answer)
{
    unsigned char bytes[CACHE_EXPIRY_BYTES];
    MDB_val name = {.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes};
    MDB_val record = {.mv_size = answer_bytes(answer)};
    MDB_val entry = {.mv_size = sizeof(bytes), .mv_data = bytes}, nothing = {.mv_size = 0, .mv_data = NULL};
    int rc = forget_older(writer, txn, &name);

    if (rc)
        return rc;
    index_key(answer->stale_wall_us, key->bytes, bytes);
    rc = mdb_put(txn, writer->file.expiry, &entry, &nothing, 0);
    if (rc == 0)
        rc = mdb_put(txn, writer->file.answers, &name, &record, MDB_RESERVE);
    if (rc == 0)
        answer_write(answer, record.mv_data);
    return rc;
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
    rc = remove_soonest(writer, txn, now_wall_us, EXPIRE_PER_STORE, &removed);
    if (rc == 0)
        rc = make_room(writer, txn, answer_bytes(answer), &removed);
    if (rc == 0)
        rc = put(writer, txn, key, answer);
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
    rc = remove_soonest(writer, txn, until_us, most, &removed);
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
        mdb_reader_check(writer->file.env, NULL); /* a reader that died pins the pages of its time */
        rc = remove_in_own_txn(writer, INT64_MAX, EVICT_FIRST << round);
        if (rc == 0)
            rc = let_age(writer);
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
