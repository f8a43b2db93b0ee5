/* cors.h - which pages of other web sites may read our answers (Cross-Origin Resource Sharing, the Fetch
 * standard of WHATWG): those of the listed origins, by every path but /admin. Pure.
 *
 * A page's script sends Origin, and its browser gives it the answer only if that says so. What is more than a
 * plain GET is asked for first, by an OPTIONS request (the "preflight"). No credentials: nothing here is told
 * from another by cookies. */
#ifndef SLUICE_CORS_H
#define SLUICE_CORS_H

#include "common/http_request.h"

#define CORS_ORIGINS_MAX  16
#define CORS_ORIGIN_BYTES 255 /* "https://a.example:8443" */
#define CORS_FIELDS_BYTES 640

struct cors_origin {
    char name[CORS_ORIGIN_BYTES + 1];
    char fields[CORS_FIELDS_BYTES]; /* of the answer to a request that it may make */
};

struct cors {
    unsigned count;
    struct cors_origin origins[CORS_ORIGINS_MAX];
};

/* One more origin: scheme, host and port as a browser writes them, without a path. -EINVAL: it is none;
 * -ENOSPC: too many. One that is there already is no error. */
int cors_add(struct cors *cors, struct text origin);
/* The same for each of a list, with commas between them. *bad is the one that is at fault. */
int cors_add_list(struct cors *cors, struct text list, struct text *bad);

/* The field lines that belong into the answer to this request, whoever gives it. Borrows from cors. */
struct text cors_fields(const struct cors *cors, const struct http_request *request);

/* Whether it is a preflight: then it is to be answered with 204 and these fields, in addition to those of
 * cors_fields(); or refused, where fields->at is NULL, because the origin is not listed. */
bool cors_preflight(const struct cors *cors, const struct http_request *request, struct text *fields);

#endif
