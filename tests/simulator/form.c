/* form.c - percent-decoding of one field at a time. */
#include "tests/simulator/form.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Returns false when the room was too small; what fits is there. */
static bool decode(struct text coded, char *room, size_t room_bytes, struct text *out)
{
    size_t at = 0, bytes = 0;

    while (at < coded.bytes && bytes < room_bytes) {
        char c = coded.at[at];
        int high = -1, low = -1;

        if (c == '%' && coded.bytes - at > 2) {
            high = hex_digit(coded.at[at + 1]);
            low = hex_digit(coded.at[at + 2]);
        }
        if (high >= 0 && low >= 0) {
            c = (char)(high * 16 + low);
            at += 2;
        } else if (c == '+') {
            c = ' ';
        }
        room[bytes++] = c;
        at++;
    }
    *out = (struct text){.at = room, .bytes = bytes};
    return at == coded.bytes;
}

bool form_next(struct text *rest, struct form_field *field)
{
    while (rest->bytes > 0) {
        const char *end = memchr(rest->at, '&', rest->bytes);
        size_t bytes = end ? (size_t)(end - rest->at) : rest->bytes;
        const char *equals = memchr(rest->at, '=', bytes);
        struct text name = {.at = rest->at, .bytes = equals ? (size_t)(equals - rest->at) : bytes};
        struct text value = {.at = rest->at + bytes, .bytes = 0};
        bool whole;

        if (equals)
            value = (struct text){.at = equals + 1, .bytes = bytes - name.bytes - 1};
        rest->at += end ? bytes + 1 : bytes;
        rest->bytes -= end ? bytes + 1 : bytes;
        if (bytes == 0)
            continue;
        whole = decode(name, field->name_room, sizeof(field->name_room), &field->name);
        whole = decode(value, field->value_room, sizeof(field->value_room), &field->value) && whole;
        field->cut = !whole;
        return true;
    }
    return false;
}
