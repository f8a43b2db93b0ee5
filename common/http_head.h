/* http_head.h - what the lines of a request's head mean: pure; a part of http_request. */
#ifndef SLUICE_HTTP_HEAD_H
#define SLUICE_HTTP_HEAD_H

#include "common/http_request.h"

/* Why a request is refused; status 0 when it is not. */
struct http_fault {
    int status;
    const char *detail;
};

/* How the body is framed. */
struct http_framing {
    bool chunked;
    bool expects;  /* 100-continue */
    size_t length; /* of a body that is not chunked */
};

/* The method, as far as it has come: `start` begins with the line's first byte. Says early what cannot become
 * a request (TLS, binary noise), before a whole line is there. */
struct http_fault http_method_check(struct text start);

/* The request line, without its line end: fills in method, target and version. */
struct http_fault http_line_read(struct text line, struct http_request *request);

/* A field line, without its line end. */
struct http_fault http_field_read(struct text line, struct http_field *field);

/* A line of the trailer section, likewise. What it says is not for us, but for what nobody may say there:
 * those who listen to it take the message for another one (RFC 9110, 6.5.1). */
struct http_fault http_trailer_read(struct text line);

/* All fields are there: fills in host and keep_alive, and finds the framing. */
struct http_fault http_head_finish(struct http_request *request, const struct http_limits *limits,
                                   struct http_framing *framing);

#endif
