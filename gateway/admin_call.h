/* admin_call.h - reads what a request under /admin asks or orders: path, method, query and body, strictly,
 * into the message for the scheduler. Bodies are small JSON objects (admin_body.h). Pure. */
#ifndef SLUICE_ADMIN_CALL_H
#define SLUICE_ADMIN_CALL_H

#include "common/http_request.h"
#include "common/message.h"
#include "gateway/admin_body.h"

#define ADMIN_BODY_BYTES  4096
#define ADMIN_ALLOW_BYTES 48
#define ADMIN_ID_BYTES    33 /* of a waiting request: two numbers of 16 digits and '-' */

struct admin_call {
    struct message message; /* `control` or `query`, but for id, request and who */
    char name[MESSAGE_LABEL_BYTES + 1];
    char detail[ADMIN_DETAIL_BYTES]; /* why not */
    char allow[ADMIN_ALLOW_BYTES];   /* with 405: the methods that there are */
};

/* Whether that path is of /admin. */
bool admin_call_is(struct text path);

/* 0, or the status to refuse with: 400, 404, 405 or 413. The message borrows from the call. */
int admin_call_read(const struct http_request *request, struct admin_call *call);

#endif
