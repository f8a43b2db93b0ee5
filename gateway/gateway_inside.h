/* gateway_inside.h - what the files of the process share: gateway.c (requests, timers, life) and
 * gateway_links.c (the other processes). For them alone. */
#ifndef SLUICE_GATEWAY_INSIDE_H
#define SLUICE_GATEWAY_INSIDE_H

#include "common/audit.h"
#include "common/config_view.h"
#include "gateway/admin.h"
#include "gateway/bursts.h"
#include "gateway/cors.h"
#include "gateway/dashboard.h"
#include "gateway/feed.h"
#include "gateway/gateway.h"
#include "gateway/health.h"
#include "gateway/proxy.h"

struct gateway {
    const struct config *config;
    struct loop *loop;
    struct bus *bus;
    struct bus_socket *link;
    struct event_publisher *events;
    struct audit audit;
    struct httpd *httpd;
    struct cache *cache;
    struct proxy *proxy;
    struct admin *admin;
    struct bursts *bursts;
    struct event *tick, *deadline, *last_call;
    int64_t deadline_us; /* for which the timer is armed; INT64_MAX: it is not */
    int64_t link_us;     /* when the link went up or down */
    uint64_t starved;    /* of httpd's, what has been told */
    unsigned troubled;   /* ticks since when the cache cannot be read */
    bool closing;        /* who would wait now is refused */
    bool unconnected;    /* the last connection of a drain has closed */
    struct feed feed;
    struct health_facts health;
    struct metrics *metrics; /* in events */
    struct config_view options;
    unsigned dashboard_port; /* where it is known to be */
    char dashboard_url[URL_BYTES];
    struct cors cors;
};

/* gateway.c */
struct moment gateway_now(void);
/* The dashboard is there from now on. */
void gateway_place_dashboard(struct gateway *gateway, unsigned port);
/* After something has come to the proxy. */
void gateway_settle(struct gateway *gateway, const struct moment *moment);

/* gateway_links.c */
/* To the scheduler, to metricsd and its feed. 0 or -errno. */
int gateway_open_links(struct gateway *gateway);

#endif
