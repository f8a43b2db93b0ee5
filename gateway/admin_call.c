/* admin_call.c - see admin_call.h. */
#include "gateway/admin_call.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "common/params.h"

#define PREFIX         "/admin"
#define QUEUE_PREFIX   "/admin/queue/"
#define US             1000000.0
#define TRIP_SECONDS   600
#define LIMIT_FALLBACK 50
#define QUERY_BYTES    512

struct route {
    const char *path; /* ends in '/': one more part follows */
    enum http_method method;
    /* 0, or -EINVAL with the detail, or -ENOENT. */
    int (*read)(const struct http_request *request, struct admin_call *call);
};

static int refuse(struct admin_call *call, const char *what, const char *why)
{
    return admin_refuse(call->detail, what, why);
}

/* Fills in the members, which are all that may be there. */
static int read_body(const struct http_request *request, struct admin_call *call, struct member *members,
                     unsigned count)
{
    return admin_body_read(request->body, members, count, NULL, call->detail);
}

/* The routes' own readers */

static void set_order(struct admin_call *call, enum control_order order)
{
    call->message.type = MESSAGE_TYPE_control;
    call->message.control.order = order;
    call->message.control.name = text_of("");
}

static void set_query(struct admin_call *call, const char *what)
{
    call->message.type = MESSAGE_TYPE_query;
    call->message.query.what = text_of(what);
}

static int read_ask_policy(const struct http_request *request, struct admin_call *call)
{
    set_query(call, "controls");
    return read_body(request, call, NULL, 0);
}

static int read_policy(const struct http_request *request, struct admin_call *call)
{
    struct member policy = {.name = "policy", .type = MEMBER_TEXT, .required = true};
    int rc = read_body(request, call, &policy, 1);

    set_order(call, CONTROL_POLICY);
    memcpy(call->name, policy.text, sizeof(call->name));
    call->message.control.name = text_of(call->name);
    return rc;
}

static int read_pause(const struct http_request *request, struct admin_call *call)
{
    set_order(call, CONTROL_PAUSE);
    return read_body(request, call, NULL, 0);
}

static int read_resume(const struct http_request *request, struct admin_call *call)
{
    set_order(call, CONTROL_RESUME);
    return read_body(request, call, NULL, 0);
}

static int read_rate(const struct http_request *request, struct admin_call *call)
{
    struct member seconds = {.name = "seconds", .type = MEMBER_SECONDS, .required = true};
    int rc = read_body(request, call, &seconds, 1);

    set_order(call, CONTROL_RATE);
    call->message.control.span_us = llround(seconds.number * US);
    return rc;
}

static int read_breaker(const struct http_request *request, struct admin_call *call)
{
    struct member members[] = {{.name = "action", .type = MEMBER_TEXT, .required = true},
                               {.name = "seconds", .type = MEMBER_SECONDS, .number = TRIP_SECONDS}};
    int rc = read_body(request, call, members, 2);

    if (rc < 0)
        return rc;
    if (strcmp(members[0].text, "trip") == 0) {
        set_order(call, CONTROL_TRIP);
        call->message.control.span_us = llround(members[1].number * US);
        return 0;
    }
    set_order(call, CONTROL_RESET);
    if (strcmp(members[0].text, "reset") != 0)
        return refuse(call, "action", "must be \"trip\" or \"reset\"");
    return members[1].given ? refuse(call, "seconds", "is only for \"trip\"") : 0;
}

/* A key is what the lane would be asked, as in its query: "cpf=52998224725". */
static int read_key(struct text key, struct admin_call *call)
{
    const char *const *names = call->target.lane->params;
    struct param params[LANE_PARAMS] = {{.name = NULL}};
    struct text values[LANE_PARAMS];
    char room[QUERY_BYTES];
    const char *bad;
    unsigned count = 0;

    for (; names[count]; count++)
        params[count] = (struct param){.name = names[count]};
    if (key.bytes > sizeof(room) || params_read(key, params, count, room, &bad) < 0)
        return refuse(call, "key", "is malformed");
    for (unsigned i = 0; i < count; i++)
        values[i] = params[i].value;
    if (call->target.lane->prepare(values, &call->target.call))
        return refuse(call, "key", "is nothing that the lane would be asked, such as cpf=52998224725");
    return 0;
}

/* Each at == NULL: not given. */
static int read_target(struct text key, struct text client_id, struct text lane, struct admin_call *call)
{
    if (!key.at && !client_id.at && !lane.at)
        return 0;
    call->target.lane = lane.at ? lane_named(lane) : &lanes[0];
    if (!call->target.lane)
        return refuse(call, "lane", "no such lane");
    if (!key.at)
        return refuse(call, "key", "is missing");
    if (client_id.bytes > CALLER_CLIENT_BYTES)
        return refuse(call, "client_id", "must have at most 128 characters");
    if (client_id.bytes > 0)
        memcpy(call->target.client_id, client_id.at, client_id.bytes);
    return read_key(key, call);
}

static struct text given(const struct member *member)
{
    return member->given ? text_of(member->text) : (struct text){.at = NULL, .bytes = 0};
}

