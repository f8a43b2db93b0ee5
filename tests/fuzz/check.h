/* check.h - what every fuzz target may say of what it sees: not assert(), for it must hold in every kind of
 * build. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_check.h"
#include "common/text.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* A copy of exactly its size, so that the sanitizer sees a byte too far; to be freed. */
static inline char *copy_of(const void *bytes, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);

    must(copy, "memory");
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

/* Cuts the run up to the separator off the front of *rest. */
static inline struct text cut(struct text *rest, char separator)
{
    const char *end = rest->bytes > 0 ? memchr(rest->at, separator, rest->bytes) : NULL;
    struct text part = {.at = rest->at, .bytes = end ? (size_t)(end - rest->at) : rest->bytes};
    size_t used = part.bytes + (end ? 1 : 0);

    *rest = (struct text){.at = rest->at + used, .bytes = rest->bytes - used};
    return part;
}

/* "Name: value" CR LF, over and over, and no control character that could forge another line. */
static inline void check_field_lines(struct text fields)
{
    while (fields.bytes > 0) {
        struct text line = cut(&fields, '\n');
        const char *colon = line.bytes > 0 ? memchr(line.at, ':', line.bytes) : NULL;

        must(fields.at[-1] == '\n', "a field line ends");
        must(colon && colon > line.at, "a field has a name");
        must(line.at[line.bytes - 1] == '\r', "a field line ends in CR LF");
        for (size_t i = 0; i + 1 < line.bytes; i++)
            must((unsigned char)line.at[i] >= ' ' || line.at[i] == '\t', "a field has no controls");
    }
}

static inline void must_be_json(struct text text, const char *what)
{
    bool holds = json_check_object(text);

    if (!holds)
        fprintf(stderr, "%.*s\n", TEXT_ARGS(text));
    must(holds, what);
}

static inline void check_utf8(struct text text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t left = text.bytes;

    while (left > 0) {
        size_t bytes = utf8_bytes(at, left);

        must(bytes > 0, "text is UTF-8");
        at += bytes;
        left -= bytes;
    }
}

#endif
