/* page.c - see page.h. */
#include "tests/simulator/page.h"

#include <stdio.h>

#define ORIGIN_BYTES 32 /* of the longest that is local */

static bool skip(struct text *text, const char *prefix)
{
    size_t bytes = strlen(prefix);

    if (text->bytes < bytes || memcmp(text->at, prefix, bytes) != 0)
        return false;
    *text = (struct text){.at = text->at + bytes, .bytes = text->bytes - bytes};
    return true;
}

bool page_is_local(struct text origin)
{
    if (origin.bytes > ORIGIN_BYTES || (!skip(&origin, "http://") && !skip(&origin, "https://")))
        return false;
    if (!skip(&origin, "localhost") && !skip(&origin, "127.0.0.1") && !skip(&origin, "[::1]"))
        return false;
    if (origin.bytes == 0)
        return true;
    if (!skip(&origin, ":") || origin.bytes == 0 || origin.bytes > 5)
        return false;
    for (size_t i = 0; i < origin.bytes; i++) {
        if (origin.at[i] < '0' || origin.at[i] > '9')
            return false;
    }
    return true;
}

void page_fields(struct text origin, bool preflight, char fields[PAGE_FIELDS_BYTES])
{
    fields[0] = '\0';
    if (!page_is_local(origin))
        return;
    snprintf(fields, PAGE_FIELDS_BYTES, "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n%s",
             TEXT_ARGS(origin),
             preflight ? "Access-Control-Allow-Methods: GET, HEAD, POST, PUT\r\n"
                         "Access-Control-Allow-Headers: Content-Type\r\nAccess-Control-Max-Age: 600\r\n"
                       : "");
}
