/* caller.h - what a request says about its sender, apart from what it asks for: who, how urgent, and the
 * names under which to trace it. Pure.
 *
 *   client id   field `client-id`, or query `client-id` or `client_id`: 1..128 visible ASCII characters.
 * Empty counts as not given. priority    query `priority` or field `X-Priority`: 0 (most urgent) .. 99; else
 * RFC 9218 `Priority: u=N`, as round(10 N / 3); else 10. Browsers send `Priority` unasked, so it yields to
 * ours, and what cannot be read in it is ignored, as its RFC says. request id  field `X-Request-Id`: 1..64
 * safe characters; another one is replaced, not refused. traceparent as in W3C Trace Context; another one is
 * ignored, as it says. */
#ifndef SLUICE_CALLER_H
#define SLUICE_CALLER_H

#include "common/http_request.h"
#include "common/params.h"

#define CALLER_CLIENT_BYTES     128
#define CALLER_REQUEST_ID_BYTES 64
#define CALLER_PRIORITY         10

struct caller {
    struct text client_id;   /* at == NULL: not given */
    struct text request_id;  /* at == NULL: none that may be used */
    struct text traceparent; /* at == NULL: none that may be used */
    unsigned priority;
};

/* The query parameters of a caller; a list for params_read() starts with them. */
enum caller_param { CALLER_PARAM_PRIORITY, CALLER_PARAM_CLIENT_ID, CALLER_PARAM_CLIENT_ID_2, CALLER_PARAMS };
extern const char *const caller_param_names[CALLER_PARAMS];

/* Fills in the caller, which borrows from both. 0 or -EINVAL; *bad is then the name of what is malformed, or
 * was given twice with two values (request_id and traceparent are
 * filled in all the same). */
int caller_read(const struct http_request *request, const struct param params[CALLER_PARAMS],
                struct caller *caller, const char **bad);

#endif
