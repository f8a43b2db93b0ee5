/* http_request_fuzz.c - libFuzzer target for common/http_request.c. The input is what a client sends, as it
 * is.
 *
 * However the bytes are split, the same requests must come out, up to the same refusal; every slice of a
 * request must lie within the bytes that belong to it; and what the RFCs demand of an accepted request must
 * hold. Each piece is fed from memory of exactly its size, so that the sanitizer sees a byte too far. */
#include "common/http_request.h"
#include "common/http_syntax.h"
#include "tests/fuzz/check.h"

static const struct http_limits limits = {
    .line_bytes = 100, .field_bytes = 80, .head_bytes = 400, .field_count = 8, .body_bytes = 64};

static uint64_t mix(uint64_t digest, const void *at, size_t bytes)
{
    const unsigned char *byte = at;

    for (size_t i = 0; i < bytes; i++)
        digest = (digest ^ byte[i]) * 0x100000001b3;
    return digest;
}

static uint64_t mix_number(uint64_t digest, uint64_t number)
{
    return mix(digest, &number, sizeof number);
}

static uint64_t mix_text(uint64_t digest, struct text text)
{
    return mix(mix_number(digest, text.at ? text.bytes : UINT64_MAX), text.at ? text.at : "", text.bytes);
}

static bool within(struct text text, const char *bytes, size_t size)
{
    return text.at >= bytes && text.bytes <= size && (size_t)(text.at - bytes) <= size - text.bytes;
}

static void check_request(const struct http_request *request, const char *bytes, size_t consumed)
{
    bool literal = text_equal(request->path, "/") || text_equal(request->path, "*");

    must(within(request->method_name, bytes, consumed), "the method lies within");
    must(within(request->target, bytes, consumed), "the target lies within");
    must(literal || within(request->path, bytes, consumed), "the path lies within");
    must(request->path.bytes && (request->path.at[0] == '/' || request->method == HTTP_OPTIONS), "a path");
    must(!request->query.at || within(request->query, bytes, consumed), "the query lies within");
    must(!request->host.at || within(request->host, bytes, consumed), "the host lies within");
    must(!request->body.at || within(request->body, bytes, consumed), "the body lies within");
    must(request->body.bytes <= limits.body_bytes, "the body keeps to its limit");
    must(request->minor_version <= 1, "a version");
    must(request->host.bytes || request->minor_version == 0, "a host");
    must(http_request_field_count(request, "host") <= 1, "one Host");
    must(http_uri_valid(request->query), "a query of allowed characters");
    must(http_request_field_count(request, "content-length") <= 1, "one length");
    must(!http_request_field(request, "transfer-encoding").at || request->minor_version == 1,
         "chunks in 1.1");
    must(request->field_count <= limits.field_count, "few fields");
    must(!http_request_field(request, "transfer-encoding").at ||
             !http_request_field(request, "content-length").at,
         "one framing");
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];

        must(within(field->name, bytes, consumed), "a field's name lies within");
        must(within(field->value, bytes, consumed), "a field's value lies within");
        must(field->name.bytes && http_all(field->name, HTTP_IN_TOKEN), "a field's name is a token");
        must(http_all(field->value, HTTP_IN_VALUE), "a field's value has no controls");
    }
}

static uint64_t digest_request(uint64_t digest, const struct http_request *request)
{
    digest = mix_text(digest, request->method_name);
    digest = mix_text(digest, request->target);
    digest = mix_text(digest, request->path);
    digest = mix_text(digest, request->query);
    digest = mix_text(digest, request->host);
    digest = mix_text(digest, request->body);
    digest = mix_number(digest, request->minor_version);
    digest = mix_number(digest, request->keep_alive);
    for (unsigned i = 0; i < request->field_count; i++)
        digest = mix_text(mix_text(digest, request->fields[i].name), request->fields[i].value);
    return digest;
}

/* Takes all whole requests off *bytes; what is left stays in it. False after a refusal. */
static bool take_requests(struct http_parser *parser, char *bytes, size_t *size, uint64_t *digest)
{
    static const int statuses[] = {400, 413, 414, 417, 431, 501, 505};
    enum http_progress progress = HTTP_WHOLE;
    size_t at = 0;

    while (progress == HTTP_WHOLE && at < *size) {
        struct http_request request;
        size_t left = *size - at;

        progress = http_parser_feed(parser, &limits, bytes + at, &left, &request);
        must(left <= *size - at, "nothing grows");
        *size = at + left;
        if (progress != HTTP_WHOLE)
            break;
        must(parser->consumed > 0 && parser->consumed <= left, "it takes no more than there is");
        check_request(&request, bytes + at, parser->consumed);
        *digest = digest_request(*digest, &request);
        at += parser->consumed;
        *parser = (struct http_parser){0};
    }
    memmove(bytes, bytes + at, *size - at);
    *size -= at;
    if (progress != HTTP_REFUSED)
        return true;
    *digest = mix_number(*digest, (uint64_t)parser->status);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i] == parser->status)
            return false;
    must(false, "a known status");
    return false;
}

/* Feeds `first` bytes and then `step` at a time; the digest tells all that came out. */
static uint64_t run(const uint8_t *data, size_t size, size_t first, size_t step)
{
    struct http_parser parser = {0};
    uint64_t digest = 0xcbf29ce484222325;
    size_t held = 0, fed = 0;
    char *bytes = NULL;
    bool fine = true;

    for (size_t next = first; fine; next = step < size - fed ? fed + step : size) {
        char *moved = malloc(held + next - fed ? held + next - fed : 1);

        must(moved, "memory");
        if (held)
            memcpy(moved, bytes, held);
        if (next > fed)
            memcpy(moved + held, data + fed, next - fed);
        free(bytes);
        bytes = moved;
        held += next - fed;
        fed = next;
        fine = take_requests(&parser, bytes, &held, &digest);
        if (fed == size)
            break;
    }
    free(bytes);
    if (fine) /* how much of an unfinished request is held may differ with the gaps between chunks */
        digest = mix_number(mix_number(digest, parser.phase), parser.expects);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = run(data, size, size, 1);
    uint64_t place = mix(0xcbf29ce484222325, data, size);

    must(run(data, size, (size_t)(place % (size + 1)), size + 1) == whole, "two pieces");
    if (place % 8 == 0)
        must(run(data, size, 0, 1) == whole, "byte by byte");
    return 0;
}
