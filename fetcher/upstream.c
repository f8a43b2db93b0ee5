/* upstream.c - see upstream.h. */
#include "fetcher/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/http_syntax.h"

static bool is_visible(char character)
{
    return character > ' ' && character < 0x7f;
}

bool upstream_value_ok(struct text value)
{
    for (size_t i = 0; i < value.bytes; i++) {
        if (!is_visible(value.at[i]))
            return false;
    }
    return value.bytes > 0;
}

int upstream_url_check(const char *base)
{
    size_t scheme = strncmp(base, "http://", 7) == 0 ? 7 : strncmp(base, "https://", 8) == 0 ? 8 : 0;
    size_t host = strcspn(base + scheme, "/?");

    if (scheme == 0 || strlen(base) >= UPSTREAM_URL_BYTES || !upstream_value_ok(text_of(base)) ||
        strchr(base, '#'))
        return -EINVAL;
    return http_authority_valid((struct text){base + scheme, host}) ? 0 : -EINVAL;
}

int upstream_url_make(const char *base, struct text query, char url[UPSTREAM_URL_BYTES])
{
    size_t bytes = strlen(base);
    const char *mark = strchr(base, '?');
    bool joined = mark && mark[1] != '\0' && base[bytes - 1] != '&';

    if (!http_uri_valid(query))
        return -EINVAL;
    if (bytes + 1 + query.bytes >= UPSTREAM_URL_BYTES)
        return -EMSGSIZE;
    memcpy(url, base, bytes);
    if (query.bytes > 0) {
        if (!mark || joined)
            url[bytes++] = mark ? '&' : '?';
        memcpy(url + bytes, query.at, query.bytes);
        bytes += query.bytes;
    }
    url[bytes] = '\0';
    return 0;
}

/* "12" or "1.486" of a unit; rounded up, since a wait is never shortened. -1: garbage. */
static int64_t read_decimal(struct text text, int64_t unit_us)
{
    int64_t whole = 0, part_us = 0, place_us = unit_us;
    bool rest = false;
    size_t at = 0;

    for (; at < text.bytes && http_is(text.at[at], HTTP_IN_DIGIT); at++) {
        whole = whole * 10 + (text.at[at] - '0');
        if (whole > UPSTREAM_WAIT_MAX_US / unit_us)
            whole = UPSTREAM_WAIT_MAX_US / unit_us;
    }
    if (at == 0)
        return -1;
    if (at < text.bytes && text.at[at] == '.') {
        for (at++; at < text.bytes && http_is(text.at[at], HTTP_IN_DIGIT); at++) {
            place_us /= 10;
            part_us += (text.at[at] - '0') * place_us;
            rest = rest || (place_us == 0 && text.at[at] != '0');
        }
    }
    return at == text.bytes ? whole * unit_us + part_us + rest : -1;
}

/* The three forms of an HTTP date (RFC 9110, 5.6.7). -1: garbage. */
static int64_t read_date(struct text text)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    char date[48];

    if (text.bytes >= sizeof(date))
        return -1;
    memcpy(date, text.at, text.bytes);
    date[text.bytes] = '\0';
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm parts = {0};
        const char *end = strptime(date, forms[i], &parts);
        time_t seconds = end && *end == '\0' ? timegm(&parts) : -1;

        if (seconds >= 0)
            return (int64_t)seconds * US_PER_SECOND;
    }
    return -1;
}

/* Said twice, the longer wait counts: never shortened. */
static void keep_longest(int64_t *kept, int64_t said)
{
    if (said > *kept)
        *kept = said;
}

static void keep_remaining(struct upstream_head *head, struct text text)
{
    uint64_t number;

    if (http_decimal(text, &number) < 0 || number > INT64_MAX)
        return;
    if (head->remaining < 0 || (int64_t)number < head->remaining)
        head->remaining = (int64_t)number;
}

static void read_retry_after(struct upstream_head *head, struct text value)
{
    head->asks_to_wait = true;
    keep_longest(&head->retry_after_us, read_decimal(value, US_PER_SECOND));
    keep_longest(&head->retry_after_wall_us, read_date(value));
}

static void read_reset_in(struct upstream_head *head, struct text value)
{
    head->asks_to_wait = true;
    keep_longest(&head->reset_in_us, read_decimal(value, US_PER_MS));
}

static void read_ratelimit_reset(struct upstream_head *head, struct text value)
{
    head->asks_to_wait = true;
    keep_longest(&head->ratelimit_us, read_decimal(value, US_PER_SECOND));
}

/* The field has been drafted twice: `limit=1, remaining=0, reset=5` and `"default";r=0;t=5`. Parameters are
 * separated by comma or semicolon; a policy's name is a quoted string and is skipped by not being one of
 * ours. */
