/* sse.c - see sse.h. */
#include "metricsd/sse.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define EPOCH_DIGITS 16

static const char end_of_message[] = "\n\n";
static const size_t end_bytes = sizeof(end_of_message) - 1;

void sse_begin(struct sse *sse, char *buffer, size_t size, const char *event, uint64_t epoch, uint64_t number)
{
    int head;

    assert(size >= SSE_FRAME_BYTES);
    head = snprintf(buffer, SSE_FRAME_BYTES - end_bytes,
                    "event: %s\nid: %016" PRIx64 "-%" PRIu64 "\ndata: ", event, epoch, number);
    assert(head > 0 && (size_t)head < SSE_FRAME_BYTES - end_bytes);
    *sse = (struct sse){.buffer = buffer, .head = (size_t)head};
    json_init(&sse->json, buffer + sse->head, size - sse->head - end_bytes);
}

int sse_end(struct sse *sse, struct text *out)
{
    struct text data;
    int rc = json_finish(&sse->json, &data);

    if (rc < 0)
        return rc;
    memcpy(sse->buffer + sse->head + data.bytes, end_of_message, end_bytes);
    *out = (struct text){.at = sse->buffer, .bytes = sse->head + data.bytes + end_bytes};
    return 0;
}

static bool read_number(struct text digits, uint64_t *number)
{
    uint64_t read = 0;

    for (size_t i = 0; i < digits.bytes; i++) {
        unsigned digit = (unsigned char)digits.at[i] - (unsigned)'0';

        if (digit > 9 || read > (UINT64_MAX - digit) / 10)
            return false;
        read = 10 * read + digit;
    }
    *number = read;
    return digits.bytes > 0;
}

bool sse_id_read(struct text id, uint64_t epoch, uint64_t *number)
{
    char ours[EPOCH_DIGITS + 2];

    snprintf(ours, sizeof(ours), "%016" PRIx64 "-", epoch);
    if (id.bytes <= EPOCH_DIGITS + 1 || memcmp(id.at, ours, EPOCH_DIGITS + 1) != 0)
        return false;
    return read_number((struct text){id.at + EPOCH_DIGITS + 1, id.bytes - EPOCH_DIGITS - 1}, number);
}
