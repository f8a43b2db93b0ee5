/* utf8.h - what is UTF-8 (RFC 3629) and what is not. Pure. */
#ifndef SLUICE_UTF8_H
#define SLUICE_UTF8_H

#include <stddef.h>

/* How many bytes the character that starts here has, of `left` (> 0) that are there; 0 when it is none: cut
 * short, longer than needed, a surrogate, or beyond U+10FFFF. */
size_t utf8_bytes(const unsigned char *at, size_t left);

#endif
