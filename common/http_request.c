/* http_request.c - see http_request.h. Here: lines, limits and bodies, each read on from where the last call
 * stopped. What a line means is http_head.c's matter. */
#include "common/http_request.h"

#include "common/http_head.h"
#include "common/http_syntax.h"

enum phase {
    PHASE_START,
    PHASE_LINE,
    PHASE_FIELDS,
    PHASE_BODY,
    PHASE_SIZE,
    PHASE_DATA,
    PHASE_DATA_END,
    PHASE_TRAILERS,
    PHASE_REFUSED
};

/* How a step of the parser ends: with one of enum http_progress, or with this. */
#define STEP_ON (-1)

static int refuse(struct http_parser *parser, int status, const char *detail)
{
    parser->phase = PHASE_REFUSED;
    parser->status = status;
    parser->detail = detail;
    return HTTP_REFUSED;
}

static int enter(struct http_parser *parser, enum phase phase, size_t line)
{
    parser->phase = (unsigned char)phase;
    parser->line = parser->scan = line;
    return STEP_ON;
}

/* What a line that is too long, or does not end in CR LF, is refused with. */
struct line_rule {
    size_t bytes; /* at most, without the line end */
    int status;
    const char *detail;
};

/* Takes the line at parser->line when it is whole: STEP_ON, and *next is where the next one starts. */
static int line_take(struct http_parser *parser, const char *bytes, size_t size, const struct line_rule *rule,
                     struct text *line, size_t *next)
{
    const char *start = bytes + parser->line;
    const char *end = size > parser->scan ? memchr(bytes + parser->scan, '\n', size - parser->scan) : NULL;
    size_t length = end ? (size_t)(end - start) : size - parser->line;

    if (length > rule->bytes + 1) /* the CR is counted here */
        return refuse(parser, rule->status, rule->detail);
    parser->scan = size;
    if (!end)
        return HTTP_MORE;
    if (!length || end[-1] != '\r')
        return refuse(parser, 400, "a line ends without CR");
    *line = (struct text){start, length - 1};
    *next = parser->line + length + 1;
    return STEP_ON;
}

/* One empty line before a request is let pass, as RFC 9112 (2.2) asks. */
static int start_read(struct http_parser *parser, const char *bytes, size_t size)
{
    if (!size)
        return HTTP_MORE;
    if (bytes[0] != '\r')
        return enter(parser, PHASE_LINE, 0);
    if (size == 1)
        return HTTP_MORE;
    if (bytes[1] != '\n')
        return refuse(parser, 400, "CR without LF");
    return enter(parser, PHASE_LINE, 2);
}

static int line_read(struct http_parser *parser, const struct http_limits *limits, const char *bytes,
                     size_t size, struct http_request *request)
{
    const struct line_rule rule = {limits->line_bytes, 414, "the request line is too long"};
    struct http_fault found = http_method_check((struct text){bytes + parser->line, size - parser->line});
    struct text line;
    size_t next = 0;
    int step;

    if (found.status)
        return refuse(parser, found.status, found.detail);
    step = line_take(parser, bytes, size, &rule, &line, &next);
    if (step != STEP_ON)
        return step;
    request->method = HTTP_OTHER; /* a line that is refused may not have told it */
    found = http_line_read(line, request);
    parser->head_only = request->method == HTTP_HEAD;
    if (found.status)
        return refuse(parser, found.status, found.detail);
    return enter(parser, PHASE_FIELDS, next);
}

/* What is left of a limit that several lines share, for one line with its line end. */
static struct line_rule field_rule(const struct http_limits *limits, size_t used)
{
    size_t left = limits->head_bytes > used + 2 ? limits->head_bytes - used - 2 : 0;

    if (left < limits->field_bytes)
        return (struct line_rule){left, 431, "the fields are too long"};
    return (struct line_rule){limits->field_bytes, 431, "a field line is too long"};
}

