/* cors.c - see cors.h. */
#include "gateway/cors.h"

#include <errno.h>
#include <stdio.h>

#include "common/http_syntax.h"

/* What a script may read beside what the Fetch standard lets it read anyway. */
#define READABLE                                                                                             \
    "Age, Cache-Status, Location, Preference-Applied, Proxy-Status, Retry-After, Server-Timing, "            \
    "Sluice-Job, X-Proxy-Fallback, X-Request-Id"
/* What it may send beside what it may send anyway. */
#define SENDABLE                                                                                             \
    "Cache-Control, Client-Id, Prefer, Priority, Request-Timeout, Traceparent, X-Priority, X-Request-Id"
#define PREFLIGHT_FIELDS                                                                                     \
    "Access-Control-Allow-Methods: GET, HEAD, DELETE\r\n"                                                    \
    "Access-Control-Allow-Headers: " SENDABLE "\r\n"                                                         \
    "Access-Control-Max-Age: 600\r\n"
/* Said to everybody: what a cache has got for one origin is not for the others. */
#define VARIES "Vary: Origin\r\n"

static bool is_scheme(struct text origin, const char *scheme, struct text *rest)
{
    size_t bytes = strlen(scheme);

    if (origin.bytes <= bytes || memcmp(origin.at, scheme, bytes) != 0)
        return false;
    *rest = (struct text){origin.at + bytes, origin.bytes - bytes};
    return true;
}

static bool is_origin(struct text origin)
{
    struct text host;

    if (origin.bytes > CORS_ORIGIN_BYTES ||
        (!is_scheme(origin, "http://", &host) && !is_scheme(origin, "https://", &host)))
        return false;
    for (size_t i = 0; i < host.bytes; i++) {
        if (host.at[i] >= 'A' && host.at[i] <= 'Z') /* browsers write it small */
            return false;
    }
    return http_authority_valid(host);
}

static const struct cors_origin *find(const struct cors *cors, struct text origin)
{
    for (unsigned i = 0; i < cors->count; i++) {
        if (text_equal(origin, cors->origins[i].name))
            return &cors->origins[i];
    }
    return NULL;
}

int cors_add(struct cors *cors, struct text origin)
{
    struct cors_origin *added = &cors->origins[cors->count];

    if (!is_origin(origin))
        return -EINVAL;
    if (find(cors, origin))
        return 0;
    if (cors->count == CORS_ORIGINS_MAX)
        return -ENOSPC;
    snprintf(added->name, sizeof(added->name), "%.*s", (int)origin.bytes, origin.at);
    snprintf(added->fields, sizeof(added->fields),
             VARIES "Access-Control-Allow-Origin: %.*s\r\nAccess-Control-Expose-Headers: " READABLE "\r\n",
             (int)origin.bytes, origin.at);
    cors->count++;
    return 0;
}

int cors_add_list(struct cors *cors, struct text list, struct text *bad)
{
    int rc = 0;

    while (rc == 0 && list.bytes > 0 && http_list_next(&list, bad))
        rc = cors_add(cors, *bad);
    return rc;
}

/* NULL when no listed one asks; said twice it is nobody's. */
static const struct cors_origin *asking(const struct cors *cors, const struct http_request *request)
{
    if (http_request_field_count(request, "Origin") != 1)
        return NULL;
    return find(cors, http_request_field(request, "Origin"));
}

struct text cors_fields(const struct cors *cors, const struct http_request *request)
{
    const struct cors_origin *origin = asking(cors, request);

    return text_of(origin ? origin->fields : VARIES);
}

bool cors_preflight(const struct cors *cors, const struct http_request *request, struct text *fields)
{
    if (request->method != HTTP_OPTIONS || http_request_field_count(request, "Origin") == 0 ||
        http_request_field_count(request, "Access-Control-Request-Method") == 0)
        return false;
    *fields = asking(cors, request) ? text_of(PREFLIGHT_FIELDS) : (struct text){.at = NULL, .bytes = 0};
    return true;
}
