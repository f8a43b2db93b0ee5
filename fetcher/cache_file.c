/* cache_file.c - see cache_file.h. */
#include "fetcher/cache_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/failure.h"

#define STAMP_FILE  "answers.stamp"
#define LOCK_FILE   "writer.lock"
#define STAMP_BYTES 128

enum phase { PHASE_NONE, PHASE_OPENING, PHASE_OPEN, PHASE_CLOSED, PHASE_CONDEMNED };

static const char *const phase_names[] = {[PHASE_NONE] = "none",
                                          [PHASE_OPENING] = "opening",
                                          [PHASE_OPEN] = "open",
                                          [PHASE_CLOSED] = "closed",
                                          [PHASE_CONDEMNED] = "condemned"};

struct stamp {
    char boot[BOOT_ID_BYTES];
    enum phase phase; /* NONE: no stamp that can be read */
    long long bytes;  /* the file's length */
};

static void path_of(const struct cache_file *file, const char *name, const char *ending,
                    char path[CACHE_PATH_BYTES + 64])
{
    snprintf(path, CACHE_PATH_BYTES + 64, "%s/%s%s", file->dir, name, ending);
}

static int read_line(const char *path, char *line, size_t size)
{
    FILE *in = fopen(path, "re");
    bool got;

    line[0] = '\0';
    if (!in)
        return -errno;
    got = fgets(line, (int)size, in) != NULL;
    fclose(in);
    return got ? 0 : -EBADMSG;
}

static void read_stamp(const struct cache_file *file, struct stamp *stamp)
{
    char path[CACHE_PATH_BYTES + 64], line[STAMP_BYTES], phase[16] = "", bytes[24] = "";

    *stamp = (struct stamp){.phase = PHASE_NONE};
    path_of(file, STAMP_FILE, "", path);
    if (read_line(path, line, sizeof(line)) < 0 ||
        sscanf(line, "%39s %15s %23s", stamp->boot, phase, bytes) != 3)
        return;
    stamp->bytes = strtoll(bytes, NULL, 10);
    for (size_t i = 0; i < sizeof(phase_names) / sizeof(phase_names[0]); i++) {
        if (strcmp(phase, phase_names[i]) == 0)
            stamp->phase = (enum phase)i;
    }
}

/* Synced, unlike the cache itself: it must not be newer on the disk than what it speaks of. */
static int write_stamp(const struct cache_file *file, enum phase phase)
{
    char path[CACHE_PATH_BYTES + 64], temporary[CACHE_PATH_BYTES + 64], line[STAMP_BYTES],
        boot[BOOT_ID_BYTES];
    int bytes, fd, rc = 0;

    boot_id(boot);
    path_of(file, STAMP_FILE, "", path);
    path_of(file, STAMP_FILE, ".new", temporary);
    bytes = snprintf(line, sizeof(line), "%s %s %zu\n", boot, phase_names[phase], file->max_bytes);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (write(fd, line, (size_t)bytes) != bytes)
        rc = -ENOSPC;
    else if (fsync(fd) < 0)
        rc = -errno;
    close(fd);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    return rc;
}

static int take_lock(struct cache_file *file)
{
    char path[CACHE_PATH_BYTES + 64];
    int rc;

    if (file->lock_fd >= 0)
        return 0;
    path_of(file, LOCK_FILE, "", path);
    file->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->lock_fd < 0)
        return -errno;
    if (flock(file->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
    close(file->lock_fd);
    file->lock_fd = -1;
    return rc;
}

/* Readers that still map the old file keep it, together with its own lock file, until they look for the name
 * again. The data goes first: without it a reader does not even make a lock file. */
static void remove_file(const struct cache_file *file, bool keep_aside)
{
    char path[CACHE_PATH_BYTES + 64], other[CACHE_PATH_BYTES + 64];

    path_of(file, CACHE_FILE, "", path);
    path_of(file, CACHE_FILE, ".bad", other);
    if (!keep_aside || rename(path, other) < 0)
        unlink(path);
    path_of(file, CACHE_FILE, "-lock", path);
    unlink(path);
}

/* What is known of the file before LMDB looks at it. */
static enum cache_file_fate judge_file(const struct cache_file *file, const char **why)
{
    char path[CACHE_PATH_BYTES + 64], boot[BOOT_ID_BYTES];
    struct stamp stamp;
    struct stat found;

    path_of(file, CACHE_FILE, "", path);
    if (stat(path, &found) < 0)
        return CACHE_FILE_KEPT; /* nothing to judge */
    read_stamp(file, &stamp);
    boot_id(boot);
    if (stamp.phase == PHASE_NONE)
        return *why = "it has no stamp", CACHE_FILE_SET_ASIDE;
    if (stamp.phase == PHASE_OPENING)
        return *why = "an opening died on it", CACHE_FILE_SET_ASIDE;
    if (stamp.phase == PHASE_CONDEMNED)
        return *why = "it broke while it was used", CACHE_FILE_SET_ASIDE;
    if (found.st_size < stamp.bytes)
        return *why = "it has been cut", CACHE_FILE_SET_ASIDE;
    if (stamp.phase != PHASE_CLOSED && strcmp(stamp.boot, boot) != 0)
        return *why = "the host was rebooted while it was open", CACHE_FILE_DISCARDED;
    if (found.st_size > (off_t)file->max_bytes)
        return *why = "it is larger than CACHE_MAX_MB", CACHE_FILE_DISCARDED;
    return CACHE_FILE_KEPT;
}

/* Reads every record's head and counts the index. A tree that is broken may make LMDB end the process: then
 * the stamp says so to the next one. */
static int check_records(const struct cache_file *file, MDB_txn *txn)
{
    MDB_stat answers, expiry;
    struct answer answer;
    MDB_val key, value;
    MDB_cursor *cursor;
    size_t count = 0;
    int rc = mdb_cursor_open(txn, file->answers, &cursor);

    if (rc)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (key.mv_size != MESSAGE_KEY_BYTES ||
            answer_read((struct text){value.mv_data, value.mv_size}, &answer) < 0)
            break;
        count++;
    }
    mdb_cursor_close(cursor);
    if (rc == 0)
        return MDB_CORRUPTED;
    if (rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_stat(txn, file->answers, &answers);
    if (rc == 0)
        rc = mdb_stat(txn, file->expiry, &expiry);
    if (rc == 0 && (answers.ms_entries != count || expiry.ms_entries != count))
        rc = MDB_CORRUPTED;
    return rc;
}

/* Each belongs to an answer. */
static int check_failures(const struct cache_file *file, MDB_txn *txn)
{
    struct failure failure;
    MDB_val key, value;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, file->failures, &cursor);

    if (rc)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        MDB_val answer;

        if (failure_read((struct text){value.mv_data, value.mv_size}, &failure) < 0 ||
            mdb_get(txn, file->answers, &key, &answer))
            break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc == 0 ? MDB_CORRUPTED : rc;
}

