/* http_answer.h - the head of an HTTP/1.1 answer: pure. */
#ifndef SLUICE_HTTP_ANSWER_H
#define SLUICE_HTTP_ANSWER_H

#include <stdint.h>

#include "common/text.h"

#define HTTP_DATE_BYTES        30  /* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL */
#define HTTP_ANSWER_HEAD_BYTES 256 /* room that http_answer_head() needs */
#define HTTP_LENGTH_UNKNOWN    SIZE_MAX

enum http_connection { HTTP_KEEP, HTTP_KEEP_SAID /* HTTP/1.0 wants it in words */, HTTP_CLOSE };

/* "Not Found" for 404; "" for a status that has no name here. */
const char *http_reason(int status);

/* Whether answers with that status have a body at all (1xx, 204 and 304 have none). */
bool http_status_has_body(int status);

/* The IMF-fixdate of a time in seconds since 1970. */
void http_date(int64_t seconds, char date[HTTP_DATE_BYTES]);

/* Status line, Date, Content-Length (where the status may have one, and it is known) and Connection (where it
 * must be said); further field lines and the empty line are the caller's. Returns how many bytes it wrote. */
size_t http_answer_head(char head[HTTP_ANSWER_HEAD_BYTES], int status, const char *date, size_t body_bytes,
                        enum http_connection connection);

#endif