/* By the query or by the body, where no log of a proxy in front of us sees it. */
static int read_purge(const struct http_request *request, struct admin_call *call)
{
    struct param params[] = {{.name = "key"}, {.name = "client_id"}, {.name = "lane"}};
    struct member members[] = {{.name = "key", .type = MEMBER_TEXT, .most = ADMIN_TEXT_BYTES},
                               {.name = "client_id", .type = MEMBER_TEXT, .most = ADMIN_TEXT_BYTES},
                               {.name = "lane", .type = MEMBER_TEXT}};
    const char *bad = "query";
    char room[QUERY_BYTES];
    int rc;

    set_order(call, CONTROL_PURGE);
    if (!request->query.at) {
        rc = read_body(request, call, members, 3);
        return rc < 0 ? rc : read_target(given(&members[0]), given(&members[1]), given(&members[2]), call);
    }
    if (request->query.bytes > sizeof(room) || params_read(request->query, params, 3, room, &bad) < 0)
        return refuse(call, bad, "is malformed, or given twice");
    if (!params[0].value.at) /* a misspelt name must not empty the whole cache */
        return refuse(call, "key", "is missing");
    rc = read_body(request, call, NULL, 0);
    return rc < 0 ? rc : read_target(params[0].value, params[1].value, params[2].value, call);
}

static bool read_hex(const char *at, uint64_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < 16; i++) {
        bool digit = at[i] >= '0' && at[i] <= '9';

        if (!digit && !(at[i] >= 'a' && at[i] <= 'f'))
            return false;
        *number = *number << 4 | (uint64_t)(digit ? at[i] - '0' : at[i] - 'a' + 10);
    }
    return true;
}

/* The name of a request that waits: its gateway's epoch and its number there. */
static bool read_id(struct text id, uint64_t *gateway, uint64_t *submitted)
{
    return id.bytes == ADMIN_ID_BYTES && id.at[16] == '-' && read_hex(id.at, gateway) &&
           read_hex(id.at + 17, submitted);
}

static int read_remove(const struct http_request *request, struct admin_call *call)
{
    size_t prefix = sizeof(QUEUE_PREFIX) - 1;
    struct text id = {request->path.at + prefix, request->path.bytes - prefix};

    set_order(call, CONTROL_REMOVE);
    if (!read_id(id, &call->message.control.gateway, &call->message.control.submitted))
        return -ENOENT;
    return read_body(request, call, NULL, 0);
}

static bool read_limit(struct text value, uint64_t *limit)
{
    *limit = 0;
    for (size_t i = 0; i < value.bytes && *limit <= QUERY_LIMIT_MAX; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        *limit = *limit * 10 + (uint64_t)(value.at[i] - '0');
    }
    return value.bytes > 0 && *limit >= 1 && *limit <= QUERY_LIMIT_MAX;
}

static int read_queue(const struct http_request *request, struct admin_call *call)
{
    struct param params[] = {{.name = "limit"}, {.name = "after"}};
    struct message_query *query = &call->message.query;
    const char *bad = "query";
    char room[QUERY_BYTES];

    set_query(call, "queue");
    query->limit = LIMIT_FALLBACK;
    if (request->query.bytes > sizeof(room) || params_read(request->query, params, 2, room, &bad) < 0)
        return refuse(call, bad, "is malformed, or given twice");
    if (params[0].value.at && !read_limit(params[0].value, &query->limit))
        return refuse(call, "limit", "must be from 1 to 200");
    if (params[1].value.at && !read_id(params[1].value, &query->gateway, &query->submitted))
        return refuse(call, "after", "must be the id of a request of the list");
    return read_body(request, call, NULL, 0);
}

static const struct route routes[] = {
    {"/admin/policy", HTTP_GET, read_ask_policy}, {"/admin/policy", HTTP_PUT, read_policy},
    {"/admin/pause", HTTP_POST, read_pause},      {"/admin/resume", HTTP_POST, read_resume},
    {"/admin/rate", HTTP_PUT, read_rate},         {"/admin/queue", HTTP_GET, read_queue},
    {QUEUE_PREFIX, HTTP_DELETE, read_remove},     {"/admin/breaker", HTTP_POST, read_breaker},
    {"/admin/cache", HTTP_DELETE, read_purge},
};

static bool leads_to(struct text path, const struct route *route)
{
    size_t bytes = strlen(route->path);

    if (route->path[bytes - 1] != '/')
        return text_equal(path, route->path);
    return path.bytes > bytes && memcmp(path.at, route->path, bytes) == 0;
}

static void note_allowed(struct admin_call *call, enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};
    size_t used = strlen(call->allow);

    snprintf(call->allow + used, sizeof(call->allow) - used, "%s%s", used > 0 ? ", " : "", names[method]);
}

bool admin_call_is(struct text path)
{
    size_t bytes = sizeof(PREFIX) - 1;

    return path.bytes >= bytes && memcmp(path.at, PREFIX, bytes) == 0 &&
           (path.bytes == bytes || path.at[bytes] == '/');
}

static int read_route(const struct route *route, const struct http_request *request, struct admin_call *call)
{
    int rc;

    if (request->body.bytes > ADMIN_BODY_BYTES) {
        snprintf(call->detail, sizeof(call->detail), "body: at most %d bytes are read", ADMIN_BODY_BYTES);
        return 413;
    }
    if (route->read != read_queue && route->read != read_purge && request->query.at) {
        refuse(call, "query", "there is nothing to ask for here");
        return 400;
    }
    rc = route->read(request, call);
    if (rc == -ENOENT)
        snprintf(call->detail, sizeof(call->detail), "No request of that id waits");
    return rc == -ENOENT ? 404 : rc < 0 ? 400 : 0;
}

int admin_call_read(const struct http_request *request, struct admin_call *call)
{
    enum http_method method = request->method == HTTP_HEAD ? HTTP_GET : request->method;

    memset(call, 0, sizeof(*call));
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!leads_to(request->path, &routes[i]))
            continue;
        if (routes[i].method == method)
            return read_route(&routes[i], request, call);
        note_allowed(call, routes[i].method);
    }
    if (call->allow[0]) {
        snprintf(call->detail, sizeof(call->detail), "Only %s are allowed here", call->allow);
        return 405;
    }
    snprintf(call->detail, sizeof(call->detail), "There is no such path under /admin");
    return 404;
}
