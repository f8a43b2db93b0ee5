/* cors.h - which pages of other web sites may read our answers (Cross-Origin Resource Sharing, the Fetch
 * standard of WHATWG): those of the listed origins, by every path but /admin; the dashboard's, by every path.
 * Pure.
 *
 * A page's script sends Origin, and its browser gives it the answer only if that says so. What is more than a
 * plain GET is asked for first, by an OPTIONS request (the "preflight"). No credentials: nothing here is told
 * from another by cookies. */
#ifndef SLUICE_CORS_H
#define SLUICE_CORS_H

#include "common/http_request.h"

#define CORS_ORIGINS_MAX  16
#define CORS_OWN_MAX      48  /* of the dashboard, wherever it has been */
#define CORS_ORIGIN_BYTES 255 /* "https://a.example:8443" */
#define CORS_FIELDS_BYTES 640

struct cors_origin {
    char name[CORS_ORIGIN_BYTES + 1];
    char fields[CORS_FIELDS_BYTES]; /* of the answer to a request that it may make */
};

struct cors {
    unsigned count;
    struct cors_origin origins[CORS_ORIGINS_MAX];
    /* The dashboard's are those from own_first on. Earlier ones stay, for answers may still borrow from them.
     */
    unsigned own_first, own_count;
    struct cors_origin own[CORS_OWN_MAX];
};

/* One more origin: scheme, host and port as a browser writes them, without a path. -EINVAL: it is none;
 * -ENOSPC: too many. One that is there already is no error. */
int cors_add(struct cors *cors, struct text origin);
/* The same for each of a list, with commas between them. *bad is the one that is at fault. */
int cors_add_list(struct cors *cors, struct text list, struct text *bad);

/* The origins of the dashboard, instead of those before. The same errors; then it has none. */
int cors_own(struct cors *cors, const struct text *origins, unsigned count);

/* Whether the dashboard's page asks: its origin, exactly, and said once. */
bool cors_is_own(const struct cors *cors, const struct http_request *request);

/* The field lines that belong into the answer to this request, whoever gives it; of an order under /admin,
 * which no listed page may read. Borrows from cors. */
struct text cors_fields(const struct cors *cors, const struct http_request *request);
struct text cors_order_fields(const struct cors *cors, const struct http_request *request);

/* Whether it is a preflight: then it is to be answered with 204 and these fields, in addition to those above;
 * or refused, where fields->at is NULL, because the page may not send that. */
bool cors_preflight(const struct cors *cors, const struct http_request *request, struct text *fields);
bool cors_order_preflight(const struct cors *cors, const struct http_request *request, struct text *fields);

#endif
