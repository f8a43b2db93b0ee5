/* upstream_fuzz.c - whatever a provider sends: what passes on is whole lines without a forged one among them,
 * no wait is negative or longer than a year, and only what could be an answer is judged one. */
#include "fetcher/content.h"
#include "fetcher/upstream.h"
#include "tests/fuzz/check.h"

#define US           1000000LL
#define NOW_WALL_US  (1700000000 * US)
#define DELTA_MAX_US (2147483648LL * US)         /* RFC 9111 1.2.2 */
#define LONGEST_US   (8000LL * 366 * 86400 * US) /* Expires says a date, at most in the year 9999 */

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

/* How long it keeps, under an operator's policy and without one. */
static void check_freshness(const struct upstream_head *head)
{
    static const int64_t ttls_us[] = {0, 60 * US};
    struct freshness_moment came = {.wall_us = NOW_WALL_US, .took_us = US / 4};

    for (size_t i = 0; i < sizeof(ttls_us) / sizeof(ttls_us[0]); i++) {
        struct freshness_policy policy = {
            .ttl_us = ttls_us[i], .stale_us = 3600 * US, .negative_us = 10 * US};
        struct answer answer = {.status = head->status};
        bool stored = freshness_apply(&head->freshness, &policy, &came, &answer);

        must(answer.stored_wall_us == NOW_WALL_US && answer.made_wall_us <= NOW_WALL_US,
             "it was made before");
        must(!stored || (answer.status == 200 && policy.ttl_us > 0 && !head->freshness.no_store),
             "it may be");
        must(stored || (answer.fresh_wall_us == 0 && answer.stale_wall_us == 0),
             "what is not stored is not fresh");
        must(!stored || (answer.fresh_wall_us > 0 && answer.stale_wall_us >= answer.fresh_wall_us &&
                         answer.stale_wall_us > NOW_WALL_US),
             "what is stored is good for something");
        must(!stored || answer.fresh_wall_us <= NOW_WALL_US + LONGEST_US, "not for ever");
    }
}

static void check_times(const struct upstream_head *head)
{
    const struct freshness_fields *fields = &head->freshness;

    must(head->reset_in_us >= -1 && head->reset_in_us <= UPSTREAM_WAIT_MAX_US, "X-RateLimit-Reset-In");
    must(head->retry_after_us >= -1 && head->retry_after_us <= UPSTREAM_WAIT_MAX_US, "Retry-After");
    must(head->ratelimit_us >= -1 && head->ratelimit_us <= UPSTREAM_WAIT_MAX_US, "RateLimit");
    must(head->retry_after_wall_us >= -1 && head->date_wall_us >= -1 && head->remaining >= -1, "dates");
    must(fields->max_age_us >= -1 && fields->s_maxage_us >= -1 && fields->stale_if_error_us >= -1 &&
             fields->age_us >= -1 && fields->max_age_us <= DELTA_MAX_US &&
             fields->s_maxage_us <= DELTA_MAX_US && fields->stale_if_error_us <= DELTA_MAX_US &&
             fields->age_us <= DELTA_MAX_US,
         "Cache-Control and Age");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct upstream_head head;
    struct text body;

    upstream_head_init(&head);
    body = read_head(&head, (struct text){(const char *)data, size});
    must(head.fields_bytes <= sizeof(head.fields), "the fields fit");
    check_field_lines(upstream_head_fields(&head));
    must(!head.complete || (head.status >= 200 && head.status <= 599 && !head.wrong), "a final status");
    must(upstream_head_body_bytes(&head) >= -1, "a length");
    check_times(&head);
    if (head.complete)
        check_freshness(&head);
    for (int end = 0; end < UPSTREAM_END_COUNT; end++) {
        struct upstream_verdict verdict = upstream_judge((enum upstream_end)end, &head, NOW_WALL_US);

        must(verdict.hold_us >= 0 && verdict.hold_us <= UPSTREAM_WAIT_MAX_US, "a wait");
        must(!verdict.answer || (head.complete && end == UPSTREAM_WHOLE), "an answer");
        must(verdict.outcome != FETCH_LIMITED || verdict.hold_us > 0, "a 429 holds");
    }
    must(!content_storable(CONTENT_JSON, head.says_json, body) || (head.says_json && body.bytes > 0),
         "what is stored is JSON");
    return 0;
}
