/* dashboard.h - where the dashboard is: GET / leads there, and of all pages of other origins its own alone
 * may use /admin. Pure. */
#ifndef SLUICE_DASHBOARD_H
#define SLUICE_DASHBOARD_H

#include "common/url.h"
#include "gateway/cors.h"

struct dashboard {
    const char *url;  /* DASHBOARD_URL; "": where metricsd listens: */
    const char *bind; /* METRICSD_BIND */
    unsigned port;    /* 0: not known (yet) */
};

/* Fills in where browsers find it, "" when nobody knows, and tells cors its origins: that of DASHBOARD_URL;
 * else the loopback's names for a metricsd that can be reached there, or its own address. 0, or as
 * cors_own(): then nobody's page may use /admin. */
int dashboard_place(const struct dashboard *dashboard, char url[URL_BYTES], struct cors *cors);

#endif
