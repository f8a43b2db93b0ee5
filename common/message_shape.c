/* message_shape.c - walks a frame before it is unpacked, and refuses what no message looks like.
 *
 * msgpack-c allocates what an array header claims: six bytes made it ask for 4 GiB. So each count is checked
 * here against our own limits and against the bytes that are really there. */
#include "common/message.h"

#define SHAPE_DEPTH 3 /* the map, a list within it, and the values in that list */
#define SHAPE_ITEMS (2 * MESSAGE_PAIRS)

struct walk {
    const unsigned char *at, *end;
};

static bool take(struct walk *walk, size_t bytes)
{
    if ((size_t)(walk->end - walk->at) < bytes)
        return false;
    walk->at += bytes;
    return true;
}

static bool take_number(struct walk *walk, unsigned bytes, uint64_t *number)
{
    const unsigned char *at = walk->at;

    *number = 0;
    if (!take(walk, bytes))
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *number = *number << 8 | at[i];
    return true;
}

/* A run of bytes whose length stands in the next `width` bytes. */
static bool take_run(struct walk *walk, unsigned width)
{
    uint64_t bytes;

    return take_number(walk, width, &bytes) && bytes <= MESSAGE_FRAME_BYTES && take(walk, (size_t)bytes);
}

/* Leaves in *items how many objects follow as the content of what was just read. */
static bool take_head(struct walk *walk, uint64_t *items)
{
    static const unsigned char width_of_scalar[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8}; /* 0xca..0xd3 */
    unsigned char head = *walk->at++;
    bool ok = true;

    *items = 0;
    if (head <= 0x7f || head >= 0xe0) /* fixint */
        return true;
    if (head <= 0x8f)
        *items = 2 * (head & 0x0fU);
    else if (head <= 0x9f)
        *items = head & 0x0fU;
    else if (head <= 0xbf)
        return take(walk, head & 0x1fU);
    else if (head == 0xc0 || head == 0xc2 || head == 0xc3) /* nil, false, true */
        return true;
    else if (head >= 0xc4 && head <= 0xc6) /* bin */
        return take_run(walk, 1U << (head - 0xc4));
    else if (head >= 0xca && head <= 0xd3)
        return take(walk, width_of_scalar[head - 0xca]);
    else if (head >= 0xd9 && head <= 0xdb) /* str */
        return take_run(walk, 1U << (head - 0xd9));
    else if (head == 0xdc || head == 0xdd) /* array */
        ok = take_number(walk, head == 0xdc ? 2 : 4, items);
    else if (head == 0xde || head == 0xdf) { /* map */
        ok = take_number(walk, head == 0xde ? 2 : 4, items);
        *items *= 2;
    } else /* never used, and extension types */
        return false;
    return ok && *items <= SHAPE_ITEMS && *items <= (uint64_t)(walk->end - walk->at);
}

bool message_shape_ok(struct text frame)
{
    struct walk walk = {.at = (const unsigned char *)frame.at};
    uint64_t left[SHAPE_DEPTH + 1] = {1};
    unsigned depth = 0;

    if (frame.bytes == 0 || frame.bytes > MESSAGE_FRAME_BYTES)
        return false;
    walk.end = walk.at + frame.bytes;
    for (;;) {
        uint64_t items;

        while (left[depth] == 0) {
            if (depth == 0)
                return walk.at == walk.end;
            depth--;
        }
        left[depth]--;
        if (walk.at == walk.end || !take_head(&walk, &items))
            return false;
        if (items > 0 && depth == SHAPE_DEPTH)
            return false;
        if (items > 0)
            left[++depth] = items;
    }
}