static int field_read(struct http_parser *parser, const struct http_limits *limits, const char *bytes,
                      size_t size, struct http_request *request)
{
    const struct line_rule rule = field_rule(limits, parser->line);
    struct http_fault found;
    struct text line;
    size_t next = 0;
    int step = line_take(parser, bytes, size, &rule, &line, &next);

    if (step != STEP_ON)
        return step;
    if (!line.bytes) {
        parser->head = next;
        return enter(parser, PHASE_BODY, next);
    }
    if (parser->fields >= limits->field_count || parser->fields >= HTTP_MAX_FIELDS)
        return refuse(parser, 431, "too many fields");
    found = http_field_read(line, &request->fields[parser->fields]);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    request->field_count = ++parser->fields;
    return enter(parser, PHASE_FIELDS, next);
}

/* Reads lines until the head is whole: STEP_ON. */
static int head_read(struct http_parser *parser, const struct http_limits *limits, const char *bytes,
                     size_t size, struct http_request *request)
{
    int step = STEP_ON;

    while (step == STEP_ON && parser->phase < PHASE_BODY) {
        if (parser->phase == PHASE_START)
            step = start_read(parser, bytes, size);
        else if (parser->phase == PHASE_LINE)
            step = line_read(parser, limits, bytes, size, request);
        else
            step = field_read(parser, limits, bytes, size, request);
    }
    return step;
}

/* Fills request in again from a head that has been found good: earlier calls had another scratch space, and
 * the bytes may have moved since. Happens once for a request that came in pieces, twice with a late body. */
static void head_again(const struct http_parser *parser, const struct http_limits *limits, const char *bytes,
                       struct http_request *request)
{
    struct http_parser again = {0};

    head_read(&again, limits, bytes, parser->head, request);
}

/* The head is whole: is the request sound, and what follows? */
static int head_finish(struct http_parser *parser, const struct http_limits *limits,
                       struct http_request *request)
{
    struct http_framing framing = {0};
    struct http_fault found = http_head_finish(request, limits, &framing);

    if (found.status)
        return refuse(parser, found.status, found.detail);
    parser->expects = framing.expects;
    parser->left = framing.length;
    if (framing.chunked)
        parser->phase = PHASE_SIZE;
    return STEP_ON;
}

static int size_read(struct http_parser *parser, const struct http_limits *limits, const char *bytes,
                     size_t size)
{
    static const struct line_rule rule = {HTTP_CHUNK_LINE_BYTES, 400, "a chunk's size line is too long"};
    struct text line, digits;
    uint64_t length = 0;
    size_t next = 0;
    int step = line_take(parser, bytes, size, &rule, &line, &next);

    if (step != STEP_ON)
        return step;
    digits = (struct text){line.at, 0};
    while (digits.bytes < line.bytes && http_is(line.at[digits.bytes], HTTP_IN_HEX))
        digits.bytes++;
    if (http_hexadecimal(digits, &length) < 0)
        return refuse(parser, 400, "bad chunk size");
    if (!http_chunk_extension_valid((struct text){line.at + digits.bytes, line.bytes - digits.bytes}))
        return refuse(parser, 400, "bad chunk extension");
    if (length > limits->body_bytes - parser->body)
        return refuse(parser, 413, "the body is too long");
    parser->left = (size_t)length;
    return enter(parser, length ? PHASE_DATA : PHASE_TRAILERS, next);
}

/* Moves the chunk's data to the end of what is joined already. */
static int data_read(struct http_parser *parser, char *bytes, size_t size)
{
    size_t here = size - parser->line;
    size_t take = here < parser->left ? here : parser->left;

    memmove(bytes + parser->head + parser->body, bytes + parser->line, take);
    parser->body += take;
    parser->left -= take;
    enter(parser, parser->left ? PHASE_DATA : PHASE_DATA_END, parser->line + take);
    return parser->left ? HTTP_MORE : STEP_ON;
}

static int data_end_read(struct http_parser *parser, const char *bytes, size_t size)
{
    static const char end[] = {'\r', '\n'};

    for (size_t i = 0; i < sizeof end; i++) {
        if (parser->line + i == size)
            return HTTP_MORE;
        if (bytes[parser->line + i] != end[i])
            return refuse(parser, 400, "a chunk is longer than its size");
    }
    return enter(parser, PHASE_SIZE, parser->line + sizeof end);
}

