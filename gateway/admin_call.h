/* admin_call.h - reads what a request under /admin asks or orders: path, method, query and body, strictly,
 * into the message for the scheduler. Bodies are small JSON objects (admin_body.h). Pure. */
#ifndef SLUICE_ADMIN_CALL_H
#define SLUICE_ADMIN_CALL_H

#include "common/http_request.h"
#include "common/message.h"
#include "gateway/admin_body.h"
#include "gateway/caller.h"
#include "gateway/lane.h"

#define ADMIN_BODY_BYTES  4096
#define ADMIN_ALLOW_BYTES 48
#define ADMIN_ID_BYTES    33 /* of a waiting request: two numbers of 16 digits and '-' */

/* The one answer that is to leave the cache. */
struct admin_target {
    const struct lane *lane; /* NULL: the whole cache is meant */
    struct lane_call call;
    char client_id[CALLER_CLIENT_BYTES + 1]; /* "": the gateway's own */
};

struct admin_call {
    struct message message; /* `control` or `query`, but for id, request and who */
    char name[MESSAGE_LABEL_BYTES + 1];
    struct admin_target target;      /* of a purge; its key is for the caller to make */
    char detail[ADMIN_DETAIL_BYTES]; /* why not; never what was asked for, which may be a CPF */
    char allow[ADMIN_ALLOW_BYTES];   /* with 405: the methods that there are */
};

/* Whether that path is of /admin. */
bool admin_call_is(struct text path);

/* 0, or the status to refuse with: 400, 404, 405 or 413. The message borrows from the call. */
int admin_call_read(const struct http_request *request, struct admin_call *call);

#endif
