/* render.c - see render.h. Our lines are of bounded length and an answer's fields are at most
 * ANSWER_FIELDS_BYTES, so that nothing here can overrun the buffers that render.h asks for. */
#include "gateway/render.h"

#include <assert.h>
#include <stdio.h>

#define US_IN_MS     1000
#define US_IN_SECOND 1000000

struct status_problem {
    int status;
    const char *reason, *title;
};

static const struct status_problem status_problems[] = {
    {400, "bad_request", "The request is malformed"},
    {401, "unauthorized", "This needs a token"},
    {403, "forbidden", "This caller may not do this"},
    {404, "not_found", "There is nothing here"},
    {405, "method_not_allowed", "This method is not allowed here"},
    {408, "request_timeout", "The request did not come in time"},
    {410, "gone", "There is nothing here any more"},
    {413, "content_too_large", "The request's content is too large"},
    {414, "uri_too_long", "The request's target is too long"},
    {431, "fields_too_large", "The request's header fields are too large"},
    {501, "not_implemented", "This method is not known here"},
    {503, "unavailable", "This is not available now"},
    {505, "version_not_supported", "This version of HTTP is not supported"},
};
#define STATUS_PROBLEMS (sizeof(status_problems) / sizeof(status_problems[0]))

static char *put(char *at, struct text text)
{
    if (text.bytes > 0)
        memcpy(at, text.at, text.bytes);
    return at + text.bytes;
}

/* Inlined, so that the length of a literal is known when compiling. */
static inline char *put_string(char *at, const char *string)
{
    return put(at, text_of(string));
}

