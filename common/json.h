/* json.h - writes JSON (RFC 8259) into a buffer of fixed size: always valid text, whatever the bytes put in.
 *
 *     json_init(&json, buffer, sizeof(buffer));
 *     json_begin_object(&json);
 *     json_key(&json, "reason");
 *     json_string(&json, "queue_full");
 *     json_end_object(&json);
 *     if (json_finish(&json, &text) == 0) ...
 *
 * Commas come by themselves. Bytes that are not UTF-8 become U+FFFD. When the buffer is full nothing more is
 * written, and json_finish() says so. Pure. */
#ifndef SLUICE_JSON_H
#define SLUICE_JSON_H

#include <stdint.h>

#include "common/text.h"

struct json {
    char *at; /* borrowed */
    size_t bytes, size;
    unsigned depth;
    bool comma; /* a value stands before the next one */
    bool full;
};

/* Borrows the buffer until json_finish(). */
void json_init(struct json *json, char *buffer, size_t size);

void json_begin_object(struct json *json);
void json_end_object(struct json *json);
void json_begin_array(struct json *json);
void json_end_array(struct json *json);

/* In an object: a key, then exactly one value. */
void json_key(struct json *json, const char *key);
void json_key_text(struct json *json, struct text key);

void json_text(struct json *json, struct text value);
void json_string(struct json *json, const char *value);
void json_int(struct json *json, int64_t value);
void json_uint(struct json *json, uint64_t value);
void json_hex(struct json *json, uint64_t value);  /* "00000000000000ff": JavaScript holds only 53 bits */
void json_double(struct json *json, double value); /* null when it is not a finite number */
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
/* A value that is JSON already, as it is: the caller answers for it (json_check.h). */
void json_raw(struct json *json, struct text value);

/* 0 and the whole text, which lies in the buffer; -ENOBUFS when it did not fit. */
int json_finish(const struct json *json, struct text *out);

#endif
