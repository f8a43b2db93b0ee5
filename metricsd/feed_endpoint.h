/* feed_endpoint.h - where the metrics feed may be offered. Pure. */
#ifndef SLUICE_METRICSD_FEED_ENDPOINT_H
#define SLUICE_METRICSD_FEED_ENDPOINT_H

#include <stddef.h>

#define FEED_ENDPOINT_BYTES 256

/* Who can reach it: by ipc, those whom the file system lets; over tcp this host's users; or other hosts, too.
 */
enum feed_reach { FEED_IPC, FEED_LOOPBACK, FEED_WORLD };

/* Checks the operator's endpoint, and writes the one to bind: ZeroMQ binds to addresses, not to `localhost`.
 * A reach, or -EINVAL: not an endpoint. */
int feed_endpoint(const char *wanted, char endpoint[FEED_ENDPOINT_BYTES]);

#endif
