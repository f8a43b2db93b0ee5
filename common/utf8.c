/* utf8.c - see utf8.h. */
#include "common/utf8.h"

#include <stdbool.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0U) == 0x80;
}

/* How many bytes a character with this first byte has; 0 when none starts so. */
static size_t lead_bytes(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead < 0xe0)
        return 2;
    return lead < 0xf0 ? 3 : 4;
}

size_t utf8_bytes(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    unsigned char low = 0x80, high = 0xbf; /* the range of the second byte */
    size_t bytes = lead_bytes(lead);

    if (bytes < 2)
        return bytes;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (left < bytes || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < bytes; i++) {
        if (!is_continuation(at[i]))
            return 0;
    }
    return bytes;
}
