/* http_head.c - see http_head.h. */
#include "common/http_head.h"

#include <errno.h>

#include "common/http_syntax.h"

#define FINE ((struct http_fault){.status = 0})

static struct http_fault fault(int status, const char *detail)
{
    return (struct http_fault){.status = status, .detail = detail};
}

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {
    {"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
    {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
};

static enum http_method method_find(struct text name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (text_equal(name, methods[i].name))
            return methods[i].method;
    return HTTP_OTHER;
}

struct http_fault http_method_check(struct text start)
{
    for (size_t i = 0; i < start.bytes; i++) {
        if (start.at[i] == ' ' && i > 0)
            return FINE;
        if (!http_is(start.at[i], HTTP_IN_TOKEN))
            return fault(400, "the request line does not start with a method");
        if (i == HTTP_METHOD_BYTES)
            return fault(501, "unknown method");
    }
    return FINE;
}

/* http://host/path: the target's host wins over the Host field (RFC 9112, 3.2.2). */
static struct http_fault absolute_read(struct text target, struct http_request *request, struct text *rest)
{
    static const char *const schemes[] = {"http://", "https://"};
    size_t at = 0, start;

    for (size_t i = 0; !at && i < sizeof schemes / sizeof *schemes; i++) {
        size_t bytes = strlen(schemes[i]);

        if (target.bytes > bytes && strncasecmp(target.at, schemes[i], bytes) == 0)
            at = bytes;
    }
    if (!at)
        return fault(400, "the request target has no form that is served here");
    start = at;
    while (at < target.bytes && target.at[at] != '/' && target.at[at] != '?')
        at++;
    request->host = (struct text){target.at + start, at - start};
    if (!http_authority_valid(request->host))
        return fault(400, "bad authority in the request target");
    *rest = (struct text){target.at + at, target.bytes - at};
    return FINE;
}

static struct http_fault target_read(struct text target, struct http_request *request)
{
    struct text rest = target;
    struct http_fault found = FINE;
    const char *mark;

    request->target = target;
    request->query = (struct text){NULL, 0};
    if (text_equal(target, "*")) {
        request->path = target;
        return request->method == HTTP_OPTIONS ? FINE : fault(400, "the target * is for OPTIONS alone");
    }
    if (!target.bytes || target.at[0] != '/')
        found = absolute_read(target, request, &rest);
    if (found.status)
        return found;
    if (!http_uri_valid(rest))
        return fault(400, "a character in the request target is not allowed there");
    mark = memchr(rest.at, '?', rest.bytes);
    request->path = (struct text){rest.at, mark ? (size_t)(mark - rest.at) : rest.bytes};
    if (mark)
        request->query = (struct text){mark + 1, rest.bytes - request->path.bytes - 1};
    if (!request->path.bytes)
        request->path = text_of(request->method == HTTP_OPTIONS && !mark ? "*" : "/");
    return FINE;
}

static struct http_fault version_read(struct text version, struct http_request *request)
{
    if (version.bytes != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.' ||
        !http_is(version.at[5], HTTP_IN_DIGIT) || !http_is(version.at[7], HTTP_IN_DIGIT))
        return fault(400, "bad HTTP version");
    if (version.at[5] != '1' || version.at[7] > '1')
        return fault(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    request->minor_version = version.at[7] == '1';
    return FINE;
}

struct http_fault http_line_read(struct text line, struct http_request *request)
{
    const char *end = line.at + line.bytes;
    const char *target = memchr(line.at, ' ', line.bytes);
    const char *version = memrchr(line.at, ' ', line.bytes);
    struct http_fault found;

    if (!target || target == version)
        return fault(400, "the request line is not: method, target, version");
    target++;
    version++;
    request->method_name = (struct text){line.at, (size_t)(target - line.at) - 1};
    request->method = method_find(request->method_name);
    request->host = (struct text){NULL, 0};
    request->field_count = 0;
    found = version_read((struct text){version, (size_t)(end - version)}, request);
    if (found.status)
        return found;
    if (text_equal(request->method_name, "CONNECT"))
        return fault(501, "no tunnels here");
    return target_read((struct text){target, (size_t)(version - target) - 1}, request);
}

struct http_fault http_field_read(struct text line, struct http_field *field)
{
    const char *colon = memchr(line.at, ':', line.bytes);

    if (line.bytes && (line.at[0] == ' ' || line.at[0] == '\t'))
        return fault(400, "a field line starts with white space");
    if (!colon)
        return fault(400, "a field line has no colon");
    field->name = (struct text){line.at, (size_t)(colon - line.at)};
    if (!field->name.bytes || !http_all(field->name, HTTP_IN_TOKEN))
        return fault(400, "bad field name");
    field->value = http_trim((struct text){colon + 1, line.bytes - field->name.bytes - 1});
    if (!http_all(field->value, HTTP_IN_VALUE))
        return fault(400, "a control character in a field value");
    return FINE;
}

struct http_fault http_trailer_read(struct text line)
{
    static const char *const late[] = {"Content-Length", "Transfer-Encoding", "Connection"};
    struct http_field field;
    struct http_fault found = http_field_read(line, &field);

    for (size_t i = 0; !found.status && i < sizeof late / sizeof *late; i++)
        if (text_equal_nocase(field.name, late[i]))
            return fault(400, "a trailer tells of the message's framing, too late");
    return found;
}

/* What is gathered over all fields that matter for the connection. */
struct facts {
    unsigned hosts, encodings, lengths;
    uint64_t length;
    bool chunked_last;
    bool close, keep_alive, expects;
};

/* A tab behind a value is white space to us, and part of it to others. The line's CR ends the search. */
static bool tab_behind(struct text value)
{
    const char *at = value.at + value.bytes;

    while (*at == ' ')
        at++;
    return *at == '\t';
}

/* Equal ones, or a list of them, could be taken for one (RFC 9110, 8.6 leaves the choice). No honest client
 * sends them, and not everybody behind or before us reads them alike. */
static struct http_fault length_read(struct text value, struct facts *facts)
{
    if (facts->lengths++)
        return fault(400, "more than one Content-Length");
    if (http_decimal(value, &facts->length) < 0 || tab_behind(value))
        return fault(400, "bad Content-Length");
    return FINE;
}

/* The codings of all fields are one list. */
static struct http_fault encodings_read(struct text list, struct facts *facts)
{
    struct text element;

    if (tab_behind(list))
        return fault(400, "bad Transfer-Encoding");
    while (http_list_next(&list, &element)) {
        facts->encodings++;
        facts->chunked_last = text_equal_nocase(element, "chunked");
    }
    return FINE;
}

static void connection_read(struct text list, struct facts *facts)
{
    struct text element;

    while (http_list_next(&list, &element)) {
        facts->close |= text_equal_nocase(element, "close");
        facts->keep_alive |= text_equal_nocase(element, "keep-alive");
    }
}

static struct http_fault host_read(struct text value, struct http_request *request, struct facts *facts)
{
    if (facts->hosts++)
        return fault(400, "more than one Host");
    if (!http_authority_valid(value))
        return fault(400, "bad Host");
    if (!request->host.at)
        request->host = value;
    return FINE;
}

/* HTTP/1.0 knows no expectations, and RFC 9110 (10.1.1) says to overlook them there. */
static struct http_fault expect_read(struct text value, const struct http_request *request,
                                     struct facts *facts)
{
    if (request->minor_version == 0)
        return FINE;
    if (!text_equal_nocase(value, "100-continue"))
        return fault(417, "the only expectation met here is 100-continue");
    facts->expects = true;
    return FINE;
}

/* By the length of the name first: most fields are none of these and cost one comparison. */
static struct http_fault fact_read(const struct http_field *field, struct http_request *request,
                                   struct facts *facts)
{
    switch (field->name.bytes) {
    case 4:
        if (text_equal_nocase(field->name, "Host"))
            return host_read(field->value, request, facts);
        break;
    case 6:
        if (text_equal_nocase(field->name, "Expect"))
            return expect_read(field->value, request, facts);
        break;
    case 10:
        if (text_equal_nocase(field->name, "Connection"))
            connection_read(field->value, facts);
        break;
    case 14:
        if (text_equal_nocase(field->name, "Content-Length"))
            return length_read(field->value, facts);
        break;
    case 17:
        if (text_equal_nocase(field->name, "Transfer-Encoding"))
            return encodings_read(field->value, facts);
        break;
    default:
        break;
    }
    return FINE;
}

/* Where a body would end in doubt it is a 400, whatever the coding's name (RFC 9112, 6.3); with an end that
 * is sure, a coding that is not known is a 501 (6.1). */
static struct http_fault framing_check(const struct http_request *request, const struct facts *facts)
{
    if (!facts->encodings)
        return FINE;
    if (request->minor_version == 0)
        return fault(400, "Transfer-Encoding in HTTP/1.0");
    if (facts->lengths)
        return fault(400, "both Transfer-Encoding and Content-Length");
    if (!facts->chunked_last)
        return fault(400, "the last transfer coding is not chunked");
    if (facts->encodings > 1)
        return fault(501, "the only transfer coding understood here is chunked, once");
    return FINE;
}

struct http_fault http_head_finish(struct http_request *request, const struct http_limits *limits,
                                   struct http_framing *framing)
{
    struct facts facts = {0};
    struct http_fault framed, first = FINE; /* 400 beats 417 and 501 */

    for (unsigned i = 0; i < request->field_count; i++) {
        struct http_fault found = fact_read(&request->fields[i], request, &facts);

        if (found.status == 400)
            return found;
        if (found.status && !first.status)
            first = found;
    }
    if (!facts.hosts && request->minor_version == 1)
        return fault(400, "no Host");
    framed = framing_check(request, &facts);
    if (framed.status == 400 || !first.status)
        first = framed;
    if (first.status)
        return first;
    if (facts.length > limits->body_bytes)
        return fault(413, "the body is too long");
    request->keep_alive = !facts.close && (request->minor_version == 1 || facts.keep_alive);
    request->body = (struct text){NULL, 0};
    framing->chunked = facts.encodings > 0;
    framing->length = (size_t)facts.length;
    framing->expects = facts.expects && (framing->chunked || framing->length);
    return FINE;
}
