/* metricsd_world.c - the feed for others: where it is, and, beyond this host, who may read it. */
#include "metricsd/metricsd_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "metricsd/feed_endpoint.h"

static bool is_folder(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISDIR(file.st_mode) && access(path, R_OK | X_OK) == 0;
}

int metricsd_judge_feed(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    bool cert = config->feed_curve_cert[0], clients = config->feed_curve_clients[0];
    char endpoint[FEED_ENDPOINT_BYTES];
    int reach = feed_endpoint(config->feed_endpoint, endpoint);
    uint8_t key[BUS_KEY_BYTES];

    if (reach < 0)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "FEED_ENDPOINT: '%.200s' is not of the form ipc://PATH or tcp://ADDRESS:PORT",
                 config->feed_endpoint);
    else if (cert != clients)
        snprintf(error, CONFIG_ERROR_BYTES, "%s: needed where %s is set",
                 cert ? "FEED_CURVE_CLIENTS" : "FEED_CURVE_CERT",
                 cert ? "FEED_CURVE_CERT" : "FEED_CURVE_CLIENTS");
    else if (reach == FEED_WORLD && !cert)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "FEED_ENDPOINT: '%.200s' can be reached from other hosts: set FEED_CURVE_CERT and "
                 "FEED_CURVE_CLIENTS (deploy/keys makes keys), or take a loopback address",
                 config->feed_endpoint);
    else if (reach == FEED_IPC && cert)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "FEED_CURVE_CERT: '%.200s' of FEED_ENDPOINT is not encrypted; only tcp is",
                 config->feed_endpoint);
    else if (clients && !is_folder(config->feed_curve_clients))
        snprintf(error, CONFIG_ERROR_BYTES, "FEED_CURVE_CLIENTS: '%.250s' is no folder that can be read",
                 config->feed_curve_clients);
    else
        return cert ? feed_guard_secret(config->feed_curve_cert, key, error) : 0;
    return -EINVAL;
}

/* The guard is there first: libzmq asks it, and no feed has to do without. */
static struct bus_socket *open_guarded(struct metricsd *metricsd, const struct config *config,
                                       const char *endpoint)
{
    char error[CONFIG_ERROR_BYTES];
    uint8_t key[BUS_KEY_BYTES];
    struct bus_socket *socket = NULL;

    metricsd->guard = feed_guard_new(config->feed_curve_clients);
    errno = ENOMEM;
    if (metricsd->guard && bus_guard_start(metricsd->bus, feed_guard_admits, metricsd->guard)) {
        errno = EINVAL; /* it has changed since it was judged */
        if (feed_guard_secret(config->feed_curve_cert, key, error) == 0)
            socket = bus_publish_guarded(metricsd->bus, endpoint, key);
    }
    sodium_memzero(key, sizeof(key));
    return socket;
}

bool metricsd_open_feed(struct metricsd *metricsd, const struct config *config)
{
    char endpoint[FEED_ENDPOINT_BYTES], local[CONFIG_ENDPOINT_BYTES];

    if (feed_endpoint(config->feed_endpoint, endpoint) < 0)
        return metricsd_complain("bad_option", "FEED_ENDPOINT", EINVAL);
    config_endpoint(config, "feed", local);
    metricsd->local = bus_publish_bind(metricsd->bus, local);
    if (!metricsd->local)
        return metricsd_complain("bind_failed", local, errno);
    if (strcmp(endpoint, local) == 0)
        return true;
    metricsd->world = config->feed_curve_cert[0] ? open_guarded(metricsd, config, endpoint)
                                                 : bus_publish_bind(metricsd->bus, endpoint);
    return metricsd->world || metricsd_complain("bind_failed", endpoint, errno);
}

void metricsd_log_guard(struct metricsd *metricsd)
{
    const struct feed_guard_view now = feed_guard_view(metricsd->guard), *before = &metricsd->guard_logged;

    if (now.error != before->error && now.error < 0)
        log_error("feed_clients_unreadable", log_str("why", strerror(-now.error)));
    if (now.clients != before->clients || now.bad != before->bad)
        log_info("feed_clients", log_int("keys", now.clients), log_int("bad_files", now.bad));
    if (now.refused != before->refused)
        log_warn("feed_client_refused", log_int("more", (int64_t)(now.refused - before->refused)),
                 log_int("total", (int64_t)now.refused), log_str("last_from", now.whence));
    metricsd->guard_logged = now;
}
