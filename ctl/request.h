/* request.h - an order of the command line as a request to the gateway. Pure. */
#ifndef SLUICE_CTL_REQUEST_H
#define SLUICE_CTL_REQUEST_H

#include "common/text.h"
#include "ctl/arguments.h"

#define REQUEST_PATH_BYTES 160
#define REQUEST_BODY_BYTES 65536 /* the longest that the gateway takes */

struct request {
    const char *method;
    char path[REQUEST_PATH_BYTES];
    char body[REQUEST_BODY_BYTES + 1]; /* "": none */
};

/* For the commands that are one request: policy, pause, resume, rate, breaker, purge, remove. For burst, too:
 * where its word is "-", listed has the CPFs, separated by white space, or by commas or semicolons. 0;
 * -EINVAL: there is no CPF; -E2BIG: more than a body holds; -ENOMEM. */
int request_make(const struct arguments *arguments, struct text listed, struct request *request);

#define REQUEST_URL_BYTES 1088

/* "http://ADDRESS:PORT" to connect to who listens there: a wildcard is this host. -EINVAL: port 0. */
int request_base(const char *address, int64_t port, char url[REQUEST_URL_BYTES]);

#endif