static char *put_number(char *at, int64_t number)
{
    char digits[20];
    size_t count = 0;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *at++ = '-';
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

/* Milliseconds with three decimals. */
static char *put_ms(char *at, int64_t us)
{
    int64_t part = us > 0 ? us % US_IN_MS : 0;

    at = put_number(at, us > 0 ? us / US_IN_MS : 0);
    *at++ = '.';
    *at++ = (char)('0' + part / 100);
    *at++ = (char)('0' + part / 10 % 10);
    *at++ = (char)('0' + part % 10);
    return at;
}

/* Rounded towards the past, so that -0.2 s is -1: what is over must not read as 0. */
static int64_t whole_seconds(int64_t us)
{
    return us / US_IN_SECOND - (us % US_IN_SECOND < 0 ? 1 : 0);
}

static struct text done(const char *fields, const char *at)
{
    struct text text = {.at = fields, .bytes = (size_t)(at - fields)};

    assert(text.bytes <= RENDER_FIELDS_BYTES);
    return text;
}

static char *put_common(char *at, struct text request_id)
{
    at = put_string(at, "X-Content-Type-Options: nosniff\r\nX-Request-Id: ");
    at = put(at, request_id);
    return put_string(at, "\r\n");
}

static char *put_age_field(char *at, int64_t age_us)
{
    at = put_string(at, "\r\nAge: ");
    return put_number(at, age_us > 0 ? age_us / US_IN_SECOND : 0);
}

/* Another cache had it before it came to us. */
static bool came_old(const struct answer *answer, int64_t upstream_us)
{
    int64_t age_us = answer->stored_wall_us - answer->made_wall_us;

    return age_us >= US_IN_SECOND && age_us - US_IN_SECOND >= upstream_us;
}

static char *put_age(char *at, const struct answer *answer, int64_t wall_us)
{
    return put_string(put_age_field(at, wall_us - answer->made_wall_us), "\r\n");
}

struct problem problem_of_reason(enum reason reason)
{
    return (struct problem){.status = reason_status(reason),
                            .reason = reason_name(reason),
                            .title = reason_title(reason),
                            .proxy_status = reason_proxy_status(reason)};
}

struct problem problem_of_status(int status)
{
    struct problem problem = {.status = status,
                              .reason = status < 500 ? "bad_request" : "internal",
                              .title = status < 500 ? "The request is refused" : "The proxy failed",
                              .proxy_status = status < 500 ? "http_request_error" : ""};

    for (size_t i = 0; i < STATUS_PROBLEMS; i++) {
        if (status_problems[i].status == status) {
            problem.reason = status_problems[i].reason;
            problem.title = status_problems[i].title;
        }
    }
    return problem;
}

struct problem problem_of_refusal(int status, const char *reason)
{
    struct problem problem = problem_of_status(status);

    if (reason) {
        problem.reason = reason;
        problem.title = "There are too many connections";
    }
    return problem;
}

int64_t render_retry_seconds(int64_t retry_after_us)
{
    return retry_after_us <= 0 ? 1 : (retry_after_us - 1) / US_IN_SECOND + 1;
}

void render_hex(uint64_t number, char digits[RENDER_ID_BYTES])
{
    for (unsigned i = RENDER_ID_BYTES; i > 0; i--, number >>= 4)
        digits[i - 1] = "0123456789abcdef"[number & 15];
}

struct text render_hit(char fields[RENDER_FIELDS_BYTES], const struct answer *answer, int64_t wall_us,
                       struct text request_id)
{
    char *at = put_string(fields, "Cache-Status: sluice; hit; ttl=");

    at = put_number(at, whole_seconds(answer->fresh_wall_us - wall_us));
    at = put_age(at, answer, wall_us);
    at = put_common(at, request_id);
    return done(fields, put(at, answer->fields));
}

struct text render_stale(char fields[RENDER_FIELDS_BYTES], const struct answer *answer, int64_t wall_us,
                         enum reason reason, struct text request_id)
{
    char *at = put_string(fields, "X-Proxy-Fallback: cache\r\nCache-Status: sluice; hit; ttl=");

    at = put_number(at, whole_seconds(answer->fresh_wall_us - wall_us));
    at = put_string(at, "; detail=");
    at = put_string(at, reason_name(reason));
    at = put_age(at, answer, wall_us);
    at = put_common(at, request_id);
    return done(fields, put(at, answer->fields));
}

struct text render_forwarded(char fields[RENDER_FIELDS_BYTES], const struct answer *answer,
                             const struct passage *passage)
{
    char *at = put_string(fields, "Cache-Status: sluice; fwd=");

    at = put_string(at, passage->declined ? "request" : passage->expired ? "stale" : "miss");
    if (passage->joined)
        at = put_string(at, "; collapsed");
    if (passage->stored)
        at = put_string(at, "; stored");
    if (answer->status >= 500) {
        at = put_string(at, "\r\nProxy-Status: sluice; received-status=");
        at = put_number(at, (int64_t)answer->status);
    }
    if (came_old(answer, passage->upstream_us))
        at = put_age_field(at, answer->stored_wall_us - answer->made_wall_us);
    at = put_string(at, "\r\nServer-Timing: queue;dur=");
    at = put_ms(at, passage->wait_us);
    at = put_string(at, ", upstream;dur=");
    at = put_ms(at, passage->upstream_us);
    at = put_string(at, "\r\n");
    at = put_common(at, passage->request_id);
    return done(fields, put(at, answer->fields));
}

struct text render_preference(char fields[RENDER_FIELDS_BYTES], struct text rendered, int64_t wait_s)
{
    char *at = fields + rendered.bytes;

    assert(rendered.at == fields);
    if (wait_s < 0)
        return rendered;
    at = put_string(at, "Preference-Applied: wait=");
    at = put_number(at, wait_s);
    return done(fields, put_string(at, "\r\n"));
}

static char *put_problem_fields(char *at, const struct problem *problem)
{
    if (problem->proxy_status[0]) {
        at = put_string(at, "Proxy-Status: sluice; error=");
        at = put_string(at, problem->proxy_status);
        at = put_string(at, "; details=\"");
        at = put_string(at, problem->reason);
        at = put_string(at, "\"\r\n");
    }
    if (problem->status == 503 || problem->retry_after_us > 0) {
        at = put_string(at, "Retry-After: ");
        at = put_number(at, render_retry_seconds(problem->retry_after_us));
        at = put_string(at, "\r\n");
    }
    return at;
}

struct text render_own(char fields[RENDER_FIELDS_BYTES], const char *type, struct text request_id,
                       const struct problem *problem)
{
    char *at = put_string(fields, "Content-Type: ");

    at = put_string(at, type);
    at = put_string(at, "\r\nCache-Control: no-store\r\n");
    if (problem)
        at = put_problem_fields(at, problem);
    return done(fields, put_common(at, request_id));
}

struct text render_empty(char fields[RENDER_FIELDS_BYTES], struct text request_id)
{
    char *at = put_string(fields, "Cache-Control: no-store\r\n");

    return done(fields, put_common(at, request_id));
}

struct text render_field(char fields[RENDER_FIELDS_BYTES], struct text rendered, const char *name,
                         const char *value)
{
    char *at = put_string(fields + rendered.bytes, name);

    assert(rendered.at == fields);
    at = put_string(at, ": ");
    at = put_string(at, value);
    return done(fields, put_string(at, "\r\n"));
}

static void put_detail(struct json *json, const struct problem *problem)
{
    const char *detail = problem->detail ? problem->detail : problem->title;
    char sentence[256];
    char *at = sentence;

    json_key(json, "detail");
    if (!problem->name || strlen(detail) + strlen(problem->name) + 2 > sizeof(sentence)) {
        json_string(json, detail);
        return;
    }
    at = put_string(at, detail);
    at = put_string(at, ": ");
    at = put_string(at, problem->name);
    json_text(json, (struct text){.at = sentence, .bytes = (size_t)(at - sentence)});
}

static void put_type(struct json *json, const struct problem *problem)
{
    char type[64];

    snprintf(type, sizeof(type), "urn:sluice:problem:%s", problem->reason);
    json_key(json, "type");
    json_string(json, type);
}

struct text render_problem(char *body, size_t size, const struct problem *problem)
{
    struct text text = {.at = body, .bytes = 0};
    struct json json;

    json_init(&json, body, size);
    json_begin_object(&json);
    put_type(&json, problem);
    json_key(&json, "title");
    json_string(&json, problem->title);
    json_key(&json, "status");
    json_int(&json, problem->status);
    put_detail(&json, problem);
    json_key(&json, "error");
    json_string(&json, problem->title);
    json_key(&json, "reason");
    json_string(&json, problem->reason);
    if (problem->position > 0) {
        json_key(&json, "queue_position");
        json_uint(&json, problem->position);
    }
    if (problem->eta_us > 0) {
        json_key(&json, "eta_ms");
        json_int(&json, (problem->eta_us - 1) / US_IN_MS + 1);
    }
    if (problem->status == 503 || problem->retry_after_us > 0) {
        json_key(&json, "retry_after");
        json_int(&json, render_retry_seconds(problem->retry_after_us));
    }
    if (problem->request_id.at) {
        json_key(&json, "request_id");
        json_text(&json, problem->request_id);
    }
    json_end_object(&json);
    if (json_finish(&json, &text) < 0)
        text = (struct text){.at = body, .bytes = 0};
    return text;
}
