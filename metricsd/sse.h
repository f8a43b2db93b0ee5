/* sse.h - server-sent events (HTML standard, section 9.2): the frame around a message of JSON, and what a
 * client that comes back says it has seen. Pure.
 *
 * An id is "EPOCH-NUMBER": metricsd's own epoch in 16 hex digits, and the number on its feed up to which the
 * client has every event. */
#ifndef SLUICE_METRICSD_SSE_H
#define SLUICE_METRICSD_SSE_H

#include "common/json.h"

#define SSE_FRAME_BYTES 128 /* around the JSON, at most */

struct sse {
    struct json json; /* write the data here */
    char *buffer;
    size_t head; /* bytes before the data */
};

/* Begins a message in the buffer, which it borrows until sse_end(). */
void sse_begin(struct sse *sse, char *buffer, size_t size, const char *event, uint64_t epoch,
               uint64_t number);
/* 0 and the whole message; -ENOBUFS when it did not fit. */
int sse_end(struct sse *sse, struct text *out);

/* Reads an id of this epoch; false when it is of another one, or none at all. */
bool sse_id_read(struct text id, uint64_t epoch, uint64_t *number);

#endif
