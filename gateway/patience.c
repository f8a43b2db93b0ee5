/* patience.c - see patience.h. */
#include "gateway/patience.h"

#include <errno.h>

#include "common/http_syntax.h"

#define US_IN_SECOND 1000000

static void skip(struct text *rest, size_t bytes)
{
    rest->at += bytes;
    rest->bytes -= bytes;
}

static void skip_blanks(struct text *rest)
{
    while (rest->bytes > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        skip(rest, 1);
}

static bool take_sign(struct text *rest, char sign)
{
    skip_blanks(rest);
    if (rest->bytes == 0 || rest->at[0] != sign)
        return false;
    skip(rest, 1);
    return true;
}

/* False when there is none. */
static bool take_token(struct text *rest, struct text *token)
{
    *token = (struct text){.at = rest->at, .bytes = 0};
    while (rest->bytes > 0 && http_is(rest->at[0], HTTP_IN_TOKEN)) {
        token->bytes++;
        skip(rest, 1);
    }
    return token->bytes > 0;
}

/* What stands between the quotes, escapes as they are: no number needs one. False when it does not end. */
static bool take_quoted(struct text *rest, struct text *inside)
{
    *inside = (struct text){.at = rest->at + 1, .bytes = 0};
    for (skip(rest, 1); rest->bytes > 0 && rest->at[0] != '"'; skip(rest, 1)) {
        if (rest->at[0] == '\\' && rest->bytes > 1)
            skip(rest, 1);
    }
    inside->bytes = (size_t)(rest->at - inside->at);
    if (rest->bytes == 0)
        return false;
    skip(rest, 1);
    return true;
}

/* token [ BWS "=" BWS ( token / quoted-string ) ] */
static bool take_pair(struct text *rest, struct text *name, struct text *value)
{
    *value = (struct text){.at = NULL, .bytes = 0};
    if (!take_token(rest, name))
        return false;
    if (!take_sign(rest, '='))
        return true;
    skip_blanks(rest);
    return rest->bytes > 0 && rest->at[0] == '"' ? take_quoted(rest, value) : take_token(rest, value);
}

/* A preference and its parameters, which are none of ours. False when that is not what stands there. */
static bool take_preference(struct text *rest, struct text *name, struct text *value)
{
    struct text parameter, ignored;

    skip_blanks(rest);
    if (!take_pair(rest, name, value))
        return false;
    while (take_sign(rest, ';')) {
        skip_blanks(rest);
        if (rest->bytes > 0 && http_is(rest->at[0], HTTP_IN_TOKEN) && !take_pair(rest, &parameter, &ignored))
            return false;
    }
    return rest->bytes == 0 || rest->at[0] == ',';
}

/* Behind the next comma, unless a quoted string holds it. */
static void skip_element(struct text *rest)
{
    struct text ignored;

    while (rest->bytes > 0 && rest->at[0] != ',') {
        if (rest->at[0] == '"')
            take_quoted(rest, &ignored);
        else
            skip(rest, 1);
    }
    if (rest->bytes > 0)
        skip(rest, 1);
}

/* RFC 7240: of several preferences of one name only the first counts, readable or not. */
struct preferences {
    bool has_wait, has_async;
    struct text wait, async;
};

static void find_preferences(struct text list, struct preferences *found)
{
    while (list.bytes > 0) {
        struct text name, value;
        bool readable = take_preference(&list, &name, &value);

        if (readable && !found->has_wait && text_equal_nocase(name, "wait")) {
            found->has_wait = true;
            found->wait = value;
        } else if (readable && !found->has_async && text_equal_nocase(name, "respond-async")) {
            found->has_async = true;
            found->async = value;
        }
        skip_element(&list);
    }
}

bool patience_seconds(struct text text, int64_t limit_us, int64_t *us)
{
    const char *dot = text.bytes > 0 ? memchr(text.at, '.', text.bytes) : NULL;
    struct text whole = {.at = text.at, .bytes = dot ? (size_t)(dot - text.at) : text.bytes};
    struct text part = {.at = dot ? dot + 1 : "0", .bytes = dot ? text.bytes - whole.bytes - 1 : 1};
    int64_t unit_us = US_IN_SECOND;
    uint64_t seconds;
    int rc = http_decimal(whole, &seconds);

    if (rc == -ERANGE || (rc == 0 && seconds > (uint64_t)(limit_us / US_IN_SECOND)))
        seconds = (uint64_t)(limit_us / US_IN_SECOND) + 1;
    else if (rc < 0)
        return false;
    if (part.bytes == 0 || !http_all(part, HTTP_IN_DIGIT))
        return false;
    *us = (int64_t)seconds * US_IN_SECOND;
    for (size_t i = 0; i < part.bytes && unit_us > 1; i++)
        *us += (part.at[i] - '0') * (unit_us /= 10);
    if (*us > limit_us)
        *us = limit_us;
    return true;
}

/* respond-async has no value; with one (an empty one is none) it is another preference than the one we know.
 */
static void prefer(const struct preferences *found, struct patience *patience)
{
    bool async = found->has_async && found->async.bytes == 0;
    uint64_t most_s = (uint64_t)(patience->wait_us / US_IN_SECOND), seconds = 0;
    int rc = found->wait.at ? http_decimal(found->wait, &seconds) : -EBADMSG;

    if (rc == -EBADMSG)
        seconds = 0;
    else if (rc < 0 || seconds > most_s)
        seconds = most_s + 1; /* longer than there is time */
    if (async) {
        patience->defer_s = (int64_t)seconds;
    } else if (rc != -EBADMSG && seconds <= most_s) {
        patience->preferred_s = (int64_t)seconds;
        patience->wait_us = (int64_t)seconds * US_IN_SECOND;
    }
}

int patience_read(const struct http_request *request, int64_t limit_us, struct patience *patience)
{
    struct preferences found = {.has_wait = false};
    bool given = false;

    *patience = (struct patience){.wait_us = limit_us, .preferred_s = -1, .defer_s = -1};
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];

        if (text_equal_nocase(field->name, PATIENCE_FIELD)) {
            if (given || !patience_seconds(field->value, limit_us, &patience->wait_us))
                return -EINVAL;
            given = true;
        } else if (text_equal_nocase(field->name, "Prefer")) {
            find_preferences(field->value, &found);
        }
    }
    if (found.has_wait || found.has_async)
        prefer(&found, patience);
    return 0;
}
