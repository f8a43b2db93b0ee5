/* burst_call.c - see burst_call.h. */
#include "gateway/burst_call.h"

#include <stdio.h>

#include "common/http_syntax.h"
#include "common/params.h"

#define PATH_BYTES  (sizeof(BURST_PATH) - 1)
#define QUERY_BYTES 512

bool burst_call_is(struct text path)
{
    return path.bytes >= PATH_BYTES && memcmp(path.at, BURST_PATH, PATH_BYTES) == 0 &&
           (path.bytes == PATH_BYTES || path.at[PATH_BYTES] == '/');
}

static int refuse(struct burst_call *call, int status, const char *detail)
{
    snprintf(call->detail, sizeof(call->detail), "%s", detail);
    return status;
}

static int read_method(enum http_method method, bool one, struct burst_call *call)
{
    call->allow = one ? "GET, HEAD, DELETE" : "GET, HEAD, POST";
    if (method == HTTP_GET || method == HTTP_HEAD)
        call->wish = one ? BURST_SHOW : BURST_LIST;
    else if (one && method == HTTP_DELETE)
        call->wish = BURST_CANCEL;
    else if (!one && method == HTTP_POST)
        call->wish = BURST_BEGIN;
    else
        return refuse(call, 405,
                      one ? "Only GET, HEAD, DELETE are allowed here"
                          : "Only GET, HEAD, POST are allowed here");
    return 0;
}

static bool read_number(struct text text, uint64_t min, uint64_t max, unsigned *number)
{
    uint64_t read;

    if (http_decimal(text, &read) < 0 || read < min || read > max)
        return false;
    *number = (unsigned)read;
    return true;
}

/* `after` is the index of the last result that the client has. */
static int read_page(struct text query, struct burst_call *call)
{
    struct param params[] = {{.name = "limit"}, {.name = "after"}};
    const struct text *limit = &params[0].value, *after = &params[1].value;
    const char *bad = "query";
    char room[QUERY_BYTES];

    if (query.bytes > sizeof(room) || params_read(query, params, 2, room, &bad) < 0) {
        admin_refuse(call->detail, bad, "is malformed, or given twice");
        return 400;
    }
    if (limit->at && !read_number(*limit, 0, BURST_LIMIT_MAX, &call->limit))
        return refuse(call, 400, "limit: must be from 0 to 200");
    if (after->at && !read_number(*after, 0, INT32_MAX - 1, &call->from))
        return refuse(call, 400, "after: must be the index of a result");
    call->from += after->at ? 1 : 0;
    return 0;
}

int burst_call_read(const struct http_request *request, struct burst_call *call)
{
    bool one = request->path.bytes > PATH_BYTES;
    struct text id = {request->path.at + PATH_BYTES + 1, one ? request->path.bytes - PATH_BYTES - 1 : 0};
    int status;

    memset(call, 0, sizeof(*call));
    call->limit = BURST_LIMIT_MAX;
    if (one && !job_name_read(id, &call->name))
        return refuse(call, 404, "There is no such burst");
    status = read_method(request->method, one, call);
    if (status)
        return status;
    if (call->wish == BURST_SHOW)
        return read_page(request->query, call);
    if (request->query.at)
        return refuse(call, 400, "query: there is nothing to ask for here");
    if (call->wish != BURST_BEGIN && request->body.bytes > 0)
        return refuse(call, 400, "body: there is nothing to say here");
    return 0;
}
