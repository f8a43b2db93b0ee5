/* web.h - metricsd's HTTP face: the dashboard, /api/state, /api/history, /api/stream, /metrics, /livez,
 * /readyz. It answers every request at once from what it is given, and hands readers of the stream over; it
 * knows neither the store nor the bus. */
#ifndef SLUICE_METRICSD_WEB_H
#define SLUICE_METRICSD_WEB_H

#include <event2/event.h>

#include "common/config.h"
#include "common/httpd.h"
#include "metricsd/history.h"
#include "metricsd/stream.h"

/* Texts are borrowed until return; at == NULL: not available now (503). */
struct web_sources {
    struct text (*state)(void *arg);                           /* JSON */
    struct text (*history)(void *arg, enum history_span span); /* JSON */
    struct text (*metrics)(void *arg);                         /* Prometheus text */
    struct text (*policy)(void *arg); /* the page's Content-Security-Policy, a field line */
};

struct web;

/* Takes the listening descriptor; borrows the sources for ever, and the stream until web_free(). NULL: out of
 * memory or descriptors. */
struct web *web_new(struct event_base *base, int listen_fd, const struct web_sources *sources, void *arg,
                    struct stream *stream, const struct config *config);
void web_free(struct web *web); /* takes NULL */

/* Fails readiness, stops accepting, ends streams, and calls done when the last connection has closed. */
void web_drain(struct web *web, void (*done)(void *arg), void *arg);

/* Borrowed for as long as web lives. */
const struct httpd_stats *web_stats(const struct web *web);

#endif
