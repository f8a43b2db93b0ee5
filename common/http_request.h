/* http_request.h - a strict HTTP/1.1 request parser (RFC 9112, RFC 9110): pure, no allocation.
 *
 * Feed it the bytes received so far, from the first byte of a request; it either needs more, has one whole
 * request (and says how many bytes it took, so that what follows is the next, pipelined one), or refuses
 * with the status to answer. Everything in the result borrows from the buffer. A byte is looked at a fixed
 * number of times, however the bytes are split, and the verdict does not depend on the splitting. */
#ifndef SLUICE_HTTP_REQUEST_H
#define SLUICE_HTTP_REQUEST_H

#include <stdint.h>

#include "common/text.h"

#define HTTP_MAX_FIELDS       64
#define HTTP_METHOD_BYTES     32  /* a longer method: 501 */
#define HTTP_CHUNK_LINE_BYTES 256 /* a chunk's size with its extensions; longer: 400 */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_field {
    struct text name, value; /* value without leading and trailing white space */
};

struct http_request {
    enum http_method method; /* CONNECT never gets here */
    struct text method_name;
    struct text target; /* as sent */
    struct text path;   /* of an origin-form or absolute-form target; starts with '/', but for "OPTIONS *" */
    struct text query;  /* after '?', at == NULL when there is no '?' */
    struct text host;   /* of an absolute target, else the Host field's; at == NULL: HTTP/1.0 without one */
    struct text body;   /* whole and, when it came in chunks, joined in place */
    unsigned minor_version; /* HTTP/1.x */
    bool keep_alive;
    unsigned field_count;
    struct http_field fields[HTTP_MAX_FIELDS]; /* trailer fields are checked and left out */
};

struct http_limits {
    size_t line_bytes;    /* request line, at least 64; longer: 414 */
    size_t field_bytes;   /* one field line; longer: 431 */
    size_t head_bytes;    /* line and fields together, also all trailers together; longer: 431 */
    unsigned field_count; /* at most HTTP_MAX_FIELDS; more: 431 */
    size_t body_bytes;    /* longer: 413 */
};

/* How far the reading of one request has come; all zero at its first byte. It holds offsets only, so the
 * bytes may be moved between two calls. */
struct http_parser {
    size_t line;         /* start of the line, or of the chunk's data, that is being read */
    size_t scan;         /* that line does not end before here */
    size_t head;         /* where the body starts */
    size_t body;         /* bytes of a chunked body that are in place after the head */
    size_t trailers;     /* bytes of trailer fields so far */
    size_t left;         /* bytes to come, of the body or of the chunk */
    size_t consumed;     /* by a whole request */
    const char *detail;  /* of a refusal, for people; lives for ever */
    int status;          /* of a refusal */
    unsigned fields;     /* field lines so far */
    unsigned char phase; /* the parser's own */
    bool expects;        /* the client waits for "100 Continue" before it sends the body */
    bool head_only;      /* the method is HEAD */
};

enum http_progress {
    HTTP_MORE,    /* not whole yet: call again with the same bytes and more */
    HTTP_WHOLE,   /* request is filled in; parser->consumed bytes belong to it */
    HTTP_REFUSED, /* answer parser->status and close: where the next request starts is unknown */
};

/* Reads on. bytes are all that has come of this request (and perhaps of later ones), *size their number. It
 * writes into bytes: chunks are joined in place, and what that makes free is squeezed out, so *size may
 * shrink. request is scratch space until the call that returns HTTP_WHOLE. */
enum http_progress http_parser_feed(struct http_parser *parser, const struct http_limits *limits, char *bytes,
                                    size_t *size, struct http_request *request);

/* The value of the first field of that name (any case); at == NULL when there is none. */
struct text http_request_field(const struct http_request *request, const char *name);

/* How many fields have that name. */
unsigned http_request_field_count(const struct http_request *request, const char *name);

#endif
