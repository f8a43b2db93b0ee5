/* request.c - finds the end of the head, cuts it into lines, and keeps the fields that matter. */
#include "tests/simulator/request.h"

#include <errno.h>

/* Cuts one line off *rest, without its end; false when there is none. */
static bool line_next(struct text *rest, struct text *line)
{
    const char *end = rest->bytes ? memchr(rest->at, '\n', rest->bytes) : NULL;

    if (!end)
        return false;
    *line = (struct text){.at = rest->at, .bytes = (size_t)(end - rest->at)};
    rest->at += line->bytes + 1;
    rest->bytes -= line->bytes + 1;
    if (line->bytes > 0 && line->at[line->bytes - 1] == '\r')
        line->bytes--;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct text trim(struct text text)
{
    while (text.bytes > 0 && is_space(text.at[0])) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes > 0 && is_space(text.at[text.bytes - 1]))
        text.bytes--;
    return text;
}

/* Cuts one word off *rest. */
static struct text word_next(struct text *rest)
{
    struct text word = trim(*rest);
    size_t bytes = 0;

    *rest = word;
    while (bytes < word.bytes && !is_space(word.at[bytes]))
        bytes++;
    word.bytes = bytes;
    rest->at += bytes;
    rest->bytes -= bytes;
    return word;
}

/* "http://host/path" is taken for "/path". */
static struct text strip_authority(struct text target)
{
    static const char scheme[] = "http://";
    size_t skip = sizeof(scheme) - 1;

    if (target.bytes < skip || strncasecmp(target.at, scheme, skip) != 0)
        return target;
    while (skip < target.bytes && target.at[skip] != '/')
        skip++;
    return (struct text){.at = target.at + skip, .bytes = target.bytes - skip};
}

static bool parse_line(struct text line, struct request *request)
{
    struct text target, version;
    const char *mark;

    request->method = word_next(&line);
    target = strip_authority(word_next(&line));
    version = word_next(&line);
    if (target.bytes == 0 || target.at[0] != '/' || version.bytes != 8 ||
        strncmp(version.at, "HTTP/1.", 7) != 0)
        return false;
    request->keep_alive = version.at[7] != '0';
    request->head = text_equal(request->method, "HEAD");
    mark = memchr(target.at, '?', target.bytes);
    request->path = target;
    if (mark) {
        request->path.bytes = (size_t)(mark - target.at);
        request->query = (struct text){.at = mark + 1, .bytes = target.bytes - request->path.bytes - 1};
    }
    return true;
}

static int parse_length(struct text value, size_t *length)
{
    size_t sum = 0;

    if (value.bytes == 0)
        return -EBADMSG;
    for (size_t i = 0; i < value.bytes; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return -EBADMSG;
        sum = sum * 10 + (size_t)(value.at[i] - '0');
        if (sum > REQUEST_MAX_BYTES)
            return -EMSGSIZE;
    }
    *length = sum;
    return 0;
}

static int parse_field(struct text line, struct request *request, size_t *length)
{
    const char *colon = memchr(line.at, ':', line.bytes);
    struct text name = {.at = line.at, .bytes = colon ? (size_t)(colon - line.at) : 0};
    struct text value;

    if (!colon)
        return -EBADMSG;
    value = trim((struct text){.at = colon + 1, .bytes = line.bytes - name.bytes - 1});
    if (text_equal_nocase(name, "client-id") && request->client_id.bytes == 0)
        request->client_id = value;
    else if (text_equal_nocase(name, "x-request-id"))
        request->attempt = value;
    else if (text_equal_nocase(name, "origin"))
        request->origin = value;
    else if (text_equal_nocase(name, "connection"))
        request->keep_alive = text_equal_nocase(value, "keep-alive") ||
                              (request->keep_alive && !text_equal_nocase(value, "close"));
    else if (text_equal_nocase(name, "content-length"))
        return parse_length(value, length);
    else if (text_equal_nocase(name, "transfer-encoding"))
        return -ENOTSUP;
    return 0;
}

int request_parse(struct text bytes, struct request *request, size_t *used)
{
    struct text rest = bytes, line = {.at = bytes.at, .bytes = 0};
    int incomplete = bytes.bytes > REQUEST_MAX_BYTES ? -EMSGSIZE : -EAGAIN;
    size_t length = 0;
    int rc;

    *request = (struct request){0};
    while (line.bytes == 0) /* empty lines before a request are passed over */
        if (!line_next(&rest, &line))
            return incomplete;
    if (!parse_line(line, request))
        return -EBADMSG;
    for (;;) {
        if (!line_next(&rest, &line))
            return incomplete;
        if (line.bytes == 0)
            break;
        rc = parse_field(line, request, &length);
        if (rc < 0)
            return rc;
    }
    if (rest.bytes < length)
        return incomplete;
    request->body = (struct text){.at = rest.at, .bytes = length};
    *used = (size_t)(rest.at - bytes.at) + length;
    return 0;
}
