/* feed_endpoint.h - where the metrics feed may be offered. Pure. */
#ifndef SLUICE_METRICSD_FEED_ENDPOINT_H
#define SLUICE_METRICSD_FEED_ENDPOINT_H

#include <stddef.h>

#define FEED_ENDPOINT_BYTES 256

/* The feed is neither encrypted nor does it ask who listens, so over tcp it stays on the loopback network.
 * Checks the operator's endpoint, and writes the one to bind: ZeroMQ binds to addresses, not to `localhost`.
 * 0; -EINVAL: not an endpoint; -EACCES: it would be reachable from other hosts. */
int feed_endpoint(const char *wanted, char endpoint[FEED_ENDPOINT_BYTES]);

#endif
