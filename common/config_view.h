/* config_view.h - a process's options as it tells them to metricsd: the view `configuration`. */
#ifndef SLUICE_CONFIG_VIEW_H
#define SLUICE_CONFIG_VIEW_H

#include "common/config.h"
#include "common/event.h"

#define CONFIG_VIEW_NAME  "configuration"
#define CONFIG_VIEW_BYTES (CONFIG_JSON_BYTES + 64)

struct config_view {
    const struct config *config; /* borrowed */
    unsigned process;            /* FOR_GATEWAY ... */
    unsigned port;               /* where it really serves HTTP; 0: left out */
    unsigned ticks;              /* 0 at first */
};

/* {"options":{"QUEUE_MAX_SIZE":"100",...},"port":5000}: 0, or -ENOBUFS. */
int config_view_render(const struct config_view *view, char *buffer, size_t size, struct text *out);

/* Once a second, after event_totals(): posts it at the first and at each fifth call after it, for metricsd
 * may have been restarted. */
void config_view_tick(struct config_view *view, struct event_publisher *publisher);

#endif
