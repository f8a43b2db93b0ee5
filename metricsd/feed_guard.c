/* feed_guard.c - see feed_guard.h. Not czmq's zcertstore: it ends the process when two files hold the same key, and
 * walks the folder each time that it is asked. */
#include "metricsd/feed_guard.h"

#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "common/clock.h"

#define SECRET_END     "_secret"
#define FILE_MAX_BYTES 16384
#define LOOK_US        1000000
#define PATH_BYTES     (CONFIG_TEXT_BYTES + NAME_MAX + 2)

struct feed_guard {
    const char *folder;
    struct feed_guard_view view;
    char whence[FEED_ADDRESS_BYTES];
    int64_t looked_at_us;
    uint64_t print; /* of the folder as it was read */
    uint8_t keys[FEED_CLIENTS_MAX][BUS_KEY_BYTES];
};

static bool ends_secret(const char *name)
{
    size_t bytes = strlen(name), end = sizeof(SECRET_END) - 1;

    return bytes >= end && strcmp(name + bytes - end, SECRET_END) == 0;
}

/* A certificate, or NULL. czmq would read the whole of any file, wait for a pipe, and tell its own log of what it
 * cannot read. */
static zcert_t *load(const char *path, struct stat *file)
{
    zsys_handler_set(NULL);
    zsys_set_logstream(NULL);
    if (stat(path, file) < 0 || !S_ISREG(file->st_mode) || file->st_size > FILE_MAX_BYTES)
        return NULL;
    return zcert_load(path);
}

static bool has_secret(zcert_t *cert)
{
    static const uint8_t none[BUS_KEY_BYTES];

    return memcmp(zcert_secret_key(cert), none, sizeof(none)) != 0;
}

/* Clients know the public key of the file, so a pair that does not match would let nobody in, and not say why. */
static bool is_pair(zcert_t *cert)
{
    char public_txt[41];

    return zmq_curve_public(public_txt, zcert_secret_txt(cert)) == 0 &&
           strcmp(public_txt, zcert_public_txt(cert)) == 0;
}

static const char *fault_of(zcert_t *cert, const struct stat *file)
{
    if (!cert)
        return "is no certificate that can be read (deploy/keys makes them)";
    if (!has_secret(cert))
        return "holds no secret key (deploy/keys makes one)";
    if (file->st_mode & 077)
        return "can be read by others than its owner: chmod 600 it, or make a new one";
    return is_pair(cert) ? NULL : "holds keys that are no pair";
}

int feed_guard_secret(const char *path, uint8_t key[BUS_KEY_BYTES], char error[CONFIG_ERROR_BYTES])
{
    char beside[CONFIG_TEXT_BYTES + sizeof(SECRET_END)];
    const char *fault, *real = beside;
    struct stat file;
    zcert_t *cert;

    snprintf(beside, sizeof(beside), "%s" SECRET_END, path);
    if (access(beside, F_OK) < 0)
        real = path;
    cert = load(real, &file);
    fault = fault_of(cert, &file);
    if (fault)
        snprintf(error, CONFIG_ERROR_BYTES, "FEED_CURVE_CERT: '%.300s' %s", real, fault);
    else
        memcpy(key, zcert_secret_key(cert), BUS_KEY_BYTES);
    zcert_destroy(&cert);
    return fault ? -EINVAL : 0;
}

static bool is_known(const struct feed_guard *guard, const uint8_t key[BUS_KEY_BYTES])
{
    for (unsigned i = 0; i < guard->view.clients; i++) {
        if (memcmp(guard->keys[i], key, BUS_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static void take(struct feed_guard *guard, const char *path)
{
    struct stat file;
    zcert_t *cert = load(path, &file);

    if (!cert)
        guard->view.bad++;
    else if (!is_known(guard, zcert_public_key(cert))) {
        if (guard->view.clients < FEED_CLIENTS_MAX)
            memcpy(guard->keys[guard->view.clients++], zcert_public_key(cert), BUS_KEY_BYTES);
        else
            guard->view.bad++;
    }
    zcert_destroy(&cert);
}

static uint64_t mix(uint64_t print, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print = (print ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return print;
}

/* What changes when the file does; the sum of all of a folder does not depend on their order. */
static uint64_t print_of(const char *path)
{
    uint64_t print = mix(UINT64_C(14695981039346656037), path, strlen(path));
    struct stat file;

    if (stat(path, &file) < 0)
        return print;
    print = mix(print, &file.st_ino, sizeof(file.st_ino));
    print = mix(print, &file.st_size, sizeof(file.st_size));
    print = mix(print, &file.st_ctim.tv_sec, sizeof(file.st_ctim.tv_sec));
    return mix(print, &file.st_ctim.tv_nsec, sizeof(file.st_ctim.tv_nsec));
}

/* Goes through the certificates: takes them in, or only looks whether they are the same. */
static int walk(struct feed_guard *guard, bool taking, uint64_t *print)
{
    DIR *dir = opendir(guard->folder);
    const struct dirent *entry;
    char path[PATH_BYTES];

    *print = 0;
    if (!dir)
        return -errno;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || ends_secret(entry->d_name))
            continue;
        snprintf(path, sizeof(path), "%s/%s", guard->folder, entry->d_name);
        *print += print_of(path);
        if (taking)
            take(guard, path);
    }
    closedir(dir);
    return 0;
}

static void look(struct feed_guard *guard)
{
    uint64_t print;

    guard->looked_at_us = clock_now_us();
    guard->view.error = walk(guard, false, &print);
    if (guard->view.error == 0 && print == guard->print)
        return;
    guard->view.clients = guard->view.bad = 0;
    guard->print = print;
    if (guard->view.error == 0)
        guard->view.error = walk(guard, true, &print);
}

struct feed_guard *feed_guard_new(const char *folder)
{
    struct feed_guard *guard = calloc(1, sizeof(*guard));

    if (!guard)
        return NULL;
    guard->folder = folder;
    guard->view.whence = guard->whence;
    look(guard);
    return guard;
}

void feed_guard_free(struct feed_guard *guard)
{
    free(guard);
}

struct feed_guard_view feed_guard_view(const struct feed_guard *guard)
{
    return guard->view;
}

bool feed_guard_admits(void *arg, const uint8_t key[BUS_KEY_BYTES], struct text address)
{
    struct feed_guard *guard = arg;

    if (clock_now_us() - guard->looked_at_us >= LOOK_US)
        look(guard);
    if (is_known(guard, key))
        return true;
    guard->view.refused++;
    snprintf(guard->whence, sizeof(guard->whence), "%.*s", TEXT_ARGS(address));
    return false;
}
