/* dashboard.c - see dashboard.h. */
#include "gateway/dashboard.h"

#include <stdio.h>

#define PAGES_MAX 3

/* The pages' origins, as a browser says them. */
static int own(struct cors *cors, const char *const *pages, unsigned count)
{
    char origins[PAGES_MAX][URL_ORIGIN_BYTES];
    struct text names[PAGES_MAX];
    struct url url;

    for (unsigned i = 0; i < count; i++) {
        if (!url_read(text_of(pages[i]), &url))
            return cors_own(cors, NULL, 0);
        url_origin(&url, origins[i]);
        names[i] = text_of(origins[i]);
    }
    return cors_own(cors, names, count);
}

/* A browser on this host may use any of its names. */
static int own_loopback(struct cors *cors, unsigned port)
{
    static const char *const hosts[PAGES_MAX] = {"localhost", "127.0.0.1", "::1"};
    char urls[PAGES_MAX][URL_BYTES];
    const char *pages[PAGES_MAX];

    for (unsigned i = 0; i < PAGES_MAX; i++) {
        url_of_listener(hosts[i], port, urls[i]);
        pages[i] = urls[i];
    }
    return own(cors, pages, PAGES_MAX);
}

int dashboard_place(const struct dashboard *dashboard, char url[URL_BYTES], struct cors *cors)
{
    struct text bind = text_of(dashboard->bind);
    char listener[URL_BYTES];
    const char *page = url;

    url[0] = '\0';
    if (dashboard->url[0]) {
        snprintf(url, URL_BYTES, "%s", dashboard->url);
        return own(cors, &page, 1);
    }
    if (dashboard->port == 0)
        return cors_own(cors, NULL, 0);
    url_of_listener(dashboard->bind, dashboard->port, listener);
    snprintf(url, URL_BYTES, "%.*s/", URL_BYTES - 2, listener);
    return url_loopback(bind) || url_wildcard(bind) ? own_loopback(cors, dashboard->port)
                                                    : own(cors, &page, 1);
}
