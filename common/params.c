/* params.c - see params.h. */
#include "common/params.h"

#include <errno.h>

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool encoded(struct text text)
{
    return memchr(text.at, '%', text.bytes) || memchr(text.at, '+', text.bytes);
}

/* Decodes in place of *text, into *room when there is something to decode, which it moves on. */
static int decode(struct text *text, char **room)
{
    char *out = *room;

    if (text->bytes == 0 || !encoded(*text))
        return 0;
    for (size_t i = 0; i < text->bytes; i++) {
        int high, low;

        if (text->at[i] != '%') {
            *out++ = text->at[i] == '+' ? ' ' : text->at[i];
            continue;
        }
        high = i + 2 < text->bytes ? hex_value(text->at[i + 1]) : -1;
        low = i + 2 < text->bytes ? hex_value(text->at[i + 2]) : -1;
        if (high < 0 || low < 0)
            return -EINVAL;
        *out++ = (char)(high << 4 | low);
        i += 2;
    }
    *text = (struct text){.at = *room, .bytes = (size_t)(out - *room)};
    *room = out;
    return 0;
}

/* Cuts the run up to the separator off the front of *rest. */
static struct text cut(struct text *rest, char separator)
{
    const char *end = rest->bytes > 0 ? memchr(rest->at, separator, rest->bytes) : NULL;
    struct text part = {.at = rest->at, .bytes = end ? (size_t)(end - rest->at) : rest->bytes};
    size_t used = part.bytes + (end ? 1 : 0);

    *rest = (struct text){.at = rest->at + used, .bytes = rest->bytes - used};
    return part;
}

int params_read(struct text query, struct param *params, unsigned count, char *room, const char **bad)
{
    for (unsigned i = 0; i < count; i++)
        params[i].value = (struct text){.at = NULL, .bytes = 0};
    *bad = "query";
    while (query.bytes > 0) {
        struct text value = cut(&query, '&');
        struct text name = cut(&value, '=');
        unsigned i = 0;

        if (decode(&name, &room) < 0)
            return -EINVAL;
        while (i < count && !text_equal(name, params[i].name))
            i++;
        if (i < count)
            *bad = params[i].name;
        if (decode(&value, &room) < 0 || (i < count && params[i].value.at))
            return -EINVAL;
        if (i < count)
            params[i].value = value;
        *bad = "query";
    }
    return 0;
}
