/* ledger.c - see ledger.h. */
#include "common/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"

#define PATH_BYTES 512
#define MAGIC      UINT64_C(0x4c65646765723031) /* "Ledger01" */

/* The whole file. */
struct page {
    uint64_t magic, layout;
    struct ledger_counts counts;
};

struct ledger {
    int fd; /* -1: the page lies in memory alone */
    struct page *page;
};

int ledger_dir(const char *runtime_dir, char *path, size_t size)
{
    int bytes = snprintf(path, size, "%s/ledgers", runtime_dir);

    return bytes < 0 || (size_t)bytes >= size ? -ENAMETOOLONG : config_make_dir(path);
}

/* FNV-1a over all that the place of a count depends on. */
static uint64_t add_to_hash(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

uint64_t ledger_layout(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ HISTOGRAM_BUCKETS;

    for (int i = 0; i < METRIC_COUNT; i++) {
        hash = add_to_hash(hash, metric_spec((enum metric)i)->process);
        hash = add_to_hash(hash, metric_spec((enum metric)i)->key);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        hash = add_to_hash(hash, metric_histogram_spec((enum metric_histogram)i)->name);
    return hash;
}

static int count_files(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* The file has no name before it is whole and locked: nobody takes it for one whose process is gone. */
static int make_file(const char *runtime_dir, const char *process, uint64_t epoch)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 64], self[32];
    int fd, rc = ledger_dir(runtime_dir, dir, sizeof(dir));

    if (rc < 0)
        return rc;
    if (count_files(dir) >= LEDGERS_MAX)
        return -ENOSPC;
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    snprintf(path, sizeof(path), "%s/%.*s-%016" PRIx64, dir, LEDGER_PROCESS_BYTES, process, epoch);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    errno = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && posix_fallocate(fd, 0, sizeof(struct page)) == 0 &&
        linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        return fd;
    rc = errno ? -errno : -ENOSPC;
    close(fd);
    return rc;
}

/* -1 for the descriptor when it cannot be. */
static struct page *map_file(int *fd, int *error)
{
    void *at =
        *fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);

    if (at != MAP_FAILED)
        return at;
    if (*fd >= 0) {
        *error = -errno;
        close(*fd);
        *fd = -1;
    }
    return calloc(1, sizeof(struct page));
}

struct ledger *ledger_open(const char *runtime_dir, const char *process, uint64_t epoch, int *error)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (!ledger)
        return NULL;
    ledger->fd = make_file(runtime_dir, process, epoch);
    *error = ledger->fd < 0 ? ledger->fd : 0;
    ledger->page = map_file(&ledger->fd, error);
    if (!ledger->page) {
        free(ledger);
        return NULL;
    }
    ledger->page->layout = ledger_layout();
    ledger->page->magic = MAGIC;
    return ledger;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    if (ledger->fd >= 0) {
        munmap(ledger->page, sizeof(*ledger->page));
        close(ledger->fd); /* unlocks it */
    } else {
        free(ledger->page);
    }
    free(ledger);
}

struct ledger_counts *ledger_counts(struct ledger *ledger)
{
    return &ledger->page->counts;
}

/* PROCESS-EPOCH; what else lies there is not ours. */
static bool read_name(const char *name, struct ledger_past *past)
{
    const char *dash = strchr(name, '-');
    size_t bytes = dash ? (size_t)(dash - name) : 0;
    char *end;

    if (bytes == 0 || bytes > LEDGER_PROCESS_BYTES || strlen(dash + 1) != 16)
        return false;
    memcpy(past->process, name, bytes);
    past->process[bytes] = '\0';
    past->epoch = strtoull(dash + 1, &end, 16);
    return *end == '\0';
}

/* False: its process lives, or the file cannot be read at all. */
static bool read_past(int dir_fd, const char *name, struct ledger_past *past)
{
    struct page page = {.magic = 0};
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool gone = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;

    if (gone) {
        past->good = read(fd, &page, sizeof(page)) == (ssize_t)sizeof(page) && page.magic == MAGIC &&
                     page.layout == ledger_layout();
        past->counts = page.counts;
    }
    if (fd >= 0)
        close(fd);
    return gone;
}

int ledger_each_past(const char *runtime_dir, void (*take)(void *arg, const struct ledger_past *past),
                     void *arg)
{
    struct ledger_past past;
    struct dirent *entry;
    char path[PATH_BYTES];
    int rc = ledger_dir(runtime_dir, path, sizeof(path));
    DIR *dir = rc < 0 ? NULL : opendir(path);

    if (!dir)
        return rc < 0 ? rc : -errno;
    while ((entry = readdir(dir))) {
        if (read_name(entry->d_name, &past) && read_past(dirfd(dir), entry->d_name, &past))
            take(arg, &past);
    }
    closedir(dir);
    return 0;
}

void ledger_remove(const char *runtime_dir, const char *process, uint64_t epoch)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 64];

    if (ledger_dir(runtime_dir, dir, sizeof(dir)) < 0)
        return;
    snprintf(path, sizeof(path), "%s/%.*s-%016" PRIx64, dir, LEDGER_PROCESS_BYTES, process, epoch);
    unlink(path);
}