/* Trailer fields could only mean something to a handler that asked for them; none does. */
static int trailer_read(struct http_parser *parser, const struct http_limits *limits, const char *bytes,
                        size_t size)
{
    const struct line_rule rule = field_rule(limits, parser->trailers);
    struct http_fault found;
    struct text line;
    size_t next = 0;
    int step = line_take(parser, bytes, size, &rule, &line, &next);

    if (step != STEP_ON)
        return step;
    if (!line.bytes) {
        parser->line = next;
        return HTTP_WHOLE;
    }
    found = http_trailer_read(line);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    parser->trailers += next - parser->line;
    return enter(parser, PHASE_TRAILERS, next);
}

/* Closes the gap between the joined body and what has not been read yet: so a sender of tiny chunks cannot
 * make the buffer many times as long as the body. What is moved is less than one line. */
static void squeeze(struct http_parser *parser, char *bytes, size_t *size)
{
    size_t end = parser->head + parser->body;
    size_t gap = parser->line - end;

    if (!gap)
        return;
    memmove(bytes + end, bytes + parser->line, *size - parser->line);
    *size -= gap;
    parser->line -= gap;
    parser->scan -= gap;
}

static int chunks_read(struct http_parser *parser, const struct http_limits *limits, char *bytes,
                       size_t *size)
{
    int step = STEP_ON;

    while (step == STEP_ON) {
        if (parser->phase == PHASE_SIZE)
            step = size_read(parser, limits, bytes, *size);
        else if (parser->phase == PHASE_DATA)
            step = data_read(parser, bytes, *size);
        else if (parser->phase == PHASE_DATA_END)
            step = data_end_read(parser, bytes, *size);
        else
            step = trailer_read(parser, limits, bytes, *size);
    }
    if (step == HTTP_MORE)
        squeeze(parser, bytes, size);
    return step;
}

static int body_read(struct http_parser *parser, const struct http_limits *limits, char *bytes, size_t *size)
{
    if (parser->phase != PHASE_BODY)
        return chunks_read(parser, limits, bytes, size);
    if (*size - parser->head < parser->left)
        return HTTP_MORE;
    parser->body = parser->left;
    parser->line = parser->head + parser->body;
    return HTTP_WHOLE;
}

enum http_progress http_parser_feed(struct http_parser *parser, const struct http_limits *limits, char *bytes,
                                    size_t *size, struct http_request *request)
{
    bool resumed = parser->phase > PHASE_LINE; /* then what earlier calls found is not in request */
    int step = STEP_ON;

    if (parser->phase == PHASE_REFUSED)
        return HTTP_REFUSED;
    if (parser->phase < PHASE_BODY) {
        step = head_read(parser, limits, bytes, *size, request);
        if (step == STEP_ON && resumed)
            head_again(parser, limits, bytes, request);
        if (step == STEP_ON)
            step = head_finish(parser, limits, request);
        resumed = false;
    }
    if (step == STEP_ON)
        step = body_read(parser, limits, bytes, size);
    if (step != HTTP_WHOLE)
        return (enum http_progress)step;
    if (resumed) {
        struct http_framing framing = {0};

        head_again(parser, limits, bytes, request);
        http_head_finish(request, limits, &framing);
    }
    if (parser->body)
        request->body = (struct text){bytes + parser->head, parser->body};
    parser->consumed = parser->line;
    return HTTP_WHOLE;
}

struct text http_request_field(const struct http_request *request, const char *name)
{
    size_t bytes = strlen(name);

    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];

        if (field->name.bytes == bytes && strncasecmp(field->name.at, name, bytes) == 0)
            return field->value;
    }
    return (struct text){NULL, 0};
}

unsigned http_request_field_count(const struct http_request *request, const char *name)
{
    unsigned count = 0;

    for (unsigned i = 0; i < request->field_count; i++)
        count += text_equal_nocase(request->fields[i].name, name);
    return count;
}
