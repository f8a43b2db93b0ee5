/* text.h - a borrowed run of bytes: not ended by NUL, owned by somebody else. */
#ifndef SLUICE_TEXT_H
#define SLUICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *at;
    size_t bytes;
};

/* printf("%.*s", TEXT_ARGS(t)) */
#define TEXT_ARGS(t) (int)(t).bytes, (t).at

static inline struct text text_of(const char *string)
{
    return (struct text){.at = string, .bytes = strlen(string)};
}

static inline bool text_equal(struct text a, const char *b)
{
    size_t bytes = strlen(b);

    return a.bytes == bytes && (bytes == 0 || memcmp(a.at, b, bytes) == 0);
}

/* Equal but for the case of ASCII letters, as field names are compared. */
static inline bool text_equal_nocase(struct text a, const char *b)
{
    size_t bytes = strlen(b);

    return a.bytes == bytes && (bytes == 0 || strncasecmp(a.at, b, bytes) == 0);
}

#endif
