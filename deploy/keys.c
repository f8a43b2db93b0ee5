/* keys.c - sluice-keys: makes the certificates of the encrypted feed, metricsd's or a client's, as pairs of
 * files in czmq's format: NAME, which may be shown, and NAME_secret. It never overwrites: who has lost a key
 * can make another one. */
#include "common/config.h" /* before czmq.h, whose syslog.h has macros of the same names */

#include <ctype.h>
#include <czmq.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SERVER_NAME    "metricsd"
#define NAME_MAX_BYTES 64
#define PATH_BYTES     (CONFIG_TEXT_BYTES + NAME_MAX_BYTES + 2)

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "sluice-keys: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

static int usage(FILE *out)
{
    fprintf(out, "Usage: deploy/keys server DIR       makes metricsd's certificate in DIR\n"
                 "       deploy/keys client NAME DIR  makes that of a client of the feed\n"
                 "Each is two files, NAME and NAME_secret, with mode 0600. Nothing is overwritten.\n");
    return out == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* metricsd takes what ends in _secret for no client's. */
static bool is_name(const char *name)
{
    size_t bytes = strlen(name), end = sizeof("_secret") - 1;

    if (bytes == 0 || bytes > NAME_MAX_BYTES || name[0] == '.' || name[0] == '-')
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    }
    return bytes < end || strcmp(name + bytes - end, "_secret") != 0;
}

/* By a link, which fails where a file is: between a look and a write another one might come. */
static bool put(zcert_t *cert, int (*save)(zcert_t *, const char *), const char *path)
{
    char fresh[PATH_BYTES + 32];
    bool done;
    int error;

    snprintf(fresh, sizeof(fresh), "%s.%d", path, getpid());
    done = save(cert, fresh) == 0 && chmod(fresh, 0600) == 0 && link(fresh, path) == 0;
    error = errno;
    unlink(fresh);
    if (!done)
        fail(path, strerror(error));
    return done;
}

static bool make(const char *name, const char *path, const char *path_secret)
{
    zcert_t *cert = zcert_new();
    bool done;

    if (!cert) {
        fail(path, "libzmq was built without CURVE");
        return false;
    }
    zcert_set_meta(cert, "name", "%s", name);
    done = put(cert, zcert_save_secret, path_secret);
    if (done && !put(cert, zcert_save_public, path)) {
        unlink(path_secret);
        done = false;
    }
    zcert_destroy(&cert);
    return done;
}

static void explain(bool server, const char *path, const char *path_secret)
{
    if (server)
        printf("Set for metricsd:\n  FEED_CURVE_CERT=%s\n  FEED_CURVE_CLIENTS=a folder of its clients' "
               "certificates\n"
               "Give to its clients:\n  %s\n",
               path_secret, path);
    else
        printf("Copy into metricsd's FEED_CURVE_CLIENTS:\n  %s\nGive to the client, and keep from anybody "
               "else:\n  %s\n",
               path, path_secret);
}

int main(int argc, char **argv)
{
    char path[PATH_BYTES], path_secret[PATH_BYTES + 8];
    const char *name, *dir;
    bool server;
    int rc;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    server = argc == 3 && strcmp(argv[1], "server") == 0;
    if (!server && !(argc == 4 && strcmp(argv[1], "client") == 0))
        return usage(stderr);
    name = server ? SERVER_NAME : argv[2];
    dir = argv[argc - 1];
    if (!is_name(name))
        return fail(name, "a name is 1 to 64 letters, digits, '.', '-' and '_', and does not end in _secret");
    if (strlen(dir) >= CONFIG_TEXT_BYTES)
        return fail(dir, strerror(ENAMETOOLONG));
    zsys_handler_set(NULL);
    zsys_set_logstream(NULL);
    rc = config_make_dir(dir);
    if (rc < 0)
        return fail(dir, strerror(-rc));
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    snprintf(path_secret, sizeof(path_secret), "%s_secret", path);
    if (access(path, F_OK) == 0)
        return fail(path, "is there already; nothing has been changed");
    if (!make(name, path, path_secret))
        return EXIT_FAILURE;
    explain(server, path, path_secret);
    return EXIT_SUCCESS;
}
