/* links.h - where the dashboard's page finds the gateway and the provider's stand-in, and what its browser is
 * told about them: it may connect to nobody else. Pure. */
#ifndef SLUICE_METRICSD_LINKS_H
#define SLUICE_METRICSD_LINKS_H

#include "common/url.h"

#define LINKS_POLICY_BYTES 2048

struct links {
    bool fixed;                /* by GATEWAY_URL: whatever the gateway says */
    char gateway[URL_BYTES];   /* "http://127.0.0.1:5000", without a '/' at the end; "": not known (yet) */
    char simulator[URL_BYTES]; /* "": there is none */
};

/* Of the options GATEWAY_URL and SIMULATOR_URL, each a URL (url_read()) or "". */
void links_init(struct links *links, const char *gateway_url, const char *simulator_url);

/* The gateway's view `configuration`, JSON that has been checked: where it listens. What is there without
 * such an address changes nothing. */
void links_learn(struct links *links, struct text configuration);

/* The page's Content-Security-Policy, a whole field line: its own files and nothing else, no inline script,
 * no frame, and connections only to metricsd and to the links. Gives its bytes. */
size_t links_policy(const struct links *links, char policy[LINKS_POLICY_BYTES]);

#endif
