/* feed_guard.h - who may read the feed from other hosts: metricsd's secret key, and the folder of its
 * clients' public ones. Both are certificates as czmq writes them (zcert; deploy/keys makes them). */
#ifndef SLUICE_METRICSD_FEED_GUARD_H
#define SLUICE_METRICSD_FEED_GUARD_H

#include "common/bus.h"
#include "common/config.h"

#define FEED_CLIENTS_MAX   1024
#define FEED_ADDRESS_BYTES 64

/* Reads the secret key of the certificate: the file itself, or the one beside it with `_secret` at its end,
 * which nobody but its owner may read. 0, or -EINVAL with a sentence in error, which names the option. */
int feed_guard_secret(const char *path, uint8_t key[BUS_KEY_BYTES], char error[CONFIG_ERROR_BYTES]);

struct feed_guard_view {
    unsigned clients;   /* keys that are let in, */
    unsigned bad;       /* and files that are no certificates, or too many */
    int error;          /* -errno: the folder cannot be read, and nobody is let in */
    uint64_t refused;   /* clients that were not */
    const char *whence; /* the last of them; empty: none yet */
};

struct feed_guard;

/* Reads the folder: each file in it that does not end in `_secret` (nor begin with a dot). NULL: out of
 * memory. Borrows folder for ever. */
struct feed_guard *feed_guard_new(const char *folder);
void feed_guard_free(struct feed_guard *guard); /* takes NULL */
struct feed_guard_view feed_guard_view(const struct feed_guard *guard);

/* A bus_guard (common/bus.h); arg is the feed_guard. Looks at the folder again when a file has
 * come or gone, or when it has not done so for a second. */
bool feed_guard_admits(void *arg, const uint8_t key[BUS_KEY_BYTES], struct text address);

#endif
