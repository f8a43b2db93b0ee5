/* web.h - metricsd's HTTP face: the dashboard, /api/state, /api/history, /metrics, /livez, /readyz. It
 * answers every request at once from what it is given; it knows neither the store nor the bus. */
#ifndef SLUICE_METRICSD_WEB_H
#define SLUICE_METRICSD_WEB_H

#include <event2/event.h>

#include "metricsd/history.h"

/* Texts are borrowed until return; at == NULL: not available now (503). */
struct web_sources {
    struct text (*state)(void *arg);                           /* JSON */
    struct text (*history)(void *arg, enum history_span span); /* JSON */
    struct text (*metrics)(void *arg);                         /* Prometheus text */
    struct text (*policy)(void *arg); /* the page's Content-Security-Policy, a field line */
};

struct web;

/* Takes the listening descriptor; sources are borrowed for ever. NULL: out of memory or descriptors. */
struct web *web_new(struct event_base *base, int listen_fd, const struct web_sources *sources, void *arg);
void web_free(struct web *web); /* takes NULL */

/* Fails readiness, stops accepting, and calls done when the last connection has closed. */
void web_drain(struct web *web, void (*done)(void *arg), void *arg);

#endif
