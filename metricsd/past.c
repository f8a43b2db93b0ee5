/* past.c - see past.h. The order keeps every count once, wherever a kill -9 cuts in: into the store, the sums
 * written under another name and renamed, and only then the ledgers removed. Whose ledger is still there when
 * the sums know it already is one of the sums' graves. */
#include "metricsd/past.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 512
#define MAGIC      UINT64_C(0x4c656467657253) /* "LedgerS" */

struct sums {
    uint64_t magic, layout;
    struct store_past past;
};

static int sums_path(const struct past *past, const char *name, char path[PATH_BYTES])
{
    char dir[PATH_BYTES - 16];
    int rc = ledger_dir(past->runtime_dir, dir, sizeof(dir));

    if (rc == 0)
        snprintf(path, PATH_BYTES, "%s/%s", dir, name);
    return rc;
}

static int read_sums(const char *path, struct sums *sums)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t bytes = fd < 0 ? -1 : read(fd, sums, sizeof(*sums));
    int rc = bytes < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    if (rc < 0)
        return rc;
    return bytes == (ssize_t)sizeof(*sums) && sums->magic == MAGIC && sums->layout == ledger_layout()
               ? 0
               : -EBADMSG;
}

int past_open(struct past *past, struct store *store, const char *runtime_dir)
{
    struct sums *sums = calloc(1, sizeof(*sums));
    char path[PATH_BYTES];
    int rc;

    *past = (struct past){.store = store, .runtime_dir = runtime_dir};
    rc = sums ? sums_path(past, "sums", path) : -ENOMEM;
    if (rc == 0)
        rc = read_sums(path, sums);
    if (rc == 0)
        rc = store_take_past(store, &sums->past);
    free(sums);
    return rc;
}

static int write_sums(const struct past *past)
{
    struct sums *sums = calloc(1, sizeof(*sums));
    char path[PATH_BYTES], new_path[PATH_BYTES];
    int fd, rc = sums ? sums_path(past, "sums", path) : -ENOMEM;

    if (rc == 0)
        rc = sums_path(past, "sums.new", new_path);
    if (rc < 0) {
        free(sums);
        return rc;
    }
    sums->magic = MAGIC;
    sums->layout = ledger_layout();
    store_give_past(past->store, &sums->past);
    fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, sums, sizeof(*sums)) != (ssize_t)sizeof(*sums) || rename(new_path, path) < 0)
        rc = errno ? -errno : -ENOSPC;
    if (fd >= 0)
        close(fd);
    free(sums);
    return rc;
}

static void take(void *arg, const struct ledger_past *gone)
{
    struct past *past = arg;
    int rc = -EBADMSG;

    if (!store_may_bury(past->store, past->now_us, text_of(gone->process), gone->epoch))
        return;
    if (past->done_count == LEDGERS_MAX)
        return; /* with the next walk */
    if (gone->good)
        rc = store_bury(past->store, text_of(gone->process), gone->epoch, &gone->counts);
    past->strange += rc != 0 && rc != -ESTALE;
    past->done[past->done_count].epoch = gone->epoch;
    memcpy(past->done[past->done_count].process, gone->process, sizeof(gone->process));
    past->done_count++;
}

/* Where the sums cannot be written the ledgers stay, and are found again: in the store they are already. */
int past_walk(struct past *past, int64_t now_us)
{
    int rc;

    past->now_us = now_us;
    past->done_count = 0;
    rc = ledger_each_past(past->runtime_dir, take, past);
    if (past->done_count == 0)
        return rc;
    rc = write_sums(past);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < past->done_count; i++)
        ledger_remove(past->runtime_dir, past->done[i].process, past->done[i].epoch);
    return 0;
}