static void read_ratelimit(struct upstream_head *head, struct text value)
{
    for (size_t start = 0, at = 0; at <= value.bytes; at++) {
        struct text part, name, argument;
        const char *equals;

        if (at < value.bytes && value.at[at] != ',' && value.at[at] != ';')
            continue;
        part = http_trim((struct text){value.at + start, at - start});
        start = at + 1;
        equals = part.bytes > 0 ? memchr(part.at, '=', part.bytes) : NULL;
        if (!equals)
            continue;
        name = (struct text){part.at, (size_t)(equals - part.at)};
        argument = (struct text){equals + 1, part.bytes - name.bytes - 1};
        if (text_equal_nocase(name, "t") || text_equal_nocase(name, "reset"))
            read_ratelimit_reset(head, argument);
        else if (text_equal_nocase(name, "r") || text_equal_nocase(name, "remaining"))
            keep_remaining(head, argument);
    }
}

static void read_own_date(struct upstream_head *head, struct text value)
{
    head->date_wall_us = read_date(value);
    head->freshness.date_wall_us = head->date_wall_us;
}

static void read_expires(struct upstream_head *head, struct text value)
{
    int64_t wall_us = read_date(value);

    head->freshness.expires_wall_us = wall_us >= 0 ? wall_us : 0;
}

static void read_age(struct upstream_head *head, struct text value)
{
    freshness_read_age(&head->freshness, value);
}

static void read_cache_control(struct upstream_head *head, struct text value)
{
    freshness_read_cache_control(&head->freshness, value);
}

static void read_vary(struct upstream_head *head, struct text value)
{
    freshness_read_vary(&head->freshness, value);
}

/* The fields we know. All others stay here: the list is one of what may pass, so that no hop-by-hop field,
 * cookie or rate limit (ours to keep, not the client's) ever does. Content-Encoding passes because a body
 * that comes encoded, unasked, is passed on as it is. Retry-After passes only with an error of the provider's
 * own. */
enum field_passage { STAYS, PASSES, PASSES_WITH_5XX };

static const struct known_field {
    const char *name;
    enum field_passage passage;
    void (*read)(struct upstream_head *head, struct text value);
} known_fields[] = {
    {"Content-Type", PASSES, NULL},
    {"Content-Encoding", PASSES, NULL},
    {"Content-Language", PASSES, NULL},
    {"Cache-Control", PASSES, read_cache_control},
    {"ETag", PASSES, NULL},
    {"Last-Modified", PASSES, NULL},
    {"Expires", PASSES, read_expires},
    {"Vary", PASSES, read_vary},
    {"Location", PASSES, NULL},
    {"WWW-Authenticate", PASSES, NULL},
    {"Allow", PASSES, NULL},
    {"Retry-After", PASSES_WITH_5XX, read_retry_after},
    {"Date", STAYS, read_own_date},
    {"Age", STAYS, read_age},
    {"X-RateLimit-Reset-In", STAYS, read_reset_in},
    {"X-RateLimit-Remaining", STAYS, keep_remaining},
    {"RateLimit", STAYS, read_ratelimit},
    {"RateLimit-Reset", STAYS, read_ratelimit_reset},
    {"RateLimit-Remaining", STAYS, keep_remaining},
};

static const struct known_field *known_field_find(struct text name)
{
    for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
        if (text_equal_nocase(name, known_fields[i].name))
            return &known_fields[i];
    }
    return NULL;
}

void upstream_head_init(struct upstream_head *head)
{
    head->status = 0;
    head->complete = false;
    head->malformed = false;
    head->asks_to_wait = false;
    head->reset_in_us = -1;
    head->retry_after_us = -1;
    head->retry_after_wall_us = -1;
    head->date_wall_us = -1;
    head->ratelimit_us = -1;
    head->remaining = -1;
    head->freshness = freshness_none();
    head->fields_bytes = 0;
}

/* A field that does not fit any more is left out, whole. */
static void pass_field(struct upstream_head *head, const char *name, struct text value)
{
    size_t name_bytes = strlen(name), bytes = name_bytes + 2 + value.bytes + 2;
    char *at = head->fields + head->fields_bytes;

    if (head->fields_bytes + bytes > sizeof(head->fields))
        return;
    memcpy(at, name, name_bytes);
    memcpy(at + name_bytes, ": ", 2);
    if (value.bytes > 0)
        memcpy(at + name_bytes + 2, value.at, value.bytes);
    memcpy(at + bytes - 2, "\r\n", 2);
    head->fields_bytes += bytes;
}

static void read_field(struct upstream_head *head, struct text line)
{
    const char *colon = memchr(line.at, ':', line.bytes);
    const struct known_field *known;
    struct text value;

    if (!colon)
        return;
    known = known_field_find((struct text){line.at, (size_t)(colon - line.at)});
    value = http_trim((struct text){colon + 1, line.bytes - (size_t)(colon + 1 - line.at)});
    if (!known || !http_all(value, HTTP_IN_VALUE))
        return;
    if (known->read)
        known->read(head, value);
    if (known->passage == PASSES || (known->passage == PASSES_WITH_5XX && head->status >= 500))
        pass_field(head, known->name, value);
}

/* "HTTP/1.1 200 OK" */
static unsigned read_status(struct text line)
{
    const char *space = memchr(line.at, ' ', line.bytes);
    size_t left = space ? line.bytes - (size_t)(space - line.at) : 0;
    uint64_t status;

    if (left < 4 || (left > 4 && space[4] != ' ') || http_decimal((struct text){space + 1, 3}, &status) < 0)
        return 0;
    return (unsigned)status;
}

