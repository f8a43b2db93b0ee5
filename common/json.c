/* json.c - see json.h. */
#include "common/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void json_init(struct json *json, char *buffer, size_t size)
{
    *json = (struct json){.size = size};
    json->at = buffer;
}

static void put(struct json *json, const char *bytes, size_t count)
{
    if (json->full || json->size - json->bytes < count) {
        json->full = true;
        return;
    }
    memcpy(json->at + json->bytes, bytes, count);
    json->bytes += count;
}

static void put_comma(struct json *json)
{
    if (json->comma)
        put(json, ",", 1);
    json->comma = true;
}

/* A value that needs no escapes. */
static void put_value(struct json *json, const char *bytes, size_t count)
{
    put_comma(json);
    put(json, bytes, count);
}

/* DEL need not be, but json_check.h takes no control character, and what we write we must be able to pass on.
 */
static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f;
}

static void put_escape(struct json *json, unsigned char byte)
{
    static const char names[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *name = byte ? strchr(names, byte) : NULL;
    char escape[8];

    if (name)
        snprintf(escape, sizeof(escape), "\\%c", letters[name - names]);
    else
        snprintf(escape, sizeof(escape), "\\u%04x", byte);
    put(json, escape, strlen(escape));
}

static void put_quoted(struct json *json, struct text text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t i = 0, plain = 0; /* [plain, i) is to be copied as it is */

    put(json, "\"", 1);
    while (i < text.bytes) {
        size_t bytes = utf8_bytes(at + i, text.bytes - i);

        if (bytes > 0 && !needs_escape(at[i])) {
            i += bytes;
            continue;
        }
        if (i > plain)
            put(json, text.at + plain, i - plain);
        if (bytes > 0)
            put_escape(json, at[i]);
        else
            put(json, REPLACEMENT, strlen(REPLACEMENT));
        plain = ++i;
    }
    if (i > plain)
        put(json, text.at + plain, i - plain);
    put(json, "\"", 1);
}

static void begin(struct json *json, char bracket)
{
    put_value(json, &bracket, 1);
    json->comma = false;
    json->depth++;
}

static void end(struct json *json, char bracket)
{
    assert(json->depth > 0);
    put(json, &bracket, 1);
    json->comma = true;
    json->depth--;
}

void json_begin_object(struct json *json)
{
    begin(json, '{');
}

void json_end_object(struct json *json)
{
    end(json, '}');
}

void json_begin_array(struct json *json)
{
    begin(json, '[');
}

void json_end_array(struct json *json)
{
    end(json, ']');
}

void json_key(struct json *json, const char *key)
{
    json_key_text(json, text_of(key));
}

void json_key_text(struct json *json, struct text key)
{
    json_text(json, key);
    put(json, ":", 1);
    json->comma = false;
}

void json_text(struct json *json, struct text value)
{
    put_comma(json);
    put_quoted(json, value);
}

void json_string(struct json *json, const char *value)
{
    json_text(json, text_of(value));
}

void json_int(struct json *json, int64_t value)
{
    char digits[24];

    put_value(json, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, value));
}

void json_uint(struct json *json, uint64_t value)
{
    char digits[24];

    put_value(json, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value));
}

void json_hex(struct json *json, uint64_t value)
{
    char digits[24];

    put_value(json, digits, (size_t)snprintf(digits, sizeof(digits), "\"%016" PRIx64 "\"", value));
}

void json_double(struct json *json, double value)
{
    char digits[32];
    int bytes;

    if (!isfinite(value)) {
        json_null(json);
        return;
    }
    bytes = snprintf(digits, sizeof(digits), "%.15g", value);
    if (strtod(digits, NULL) != value)
        bytes = snprintf(digits, sizeof(digits), "%.17g", value);
    put_value(json, digits, (size_t)bytes);
}

void json_bool(struct json *json, bool value)
{
    put_value(json, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *json)
{
    put_value(json, "null", 4);
}

void json_raw(struct json *json, struct text value)
{
    put_value(json, value.at, value.bytes);
}

int json_finish(const struct json *json, struct text *out)
{
    if (json->full)
        return -ENOBUFS;
    assert(json->depth == 0);
    *out = (struct text){.at = json->at, .bytes = json->bytes};
    return 0;
}
