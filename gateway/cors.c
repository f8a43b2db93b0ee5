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
/* The dashboard gives orders, too. */
#define OWN_PREFLIGHT_FIELDS                                                                                 \
    "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE\r\n"                                         \
    "Access-Control-Allow-Headers: Authorization, Content-Type, " SENDABLE "\r\n"                            \
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

static const struct cors_origin *find(const struct cors_origin *origins, unsigned count, struct text origin)
{
    for (unsigned i = 0; i < count; i++) {
        if (text_equal(origin, origins[i].name))
            return &origins[i];
    }
    return NULL;
}

/* One more, unless it is there. */
static int add(struct cors_origin *origins, unsigned *count, unsigned most, struct text origin)
{
    struct cors_origin *added = origins + *count;

    if (!is_origin(origin))
        return -EINVAL;
    if (find(origins, *count, origin))
        return 0;
    if (*count == most)
        return -ENOSPC;
    snprintf(added->name, sizeof(added->name), "%.*s", (int)origin.bytes, origin.at);
    snprintf(added->fields, sizeof(added->fields),
             VARIES "Access-Control-Allow-Origin: %.*s\r\nAccess-Control-Expose-Headers: " READABLE "\r\n",
             (int)origin.bytes, origin.at);
    ++*count;
    return 0;
}

int cors_add(struct cors *cors, struct text origin)
{
    return add(cors->origins, &cors->count, CORS_ORIGINS_MAX, origin);
}

int cors_add_list(struct cors *cors, struct text list, struct text *bad)
{
    int rc = 0;

    while (rc == 0 && list.bytes > 0 && http_list_next(&list, bad))
        rc = cors_add(cors, *bad);
    return rc;
}

int cors_own(struct cors *cors, const struct text *origins, unsigned count)
{
    unsigned added = 0;
    int rc = 0;

    cors->own_first = cors->own_count;
    for (unsigned i = 0; rc == 0 && i < count; i++)
        rc = add(&cors->own[cors->own_first], &added, CORS_OWN_MAX - cors->own_first, origins[i]);
    cors->own_count += added;
    if (rc < 0)
        cors->own_first = cors->own_count;
    return rc;
}

/* at == NULL when no page asks; an origin said twice is nobody's. */
static struct text asking(const struct http_request *request)
{
    if (http_request_field_count(request, "Origin") != 1)
        return (struct text){.at = NULL, .bytes = 0};
    return http_request_field(request, "Origin");
}

static const struct cors_origin *find_listed(const struct cors *cors, struct text origin)
{
    return origin.at ? find(cors->origins, cors->count, origin) : NULL;
}

static const struct cors_origin *find_own(const struct cors *cors, struct text origin)
{
    return origin.at ? find(&cors->own[cors->own_first], cors->own_count - cors->own_first, origin) : NULL;
}

bool cors_is_own(const struct cors *cors, const struct http_request *request)
{
    return find_own(cors, asking(request)) != NULL;
}

struct text cors_fields(const struct cors *cors, const struct http_request *request)
{
    struct text name = asking(request);
    const struct cors_origin *origin = find_listed(cors, name);

    if (!origin)
        origin = find_own(cors, name);
    return text_of(origin ? origin->fields : VARIES);
}

struct text cors_order_fields(const struct cors *cors, const struct http_request *request)
{
    const struct cors_origin *origin = find_own(cors, asking(request));

    return text_of(origin ? origin->fields : VARIES);
}

static bool is_preflight(const struct http_request *request)
{
    return request->method == HTTP_OPTIONS && http_request_field_count(request, "Origin") > 0 &&
           http_request_field_count(request, "Access-Control-Request-Method") > 0;
}

bool cors_preflight(const struct cors *cors, const struct http_request *request, struct text *fields)
{
    if (cors_order_preflight(cors, request, fields) && !fields->at && find_listed(cors, asking(request)))
        *fields = text_of(PREFLIGHT_FIELDS);
    return is_preflight(request);
}

bool cors_order_preflight(const struct cors *cors, const struct http_request *request, struct text *fields)
{
    *fields = (struct text){.at = NULL, .bytes = 0};
    if (cors_is_own(cors, request))
        *fields = text_of(OWN_PREFLIGHT_FIELDS);
    return is_preflight(request);
}
