/* feed_guard.c - see feed_guard.h. Not with czmq: its zcertstore ends the process when two files hold the
 * same key, and walks the folder each time that it is asked; its zcert_load() reads any file whole, waits for
 * pipes, and loses memory at each file that is no certificate. */
#include "metricsd/feed_guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"

#define SECRET_END     "_secret"
#define FILE_MAX_BYTES 16384
#define KEY_TEXT_BYTES 41 /* Z85, and its end */
#define LOOK_US        1000000
#define PATH_BYTES     (CONFIG_TEXT_BYTES + NAME_MAX + 2)

struct certificate {
    struct stat file;
    char public_text[KEY_TEXT_BYTES], secret_text[KEY_TEXT_BYTES]; /* empty: none */
};

struct feed_guard {
    const char *folder;
    struct feed_guard_view view;
    char whence[FEED_ADDRESS_BYTES];
    int64_t looked_at_us;
    struct timespec changed; /* when the folder itself had, as it was read: a file came or went */
    uint64_t print;          /* of its files */
    uint8_t keys[FEED_CLIENTS_MAX][BUS_KEY_BYTES];
};

static bool ends_secret(const char *name)
{
    size_t bytes = strlen(name), end = sizeof(SECRET_END) - 1;

    return bytes >= end && strcmp(name + bytes - end, SECRET_END) == 0;
}

/* The key of that name, if this is its line: name = "40 characters of Z85". */
static bool take_key(const char *line, const char *name, char key[KEY_TEXT_BYTES])
{
    size_t bytes = strlen(name);

    line += strspn(line, " \t");
    if (strncmp(line, name, bytes) != 0)
        return false;
    line += bytes;
    line += strspn(line, " \t");
    if (*line != '=')
        return false;
    line += 1 + strspn(line + 1, " \t");
    if (*line != '"' || strcspn(line + 1, "\"") != KEY_TEXT_BYTES - 1)
        return false;
    memcpy(key, line + 1, KEY_TEXT_BYTES - 1);
    key[KEY_TEXT_BYTES - 1] = '\0';
    return true;
}

/* Of the section `curve`; what else stands there is of no interest. */
static bool parse(char *content, struct certificate *certificate)
{
    uint8_t key[BUS_KEY_BYTES];
    bool in_curve = false;
    char *rest = NULL;

    for (char *line = strtok_r(content, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        if (line[0] != ' ' && line[0] != '\t')
            in_curve = strncmp(line, "curve", 5) == 0 && line[5 + strspn(line + 5, " \t")] == '\0';
        if (in_curve && !take_key(line, "public-key", certificate->public_text))
            take_key(line, "secret-key", certificate->secret_text);
    }
    return certificate->public_text[0] && zmq_z85_decode(key, certificate->public_text) &&
           (!certificate->secret_text[0] || zmq_z85_decode(key, certificate->secret_text));
}

static bool load(const char *path, struct certificate *certificate)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */
    char content[FILE_MAX_BYTES + 1];
    ssize_t bytes = -1;
    bool good;

    *certificate = (struct certificate){.public_text = ""};
    if (fd < 0)
        return false;
    if (fstat(fd, &certificate->file) == 0 && S_ISREG(certificate->file.st_mode))
        bytes = read(fd, content, sizeof(content));
    close(fd);
    if (bytes <= 0 || bytes > FILE_MAX_BYTES)
        return false;
    content[bytes] = '\0';
    good = parse(content, certificate);
    sodium_memzero(content, sizeof(content));
    return good;
}

/* Clients know the public key of the file, so a pair that does not match would let nobody in, and not say
 * why. */
static bool is_pair(const struct certificate *certificate)
{
    char public_text[KEY_TEXT_BYTES];

    return zmq_curve_public(public_text, certificate->secret_text) == 0 &&
           strcmp(public_text, certificate->public_text) == 0;
}

static const char *fault_of(const char *path, struct certificate *certificate)
{
    if (!load(path, certificate))
        return "is no certificate that can be read (deploy/keys makes them)";
    if (!certificate->secret_text[0])
        return "holds no secret key (deploy/keys makes one)";
    if (certificate->file.st_mode & 077)
        return "can be read by others than its owner: chmod 600 it, or make a new one";
    return is_pair(certificate) ? NULL : "holds keys that are no pair";
}

int feed_guard_secret(const char *path, uint8_t key[BUS_KEY_BYTES], char error[CONFIG_ERROR_BYTES])
{
    char beside[CONFIG_TEXT_BYTES + sizeof(SECRET_END)];
    struct certificate certificate;
    const char *fault;

    snprintf(beside, sizeof(beside), "%s" SECRET_END, path);
    if (access(beside, F_OK) == 0)
        path = beside;
    fault = fault_of(path, &certificate);
    if (fault)
        snprintf(error, CONFIG_ERROR_BYTES, "FEED_CURVE_CERT: '%.300s' %s", path, fault);
    else
        zmq_z85_decode(key, certificate.secret_text);
    sodium_memzero(&certificate, sizeof(certificate));
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
    struct certificate certificate;
    uint8_t key[BUS_KEY_BYTES];
    bool good = load(path, &certificate) && zmq_z85_decode(key, certificate.public_text);

    sodium_memzero(&certificate, sizeof(certificate));
    if (good && is_known(guard, key))
        return;
    if (good && guard->view.clients < FEED_CLIENTS_MAX)
        memcpy(guard->keys[guard->view.clients++], key, sizeof(key));
    else
        guard->view.bad++;
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

static struct timespec changed_at(const struct feed_guard *guard)
{
    struct stat folder;

    return stat(guard->folder, &folder) == 0 ? folder.st_mtim : (struct timespec){.tv_sec = 0};
}

static void look(struct feed_guard *guard)
{
    uint64_t print;

    guard->looked_at_us = clock_now_us();
    guard->changed = changed_at(guard);
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

/* A new file is seen at once, for who is refused does not come again by itself; strangers cause one look a
 * second. */
static bool is_stale(const struct feed_guard *guard)
{
    struct timespec changed = changed_at(guard);

    return clock_now_us() - guard->looked_at_us >= LOOK_US || changed.tv_sec != guard->changed.tv_sec ||
           changed.tv_nsec != guard->changed.tv_nsec;
}

bool feed_guard_admits(void *arg, const uint8_t key[BUS_KEY_BYTES], struct text address)
{
    struct feed_guard *guard = arg;

    if (is_stale(guard))
        look(guard);
    if (is_known(guard, key))
        return true;
    guard->view.refused++;
    snprintf(guard->whence, sizeof(guard->whence), "%.*s", TEXT_ARGS(address));
    return false;
}
