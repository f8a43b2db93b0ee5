/* http_syntax.h - the alphabets and small grammars of HTTP and URIs (RFC 9110, RFC 3986): pure. */
#ifndef SLUICE_HTTP_SYNTAX_H
#define SLUICE_HTTP_SYNTAX_H

#include <stdint.h>

#include "common/text.h"

/* Bits of http_alphabet: where a character may stand. */
#define HTTP_IN_TOKEN 1u  /* method, field name, connection option */
#define HTTP_IN_VALUE 2u  /* field value, with SP, HT and obs-text */
#define HTTP_IN_URI   4u  /* path or query, but for '%' */
#define HTTP_IN_HOST  8u  /* registered name, but for '%' */
#define HTTP_IN_HEX   16u /* hexadecimal number */
#define HTTP_IN_DIGIT 32u

extern const unsigned char http_alphabet[256];

static inline bool http_is(char character, unsigned where)
{
    return (http_alphabet[(unsigned char)character] & where) != 0;
}

/* Whether every character may stand there; true for nothing at all. */
bool http_all(struct text text, unsigned where);

/* Path and query: every character allowed, every '%' followed by two hexadecimal digits. */
bool http_uri_valid(struct text text);

/* uri-host [":" port], as in Host and in an absolute target. No user, no empty host, port at most 65535. */
bool http_authority_valid(struct text text);

/* Digits and nothing else. -EBADMSG for anything else and -ERANGE beyond 2^63 - 1. */
int http_decimal(struct text text, uint64_t *value);
int http_hexadecimal(struct text text, uint64_t *value);

/* Without the spaces and tabs at both ends. */
struct text http_trim(struct text text);

/* Cuts the next element, trimmed, off a comma-separated list; false when the list is used up. */
bool http_list_next(struct text *list, struct text *element);

/* *( ";" name [ "=" ( token / quoted-string ) ] ), what may follow a chunk's size. The white space that RFC
 * 9112 (7.1.1) calls bad is refused: nobody sends it but to be read in two ways. */
bool http_chunk_extension_valid(struct text text);

#endif
