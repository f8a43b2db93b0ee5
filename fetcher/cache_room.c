/* cache_room.c - see cache_room.h. */
#include "fetcher/cache_room.h"

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

static MDB_val name_of(const struct cache_key *key)
{
    return (MDB_val){.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes};
}

/* The answer and the memory of a failure, which need not be there. */
static int remove_pair(const struct cache_file *file, MDB_txn *txn, MDB_val *name)
{
    int rc = mdb_del(txn, file->answers, name, NULL);

    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = mdb_del(txn, file->failures, name, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int cache_room_expire(const struct cache_file *file, MDB_txn *txn, int64_t until_us, unsigned most,
                      unsigned *removed)
{
    MDB_val entry, nothing;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, file->expiry, &cursor);

    if (rc)
        return rc;
    for (unsigned i = 0; i < most; i++) {
        MDB_val name;

        rc = mdb_cursor_get(cursor, &entry, &nothing, MDB_FIRST);
        if (rc || entry.mv_size != CACHE_EXPIRY_BYTES || index_time(&entry) > until_us)
            break;
        name = (MDB_val){.mv_size = MESSAGE_KEY_BYTES, .mv_data = (char *)entry.mv_data + 8};
        rc = remove_pair(file, txn, &name);
        if (rc == 0)
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
static bool over_mark(const struct cache_file *file, MDB_txn *txn, size_t coming)
{
    size_t used =
        stat_bytes(txn, file->answers) + stat_bytes(txn, file->expiry) + stat_bytes(txn, file->failures);

    return used + 3 * coming > file->max_bytes - file->max_bytes / 8;
}

int cache_room_make(const struct cache_file *file, MDB_txn *txn, size_t coming, unsigned most,
                    unsigned *removed)
{
    int rc = 0;

    for (unsigned i = 0; i < most && rc == 0 && over_mark(file, txn, coming); i++)
        rc = cache_room_expire(file, txn, INT64_MAX, 1, removed);
    return rc;
}

/* What the key has leaves the index. MDB_NOTFOUND when it has nothing. */
static int leave_index(const struct cache_file *file, MDB_txn *txn, MDB_val *name)
{
    unsigned char bytes[CACHE_EXPIRY_BYTES];
    MDB_val entry = {.mv_size = sizeof(bytes), .mv_data = bytes}, value;
    struct answer older;
    int rc = mdb_get(txn, file->answers, name, &value);

    if (rc)
        return rc;
    if (answer_read((struct text){value.mv_data, value.mv_size}, &older) < 0)
        return MDB_CORRUPTED;
    index_key(older.stale_wall_us, name->mv_data, bytes);
    rc = mdb_del(txn, file->expiry, &entry, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int cache_room_put(const struct cache_file *file, MDB_txn *txn, const struct cache_key *key,
                   const struct answer *answer)
{
    unsigned char bytes[CACHE_EXPIRY_BYTES];
    MDB_val name = name_of(key), record = {.mv_size = answer_bytes(answer)};
    MDB_val entry = {.mv_size = sizeof(bytes), .mv_data = bytes}, nothing = {.mv_size = 0, .mv_data = NULL};
    int rc = leave_index(file, txn, &name);

    if (rc == 0)
        rc = mdb_del(txn, file->failures, &name, NULL);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    index_key(answer->stale_wall_us, key->bytes, bytes);
    rc = mdb_put(txn, file->expiry, &entry, &nothing, 0);
    if (rc == 0)
        rc = mdb_put(txn, file->answers, &name, &record, MDB_RESERVE);
    if (rc == 0)
        answer_write(answer, record.mv_data);
    return rc;
}

int cache_room_remove(const struct cache_file *file, MDB_txn *txn, const struct cache_key *key)
{
    MDB_val name = name_of(key);
    int rc = leave_index(file, txn, &name);

    return rc ? rc : remove_pair(file, txn, &name);
}

int cache_room_fail(const struct cache_file *file, MDB_txn *txn, const struct cache_key *key,
                    const struct failure_policy *policy, enum reason reason, int64_t now_wall_us)
{
    MDB_val name = name_of(key), value;
    struct failure before, after;
    struct answer answer;
    char record[FAILURE_BYTES];
    bool known;
    int rc = mdb_get(txn, file->answers, &name, &value);

    if (rc)
        return rc;
    if (answer_read((struct text){value.mv_data, value.mv_size}, &answer) < 0)
        return MDB_CORRUPTED;
    if (answer.stale_wall_us <= now_wall_us)
        return MDB_NOTFOUND;
    known = mdb_get(txn, file->failures, &name, &value) == 0 &&
            failure_read((struct text){value.mv_data, value.mv_size}, &before) == 0;
    after = failure_after(known ? &before : NULL, policy, reason, now_wall_us);
    failure_write(&after, record);
    value = (MDB_val){.mv_size = sizeof(record), .mv_data = record};
    return mdb_put(txn, file->failures, &name, &value, 0);
}
