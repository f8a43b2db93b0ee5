/* asked.h - a request as clients write it, for targets that look at what stands in it: line ends may be LF
 * alone, and the lines up to an empty one are the head, so that seeds are readable files. */
#ifndef TESTS_FUZZ_ASKED_H
#define TESTS_FUZZ_ASKED_H

#include "common/http_request.h"
#include "tests/fuzz/check.h"

#define ASKED_BYTES 16384

static const struct http_limits asked_limits = {.line_bytes = 4096,
                                                .field_bytes = 4096,
                                                .head_bytes = 8192,
                                                .field_count = HTTP_MAX_FIELDS,
                                                .body_bytes = 8192};

struct asked {
    char *bytes; /* to be freed; the request borrows from it */
    struct http_request request;
};

/* False: the parser has refused it, or it is not whole. */
static inline bool asked_read(const uint8_t *data, size_t size, struct asked *asked)
{
    struct text rest = {(const char *)data, size < ASKED_BYTES / 2 ? size : ASKED_BYTES / 2}, line;
    struct http_parser parser = {.status = 0};
    static char room[ASKED_BYTES + 64];
    size_t used = 0;

    do {
        line = cut(&rest, '\n');
        if (line.bytes > 0 && line.at[line.bytes - 1] == '\r')
            line.bytes--;
        if (line.bytes == 0)
            break;
        memcpy(room + used, line.at, line.bytes);
        used += line.bytes;
        memcpy(room + used, "\r\n", 2);
        used += 2;
    } while (rest.bytes > 0);
    used += (size_t)snprintf(room + used, 64, rest.bytes > 0 ? "Content-Length: %zu\r\n\r\n" : "\r\n",
                             rest.bytes);
    if (rest.bytes > 0)
        memcpy(room + used, rest.at, rest.bytes);
    used += rest.bytes;
    asked->bytes = copy_of(room, used);
    return http_parser_feed(&parser, &asked_limits, asked->bytes, &used, &asked->request) == HTTP_WHOLE;
}

#endif
