/* burst_call.h - what a request under /admin/bursts wants: its path, method and query, read strictly. Pure.
 */
#ifndef SLUICE_BURST_CALL_H
#define SLUICE_BURST_CALL_H

#include "common/message.h"
#include "gateway/admin_body.h"
#include "gateway/job_call.h"

#define BURST_PATH      "/admin/bursts"
#define BURST_ID_BYTES  JOB_ID_BYTES
#define BURST_LIMIT_MAX QUERY_LIMIT_MAX /* results told in one answer */

enum burst_wish { BURST_BEGIN, BURST_LIST, BURST_SHOW, BURST_CANCEL };

struct burst_call {
    enum burst_wish wish;
    struct job_name name; /* to be shown or cancelled */
    unsigned limit, from; /* of its results: so many, beginning at that place */
    const char *allow;    /* with 405 */
    char detail[ADMIN_DETAIL_BYTES];
};

/* Whether that path is of /admin/bursts. */
bool burst_call_is(struct text path);

/* 0, or the status to refuse with: 400, 404 or 405. The body is not looked at. */
int burst_call_read(const struct http_request *request, struct burst_call *call);

#endif
