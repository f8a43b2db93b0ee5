/* upstream_fuzz.c - whatever a provider sends: what passes on is whole lines without a forged one among them,
 * no wait is negative or longer than a year, and only what could be an answer is judged one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fetcher/content.h"
#include "fetcher/upstream.h"

#define NOW_WALL_US 1700000000000000LL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* The head by lines, as libcurl would give them; what is behind it is the body. */
static struct text read_head(struct upstream_head *head, struct text bytes)
{
    while (bytes.bytes > 0 && !head->complete && !head->wrong) {
        const char *end = memchr(bytes.at, '\n', bytes.bytes);
        size_t line = end ? (size_t)(end + 1 - bytes.at) : bytes.bytes;

        upstream_head_line(head, (struct text){bytes.at, line});
        bytes = (struct text){bytes.at + line, bytes.bytes - line};
    }
    return bytes;
}

/* "Name: value" CR LF, over and over. */
static void check_fields(struct text fields)
{
    while (fields.bytes > 0) {
        const char *colon = memchr(fields.at, ':', fields.bytes),
                   *end = memchr(fields.at, '\r', fields.bytes);
        size_t line;

        must(colon && end && colon > fields.at && colon < end);
        line = (size_t)(end + 2 - fields.at);
        must(line <= fields.bytes && end[1] == '\n');
        must(!memchr(fields.at, '\0', line) && memchr(fields.at, '\n', line) == end + 1);
        fields = (struct text){fields.at + line, fields.bytes - line};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct upstream_head head;
    struct text body;

    upstream_head_init(&head);
    body = read_head(&head, (struct text){(const char *)data, size});
    must(head.fields_bytes <= sizeof(head.fields));
    check_fields(upstream_head_fields(&head));
    must(!head.complete || (head.status >= 200 && head.status <= 599 && !head.wrong));
    must(upstream_head_body_bytes(&head) >= -1);
    for (int end = 0; end < UPSTREAM_END_COUNT; end++) {
        struct upstream_verdict verdict = upstream_judge((enum upstream_end)end, &head, NOW_WALL_US);

        must(verdict.hold_us >= 0 && verdict.hold_us <= UPSTREAM_WAIT_MAX_US);
        must(!verdict.answer || (head.complete && end == UPSTREAM_WHOLE));
        must(verdict.outcome != FETCH_LIMITED || verdict.hold_us > 0);
    }
    must(!content_storable(CONTENT_JSON, head.says_json, body) || (head.says_json && body.bytes > 0));
    return 0;
}
