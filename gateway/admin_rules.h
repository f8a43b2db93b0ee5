/* admin_rules.h - who may give orders under /admin: whoever has the token; where there is none, this host's
 * own programs. Never a page of another web site but the dashboard: a browser on this host would carry its
 * requests here as ours, by plain forgery (Origin and Sec-Fetch-Site tell) or by a name of its own that it
 * has rebound to this address (Host tells). Pure. */
#ifndef SLUICE_ADMIN_RULES_H
#define SLUICE_ADMIN_RULES_H

#include "gateway/cors.h"

#define ADMIN_DIGEST_BYTES 32

struct admin_rules {
    const struct cors *cors; /* borrowed: which page is the dashboard's */
    bool has_token;
    unsigned char digest[ADMIN_DIGEST_BYTES]; /* of the token: so every comparison is of equal lengths */
};

struct admin_verdict {
    const char *who;          /* "token" or "loopback": may go on */
    int status;               /* 401 or 403, where who is NULL */
    const char *detail;       /* why */
    const char *authenticate; /* with 401: the value of WWW-Authenticate */
};

/* token "": there is none. */
void admin_rules_init(struct admin_rules *rules, const char *token, const struct cors *cors);

/* local: the peer's address is of the loopback network. */
struct admin_verdict admin_judge(const struct admin_rules *rules, const struct http_request *request,
                                 bool local);

#endif