void upstream_head_line(struct upstream_head *head, struct text line)
{
    if (head->complete)
        return;
    while (line.bytes > 0 && (line.at[line.bytes - 1] == '\n' || line.at[line.bytes - 1] == '\r'))
        line.bytes--;
    if (line.bytes == 0) {
        head->complete = head->status >= 200;
    } else if (line.bytes >= 5 && memcmp(line.at, "HTTP/", 5) == 0) {
        upstream_head_init(head);
        head->status = read_status(line);
    } else if (line.at[0] == ' ' || line.at[0] == '\t') {
        head->malformed = true;
    } else {
        read_field(head, line);
    }
}

struct text upstream_head_fields(const struct upstream_head *head)
{
    return (struct text){.at = head->fields, .bytes = head->fields_bytes};
}

/* How long the provider asks to wait; 0 when it says nothing usable. A Retry-After date is compared with the
 * provider's own Date where it has one: its clock need not be ours. */
static int64_t wait_us(const struct upstream_head *head, int64_t first_wall_us)
{
    int64_t since_us = head->date_wall_us >= 0 ? head->date_wall_us : first_wall_us;
    int64_t retry_us = head->retry_after_us;

    if (head->retry_after_wall_us >= 0)
        keep_longest(&retry_us, head->retry_after_wall_us - since_us);
    if (head->reset_in_us > 0)
        return head->reset_in_us;
    if (retry_us > 0)
        return retry_us < UPSTREAM_WAIT_MAX_US ? retry_us : UPSTREAM_WAIT_MAX_US;
    return head->ratelimit_us > 0 ? head->ratelimit_us : 0;
}

static struct upstream_verdict judge_answer(const struct upstream_head *head, int64_t first_wall_us)
{
    struct upstream_verdict verdict = {.outcome = FETCH_ANSWERED,
                                       .reason = REASON_NONE,
                                       .breaker = BREAKER_SUCCESS,
                                       .hold_us = wait_us(head, first_wall_us),
                                       .answer = true};
    bool named = verdict.hold_us > 0;

    if (head->status == 429) {
        verdict.outcome = FETCH_LIMITED;
        verdict.breaker = BREAKER_NEUTRAL;
        verdict.hold_us = named ? verdict.hold_us : UPSTREAM_PENALTY_US;
    } else if (head->status >= 500) {
        verdict.outcome = FETCH_FAILED;
        verdict.reason = REASON_UPSTREAM_ERROR;
        verdict.breaker = BREAKER_FAILURE;
        verdict.again = head->status != 501 && head->status != 505; /* what it lacks, it will lack again */
        if (head->status != 503)
            verdict.hold_us = 0;
        else if (!named && head->asks_to_wait)
            verdict.hold_us = UPSTREAM_PENALTY_US;
    } else if (head->remaining != 0) {
        verdict.hold_us = 0;
    }
    return verdict;
}

/* An answer that is too large says nothing about the provider's health (the limit is ours), nor does a kept
 * connection that it closed in the moment of its use. */
static const struct upstream_verdict without_answer[UPSTREAM_END_COUNT] = {
    [UPSTREAM_WHOLE] = {FETCH_FAILED, REASON_UPSTREAM_BROKEN, BREAKER_FAILURE, 0, false,
                        true}, /* but no answer */
    [UPSTREAM_TIMED_OUT] = {FETCH_FAILED, REASON_UPSTREAM_TIMEOUT, BREAKER_FAILURE, 0, false, true},
    [UPSTREAM_BROKEN] = {FETCH_FAILED, REASON_UPSTREAM_BROKEN, BREAKER_FAILURE, 0, false, true},
    [UPSTREAM_TOO_LARGE] = {FETCH_FAILED, REASON_UPSTREAM_TOO_LARGE, BREAKER_NEUTRAL, 0, false, false},
    [UPSTREAM_RESEND] = {FETCH_FAILED, REASON_UPSTREAM_BROKEN, BREAKER_NEUTRAL, 0, false, true},
    [UPSTREAM_UNREACHABLE] = {FETCH_UNSENT, REASON_UPSTREAM_UNREACHABLE, BREAKER_FAILURE, 0, false, true},
    [UPSTREAM_NOT_SENT] = {FETCH_UNSENT, REASON_NONE, BREAKER_NEUTRAL, 0, false, false},
};

struct upstream_verdict upstream_judge(enum upstream_end end, const struct upstream_head *head,
                                       int64_t first_wall_us)
{
    bool http = head->complete && !head->malformed && head->status < 600;

    if (end == UPSTREAM_WHOLE && http)
        return judge_answer(head, first_wall_us);
    /* A 429 whose body is cut is still a 429. */
    if (end != UPSTREAM_NOT_SENT && http && head->status == 429) {
        struct upstream_verdict verdict = judge_answer(head, first_wall_us);

        verdict.answer = false;
        return verdict;
    }
    return without_answer[end];
}
