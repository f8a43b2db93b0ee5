/* routes.h - the paths that the gateway answers from what it knows itself: health, metrics, the index. (The
 * lanes' paths are in lane.h.) Each page only reads a view, and writes into a buffer. */
#ifndef SLUICE_ROUTES_H
#define SLUICE_ROUTES_H

#include "common/httpd.h"
#include "gateway/feed.h"
#include "gateway/health.h"

#define ROUTE_PAGE_BYTES 4096

struct route_view {
    const struct health_facts *health;
    const struct feed *feed;
    const char *dashboard_url; /* "" when it is not known */
    int64_t now_us;
};

struct route_page {
    int status;
    const char *type;     /* media type; NULL: there is no page, answer a problem of that status */
    const char *detail;   /* of that problem */
    const char *location; /* NULL: nowhere else */
    struct text body;     /* in the buffer, or borrowed from the view */
    char buffer[ROUTE_PAGE_BYTES];
};

struct route {
    const char *path;
    const char *help;
    void (*show)(const struct route_view *view, struct route_page *page);
};

/* NULL when there is none. */
const struct route *route_find(struct text path);

/* Ends the exchange: with the page; with a problem document. */
void route_show(const struct route *route, const struct route_view *view, struct httpd_exchange *exchange,
                struct text request_id);
void route_refuse(struct httpd_exchange *exchange, int status, const char *detail, struct text request_id);

#endif
