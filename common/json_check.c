/* json_check.c - see json_check.h. One pass, no recursion: what is open is kept on a stack of fixed size. */
#include "common/json_check.h"

#include "common/utf8.h"

struct walk {
    const char *at, *end;
    bool no_controls; /* not even line ends between values */
    unsigned depth, depth_max;
    char open[JSON_CHECK_VALUE_DEPTH]; /* '{' or '[' */
};

static bool take(struct walk *walk, char wanted)
{
    if (walk->at == walk->end || *walk->at != wanted)
        return false;
    walk->at++;
    return true;
}

static void skip_spaces(struct walk *walk)
{
    while (take(walk, ' ') ||
           (!walk->no_controls && (take(walk, '\n') || take(walk, '\r') || take(walk, '\t'))))
        ;
}

static bool is_digit(const struct walk *walk)
{
    return walk->at < walk->end && *walk->at >= '0' && *walk->at <= '9';
}

static bool take_digits(struct walk *walk)
{
    if (!is_digit(walk))
        return false;
    while (is_digit(walk))
        walk->at++;
    return true;
}

static bool take_number(struct walk *walk)
{
    take(walk, '-');
    if (!take(walk, '0') && !take_digits(walk))
        return false;
    if (take(walk, '.') && !take_digits(walk))
        return false;
    if (!take(walk, 'e') && !take(walk, 'E'))
        return true;
    if (!take(walk, '+'))
        take(walk, '-');
    return take_digits(walk);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind the backslash. */
static bool take_escape(struct walk *walk)
{
    if (!take(walk, 'u'))
        return walk->at < walk->end && *walk->at && strchr("\"\\/bfnrt", *walk->at++);
    for (int i = 0; i < 4; i++) {
        if (walk->at == walk->end || !is_hex(*walk->at++))
            return false;
    }
    return true;
}

static bool take_string(struct walk *walk)
{
    if (!take(walk, '"'))
        return false;
    while (walk->at < walk->end && *walk->at != '"') {
        unsigned char byte = (unsigned char)*walk->at;
        size_t bytes = utf8_bytes((const unsigned char *)walk->at, (size_t)(walk->end - walk->at));

        if (bytes == 0 || byte < 0x20 || (byte == 0x7f && walk->no_controls))
            return false;
        walk->at += bytes;
        if (byte == '\\' && !take_escape(walk))
            return false;
    }
    return take(walk, '"');
}

static bool take_word(struct walk *walk, const char *word)
{
    size_t bytes = strlen(word);

    if ((size_t)(walk->end - walk->at) < bytes || memcmp(walk->at, word, bytes) != 0)
        return false;
    walk->at += bytes;
    return true;
}

static bool take_key(struct walk *walk)
{
    if (!take_string(walk))
        return false;
    skip_spaces(walk);
    if (!take(walk, ':'))
        return false;
    skip_spaces(walk);
    return true;
}

static bool take_open(struct walk *walk)
{
    if (walk->at == walk->end || (*walk->at != '{' && *walk->at != '['))
        return false;
    if (walk->depth == walk->depth_max)
        return false;
    walk->open[walk->depth++] = *walk->at++;
    skip_spaces(walk);
    return true;
}

static bool take_close(struct walk *walk)
{
    if (!take(walk, walk->open[walk->depth - 1] == '{' ? '}' : ']'))
        return false;
    walk->depth--;
    skip_spaces(walk);
    return true;
}

static bool take_comma(struct walk *walk)
{
    if (!take(walk, ','))
        return false;
    skip_spaces(walk);
    return true;
}

static bool take_plain(struct walk *walk)
{
    bool is_string = walk->at < walk->end && *walk->at == '"'; /* a bad one is nothing else instead */
    bool taken = is_string ? take_string(walk)
                           : take_word(walk, "true") || take_word(walk, "false") || take_word(walk, "null") ||
                                 take_number(walk);

    skip_spaces(walk);
    return taken;
}

/* A member, up to the brackets that it opens; `opened`: it has opened one, which may be closed at once. */
static bool take_member(struct walk *walk, bool *opened)
{
    if (walk->open[walk->depth - 1] == '{' && !take_key(walk))
        return false;
    *opened = take_open(walk);
    return *opened || take_plain(walk);
}

/* Behind the bracket that opens the outermost object or array. */
static bool take_rest(struct walk *walk)
{
    bool opened = true; /* no member yet */

    while (walk->depth > 0) {
        if (take_close(walk)) {
            opened = false;
            continue;
        }
        if (!opened && !take_comma(walk))
            return false;
        if (!take_member(walk, &opened))
            return false;
    }
    return true;
}

bool json_check_object(struct text text)
{
    struct walk walk = {
        .at = text.at, .end = text.at + text.bytes, .no_controls = true, .depth_max = JSON_CHECK_DEPTH};

    skip_spaces(&walk);
    return walk.at < walk.end && *walk.at == '{' && take_open(&walk) && take_rest(&walk) &&
           walk.at == walk.end;
}

bool json_check_value(struct text text)
{
    struct walk walk = {.at = text.at, .end = text.at + text.bytes, .depth_max = JSON_CHECK_VALUE_DEPTH};
    bool taken;

    skip_spaces(&walk);
    taken = take_open(&walk) ? take_rest(&walk) : take_plain(&walk);
    return taken && walk.at == walk.end;
}
