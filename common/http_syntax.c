/* http_syntax.c - see http_syntax.h. */
#include "common/http_syntax.h"

#include <errno.h>

#define N 0
#define V HTTP_IN_VALUE
#define T (V | HTTP_IN_TOKEN)
#define P (V | HTTP_IN_URI)
#define S (P | HTTP_IN_HOST) /* sub-delims that are no token characters */
#define A (S | HTTP_IN_TOKEN)
#define X (A | HTTP_IN_HEX)
#define D (X | HTTP_IN_DIGIT)

/* One row holds 16 characters. '%' is no URI character here: http_uri_valid() looks at what follows it. */
const unsigned char http_alphabet[256] = {
    N, N, N, N, N, N, N, N, N, V, N, N, N, N, N, N, /* of the controls only HT */
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, /* none */
    V, A, V, T, A, T, A, A, S, S, A, A, S, A, A, P, /* SP ! " # $ % & ' ( ) * + , - . / */
    D, D, D, D, D, D, D, D, D, D, P, S, V, S, V, P, /* 0 to 9 : ; < = > ? */
    P, X, X, X, X, X, X, A, A, A, A, A, A, A, A, A, /* @ A to O */
    A, A, A, A, A, A, A, A, A, A, A, V, V, V, T, A, /* P to Z [ \ ] ^ _ */
    T, X, X, X, X, X, X, A, A, A, A, A, A, A, A, A, /* ` a to o */
    A, A, A, A, A, A, A, A, A, A, A, V, T, V, A, N, /* p to z { | } ~ DEL */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* obs-text from here on */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /**/
};

#undef N
#undef V
#undef T
#undef P
#undef S
#undef A
#undef X
#undef D

bool http_all(struct text text, unsigned where)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!http_is(text.at[i], where))
            return false;
    return true;
}

static bool percent_valid(struct text text, unsigned where)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (http_is(text.at[i], where))
            continue;
        if (text.at[i] != '%' || text.bytes - i < 3 || !http_is(text.at[i + 1], HTTP_IN_HEX) ||
            !http_is(text.at[i + 2], HTTP_IN_HEX))
            return false;
        i += 2;
    }
    return true;
}

bool http_uri_valid(struct text text)
{
    return percent_valid(text, HTTP_IN_URI);
}

/* Zone ids and IPvFuture are refused: neither belongs into a request that reaches us. */
static bool ip_literal_valid(struct text text)
{
    unsigned colons = 0;

    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] == ':')
            colons++;
        else if (text.at[i] != '.' && !http_is(text.at[i], HTTP_IN_HEX))
            return false;
    }
    return colons >= 2 && colons <= 8 && text.bytes <= 45;
}

bool http_authority_valid(struct text text)
{
    const char *end = text.at + text.bytes;
    const char *host_end;
    struct text port;
    uint64_t number = 0;

    if (text.bytes && text.at[0] == '[') {
        host_end = memchr(text.at, ']', text.bytes);
        if (!host_end || !ip_literal_valid((struct text){text.at + 1, (size_t)(host_end - text.at) - 1}))
            return false;
        host_end++;
    } else {
        host_end = memchr(text.at, ':', text.bytes);
        if (!host_end)
            host_end = end;
        if (host_end == text.at ||
            !percent_valid((struct text){text.at, (size_t)(host_end - text.at)}, HTTP_IN_HOST))
            return false;
    }
    if (host_end == end)
        return true;
    port = (struct text){host_end + 1, (size_t)(end - host_end) - 1};
    return *host_end == ':' && (port.bytes == 0 || (http_decimal(port, &number) == 0 && number <= 65535));
}

static unsigned digit_value(char digit)
{
    if (http_is(digit, HTTP_IN_DIGIT))
        return (unsigned)(digit - '0');
    return (unsigned)((digit | 0x20) - 'a') + 10;
}

static int number_read(struct text text, unsigned base, unsigned digits, uint64_t *value)
{
    uint64_t number = 0;

    if (!text.bytes || !http_all(text, digits))
        return -EBADMSG;
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned digit = digit_value(text.at[i]);

        if (number > ((uint64_t)INT64_MAX - digit) / base)
            return -ERANGE;
        number = number * base + digit;
    }
    *value = number;
    return 0;
}

int http_decimal(struct text text, uint64_t *value)
{
    return number_read(text, 10, HTTP_IN_DIGIT, value);
}

int http_hexadecimal(struct text text, uint64_t *value)
{
    return number_read(text, 16, HTTP_IN_HEX, value);
}

static bool blank(char character)
{
    return character == ' ' || character == '\t';
}

struct text http_trim(struct text text)
{
    while (text.bytes && blank(text.at[0])) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes && blank(text.at[text.bytes - 1]))
        text.bytes--;
    return text;
}

bool http_list_next(struct text *list, struct text *element)
{
    const char *comma;
    size_t bytes;

    if (!list->at)
        return false;
    comma = memchr(list->at, ',', list->bytes);
    bytes = comma ? (size_t)(comma - list->at) : list->bytes;
    *element = http_trim((struct text){list->at, bytes});
    if (comma)
        *list = (struct text){comma + 1, list->bytes - bytes - 1};
    else
        *list = (struct text){NULL, 0};
    return true;
}

static size_t token(struct text text, size_t at)
{
    while (at < text.bytes && http_is(text.at[at], HTTP_IN_TOKEN))
        at++;
    return at;
}

/* Where the quoted string that opens at `at` ends, or `at` when it does not. */
static size_t quoted(struct text text, size_t at)
{
    size_t i = at + 1;

    for (; i < text.bytes && http_is(text.at[i], HTTP_IN_VALUE); i++) {
        if (text.at[i] == '"')
            return i + 1;
        if (text.at[i] == '\\' && (++i == text.bytes || !http_is(text.at[i], HTTP_IN_VALUE)))
            return at;
    }
    return at;
}

bool http_chunk_extension_valid(struct text text)
{
    size_t at = 0;

    while (at < text.bytes) {
        size_t start = at + 1;

        if (text.at[at] != ';')
            return false;
        at = token(text, start);
        if (at == start)
            return false;
        if (at == text.bytes || text.at[at] != '=')
            continue;
        start = at + 1;
        at = start < text.bytes && text.at[start] == '"' ? quoted(text, start) : token(text, start);
        if (at == start)
            return false;
    }
    return true;
}
