/* content.c - see content.h. JSON is only checked, in one pass that keeps nothing: json-c, which builds what
 * it reads, takes 59 ms for a megabyte, and this runs in the thread that sends on time. Whether strings are
 * good UTF-8 is not looked at. */
#include "fetcher/content.h"

#include <stdint.h>

struct reader {
    const char *at, *end;
    uint64_t objects; /* bit n: nesting level n is an object, else an array */
    unsigned depth;
};

static bool has(const struct reader *reader)
{
    return reader->at < reader->end;
}

static bool take(struct reader *reader, char character)
{
    bool found = has(reader) && *reader->at == character;

    reader->at += found;
    return found;
}

static bool take_blanks(struct reader *reader)
{
    while (has(reader) &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
    return true;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t bytes = strlen(word);

    if ((size_t)(reader->end - reader->at) < bytes || memcmp(reader->at, word, bytes) != 0)
        return false;
    reader->at += bytes;
    return true;
}

static bool take_digits(struct reader *reader)
{
    const char *from = reader->at;

    while (has(reader) && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > from;
}

static bool take_number(struct reader *reader)
{
    take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader))
        return false;
    if (take(reader, '.') && !take_digits(reader))
        return false;
    if (!take(reader, 'e') && !take(reader, 'E'))
        return true;
    if (!take(reader, '+'))
        take(reader, '-');
    return take_digits(reader);
}

static bool take_escape(struct reader *reader)
{
    if (!has(reader))
        return false;
    if (*reader->at != 'u')
        return memchr("\"\\/bfnrt", *reader->at++, 8) != NULL;
    if (reader->end - reader->at < 5)
        return false;
    reader->at++;
    for (unsigned i = 0; i < 4; i++) {
        if (!memchr("0123456789abcdefABCDEF", *reader->at++, 22))
            return false;
    }
    return true;
}

static bool take_string(struct reader *reader)
{
    if (!take(reader, '"'))
        return false;
    while (has(reader)) {
        char character = *reader->at++;

        if (character == '"')
            return true;
        if ((unsigned char)character < ' ' || (character == '\\' && !take_escape(reader)))
            return false;
    }
    return false;
}

static bool take_name(struct reader *reader)
{
    return take_blanks(reader) && take_string(reader) && take_blanks(reader) && take(reader, ':');
}

static bool in_object(const struct reader *reader)
{
    return reader->objects & 1ULL << (reader->depth - 1);
}

static bool open_level(struct reader *reader, bool object)
{
    uint64_t bit = 1ULL << (reader->depth % CONTENT_DEPTH_MAX);

    if (reader->depth == CONTENT_DEPTH_MAX)
        return false;
    reader->objects = object ? reader->objects | bit : reader->objects & ~bit;
    reader->depth++;
    return true;
}

/* Ends what ends here; true when another value must follow, *wrong when nothing good does. */
static bool next_value(struct reader *reader, bool *wrong)
{
    while (take_blanks(reader) && reader->depth > 0) {
        if (take(reader, ',')) {
            *wrong = in_object(reader) && !take_name(reader);
            return !*wrong;
        }
        if (!take(reader, in_object(reader) ? '}' : ']')) {
            *wrong = true;
            return false;
        }
        reader->depth--;
    }
    return false;
}

static bool take_scalar(struct reader *reader)
{
    switch (*reader->at) {
    case '"':
        return take_string(reader);
    case 't':
        return take_word(reader, "true");
    case 'f':
        return take_word(reader, "false");
    case 'n':
        return take_word(reader, "null");
    default:
        return take_number(reader);
    }
}

/* A scalar, an empty array or object: whole; *opened: one that is not empty, of which the first value
 * follows. */
static bool take_value(struct reader *reader, bool *opened)
{
    bool object = take_blanks(reader) && take(reader, '{');

    *opened = false;
    if (!object && !take(reader, '['))
        return has(reader) && take_scalar(reader);
    if (!open_level(reader, object))
        return false;
    take_blanks(reader);
    *opened = !take(reader, object ? '}' : ']');
    reader->depth -= !*opened;
    return !*opened || !object || take_name(reader);
}

static bool is_json(struct text text)
{
    struct reader reader = {.at = text.at, .end = text.at + text.bytes};
    bool opened, wrong = false;

    do {
        if (!take_value(&reader, &opened))
            return false;
    } while (opened || next_value(&reader, &wrong));
    return !wrong && !has(&reader);
}

bool content_rule_find(const char *name, enum content_rule *rule)
{
    static const char *const names[] = {[CONTENT_JSON] = "json", [CONTENT_ANY] = "any"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *rule = (enum content_rule)i;
            return true;
        }
    }
    return false;
}

bool content_storable(enum content_rule rule, bool says_json, struct text body)
{
    return rule == CONTENT_ANY || (says_json && body.bytes > 0 && is_json(body));
}