static int open_databases(struct cache_file *file)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(file->env, NULL, 0, &txn);

    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, CACHE_DATABASE, MDB_CREATE, &file->answers);
    if (rc == 0)
        rc = mdb_dbi_open(txn, CACHE_EXPIRY_DATABASE, MDB_CREATE, &file->expiry);
    if (rc == 0)
        rc = mdb_dbi_open(txn, CACHE_FAILURES, MDB_CREATE, &file->failures);
    if (rc == 0)
        rc = check_records(file, txn);
    if (rc == 0)
        rc = check_failures(file, txn);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* LMDB's code: negative for what it makes of the contents, positive for what the disk says. */
static int open_env(struct cache_file *file)
{
    char path[CACHE_PATH_BYTES + 64];
    mdb_filehandle_t fd;
    int rc = mdb_env_create(&file->env);

    if (rc) {
        file->env = NULL;
        return rc;
    }
    path_of(file, CACHE_FILE, "", path);
    rc = mdb_env_set_maxdbs(file->env, CACHE_DATABASES_MAX);
    if (rc == 0)
        rc = mdb_env_set_mapsize(file->env, file->max_bytes);
    /* No WRITEMAP: a full disk would end the process instead of a commit. */
    if (rc == 0)
        rc = mdb_env_open(file->env, path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc == 0)
        rc = mdb_env_get_fd(file->env, &fd);
    if (rc == 0 && (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)file->max_bytes) < 0))
        rc = errno;
    if (rc == 0)
        rc = open_databases(file);
    if (rc) {
        mdb_env_close(file->env);
        file->env = NULL;
    }
    return rc;
}

int cache_file_init(struct cache_file *file, const char *cache_dir, int64_t max_bytes)
{
    *file = (struct cache_file){.lock_fd = -1, .max_bytes = (size_t)max_bytes};
    return snprintf(file->dir, sizeof(file->dir), "%s", cache_dir) < (int)sizeof(file->dir) ? 0
                                                                                            : -ENAMETOOLONG;
}

void cache_file_done(struct cache_file *file)
{
    cache_file_close(file);
    if (file->lock_fd >= 0)
        close(file->lock_fd);
    file->lock_fd = -1;
}

int cache_file_open(struct cache_file *file, struct cache_file_report *report)
{
    char path[CACHE_PATH_BYTES + 64];
    int rc = take_lock(file);

    *report = (struct cache_file_report){.fate = CACHE_FILE_KEPT, .why = ""};
    if (rc < 0)
        return rc;
    report->fate = judge_file(file, &report->why);
    if (report->fate != CACHE_FILE_KEPT)
        remove_file(file, report->fate == CACHE_FILE_SET_ASIDE);
    path_of(file, CACHE_FILE, "", path);
    report->created = access(path, F_OK) < 0;
    rc = write_stamp(file, PHASE_OPENING);
    if (rc < 0)
        return rc;
    rc = open_env(file);
    if (rc < 0 && !report->created) {
        report->fate = CACHE_FILE_SET_ASIDE;
        report->why = mdb_strerror(rc);
        report->created = true;
        remove_file(file, true);
        rc = open_env(file);
    }
    if (rc == 0)
        return write_stamp(file, PHASE_OPEN);
    /* The disk failed, not the file: what it holds is as good as before only if it was closed or open. */
    if (rc > 0 && !report->created)
        write_stamp(file, PHASE_OPEN);
    return rc > 0 ? -rc : -EIO;
}

void cache_file_close(struct cache_file *file)
{
    bool synced;

    if (!file->env)
        return;
    synced = mdb_env_sync(file->env, 1) == 0;
    mdb_env_close(file->env);
    file->env = NULL;
    if (synced)
        write_stamp(file, PHASE_CLOSED);
}

void cache_file_condemn(struct cache_file *file)
{
    if (!file->env)
        return;
    mdb_env_close(file->env);
    file->env = NULL;
    write_stamp(file, PHASE_CONDEMNED);
}

void cache_file_discard(struct cache_file *file)
{
    if (!file->env)
        return;
    mdb_env_close(file->env);
    file->env = NULL;
    remove_file(file, false);
}

bool cache_file_is_there(const struct cache_file *file)
{
    char path[CACHE_PATH_BYTES + 64];
    struct stat opened, named;
    mdb_filehandle_t fd;

    path_of(file, CACHE_FILE, "", path);
    return mdb_env_get_fd(file->env, &fd) == 0 && fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}
