/* metricsd.h - the process that listens to all others, adds up, and shows: as Prometheus text, as JSON, as a
 * page, and as a feed of messages. It sits on no request path: whatever happens here, nobody waits for it. */
#ifndef SLUICE_METRICSD_H
#define SLUICE_METRICSD_H

#include "common/config.h"
#include "common/loop.h"

struct metricsd;

/* Refuses options that the table cannot judge (config_judge of common/config.h): METRICSD_BIND,
 * FEED_ENDPOINT. */
int metricsd_judge(const struct config *config, char error[CONFIG_ERROR_BYTES]);

/* Opens its sockets and says READY. NULL when that fails; why has been logged. Borrows the loop until
 * metricsd_free(). */
struct metricsd *metricsd_new(struct loop *loop, const struct config *config);
void metricsd_free(struct metricsd *metricsd); /* takes NULL */

#endif
