/* upstream.c - see upstream.h. */
#include "fetcher/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/http_syntax.h"

/* RFC 9110, 7.6.3: what the answer came by, and through whom. */
#define OWN_VIA_1_0   "1.0 sluice"
#define OWN_VIA_1_1   "1.1 sluice"
#define OWN_VIA_BYTES (sizeof("Via: " OWN_VIA_1_1 "\r\n") - 1)

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

int upstream_proxy_check(const char *proxy)
{
    struct text authority;

    if (strncmp(proxy, "http://", 7) != 0)
        return -EINVAL;
    authority = text_of(proxy + 7);
    if (authority.bytes > 0 && authority.at[authority.bytes - 1] == '/')
        authority.bytes--;
    return http_authority_valid(authority) ? 0 : -EINVAL;
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
    if (at < text.bytes)
        return -1;
    whole = whole * unit_us + part_us + rest;
    return whole < UPSTREAM_WAIT_MAX_US ? whole : UPSTREAM_WAIT_MAX_US;
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

static void read_content_type(struct upstream_head *head, struct text value)
{
    static const char suffix[] = "+json";
    const char *parameters = value.bytes > 0 ? memchr(value.at, ';', value.bytes) : NULL;
    size_t end = sizeof(suffix) - 1;

    if (parameters)
        value = http_trim((struct text){value.at, (size_t)(parameters - value.at)});
    head->says_json =
        text_equal_nocase(value, "application/json") ||
        (value.bytes > end && text_equal_nocase((struct text){value.at + value.bytes - end, end}, suffix));
}

/* Said twice or as a list it must say the same (RFC 9112, 6.3). libcurl would take the first number and the
 * last field. */
static void read_length(struct upstream_head *head, struct text value)
{
    struct text element;

    while (http_list_next(&value, &element)) {
        uint64_t length;

        if (http_decimal(element, &length) < 0 || (head->length >= 0 && (uint64_t)head->length != length))
            head->wrong = "its Content-Length is garbage, or not always the same";
        else
            head->length = (int64_t)length;
    }
}

/* No other coding has been offered (TE), so none may come. */
static void read_coding(struct upstream_head *head, struct text value)
{
    if (head->chunked || !text_equal_nocase(value, "chunked"))
        head->wrong = "its Transfer-Encoding is not 'chunked'";
    head->chunked = true;
}

static void read_connection(struct upstream_head *head, struct text value);

/* The fields we know. All others stay here: the list is one of what may pass, so that no hop-by-hop field,
 * cookie or rate limit (ours to keep, not the client's) ever does. Content-Encoding passes because a body
 * that comes encoded, unasked, is passed on as it is. Retry-After passes only with an error of the provider's
 * own, and when it is one. Of what frames the message (FRAMES) nothing may be doubtful. */
enum field_passage { STAYS, FRAMES, PASSES, RETRY_AFTER };

static const struct known_field {
    const char *name;
    enum field_passage passage;
    void (*read)(struct upstream_head *head, struct text value);
} known_fields[] = {
    {"Content-Type", PASSES, read_content_type},
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
    {"Via", PASSES, NULL},
    {"Retry-After", RETRY_AFTER, read_retry_after},
    {"Content-Length", FRAMES, read_length},
    {"Transfer-Encoding", FRAMES, read_coding},
    {"Connection", FRAMES, read_connection},
    {"Date", STAYS, read_own_date},
    {"Age", STAYS, read_age},
    {"X-RateLimit-Reset-In", STAYS, read_reset_in},
    {"X-RateLimit-Remaining", STAYS, keep_remaining},
    {"RateLimit", STAYS, read_ratelimit},
    {"RateLimit-Reset", STAYS, read_ratelimit_reset},
    {"RateLimit-Remaining", STAYS, keep_remaining},
};

_Static_assert(sizeof(known_fields) / sizeof(known_fields[0]) <= 32, "each has a bit in hop_by_hop");

static const struct known_field *known_field_find(struct text name)
{
    for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
        if (text_equal_nocase(name, known_fields[i].name))
            return &known_fields[i];
    }
    return NULL;
}

/* A field that Connection names was meant for us alone (RFC 9110, 7.6.1). It may stand before or behind. */
static void read_connection(struct upstream_head *head, struct text value)
{
    struct text element;

    while (http_list_next(&value, &element)) {
        const struct known_field *named = known_field_find(element);

        head->closes |= text_equal_nocase(element, "close");
        if (named)
            head->hop_by_hop |= 1U << (named - known_fields);
    }
}

void upstream_head_init(struct upstream_head *head)
{
    head->status = 0;
    head->minor_version = 0;
    head->interims = 0;
    head->complete = false;
    head->begun = false;
    head->wrong = NULL;
    head->chunked = false;
    head->says_json = false;
    head->length = -1;
    head->hop_by_hop = 0;
    head->closes = false;
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

static void put_field(struct upstream_head *head, const char *name, struct text value)
{
    size_t name_bytes = strlen(name);
    char *at = head->fields + head->fields_bytes;

    memcpy(at, name, name_bytes);
    memcpy(at + name_bytes, ": ", 2);
    if (value.bytes > 0)
        memcpy(at + name_bytes + 2, value.at, value.bytes);
    memcpy(at + name_bytes + 2 + value.bytes, "\r\n", 2);
    head->fields_bytes += name_bytes + 2 + value.bytes + 2;
}

/* A field that does not fit any more is left out, whole; our own has its room kept. */
static void pass_field(struct upstream_head *head, const char *name, struct text value)
{
    if (head->fields_bytes + strlen(name) + 2 + value.bytes + 2 <= sizeof(head->fields) - OWN_VIA_BYTES)
        put_field(head, name, value);
}

/* Whole seconds, not absurdly many, or a date: what RFC 9110, 10.2.3 knows. The rest is only for us to make
 * sense of. */
static bool is_retry_after(struct text value)
{
    return (value.bytes > 0 && value.bytes <= 9 && http_all(value, HTTP_IN_DIGIT)) || read_date(value) >= 0;
}

static bool may_pass(const struct upstream_head *head, const struct known_field *field, struct text value)
{
    return field->passage == PASSES ||
           (field->passage == RETRY_AFTER && head->status >= 500 && is_retry_after(value));
}

static void read_field(struct upstream_head *head, struct text line)
{
    const char *colon = memchr(line.at, ':', line.bytes);
    const struct known_field *known;
    struct text name, value;

    name = (struct text){line.at, colon ? (size_t)(colon - line.at) : 0};
    if (name.bytes == 0 || !http_all(name, HTTP_IN_TOKEN)) {
        head->wrong = "a line of its head is no field";
        return;
    }
    known = known_field_find(name);
    value = http_trim((struct text){colon + 1, line.bytes - name.bytes - 1});
    if (!http_all(value, HTTP_IN_VALUE)) {
        if ((known && known->passage == FRAMES) || memchr(value.at, '\0', value.bytes) ||
            memchr(value.at, '\r', value.bytes))
            head->wrong = "a field's value has a character that none may have";
        return;
    }
    if (!known)
        return;
    if (known->read)
        known->read(head, value);
    if (may_pass(head, known, value))
        pass_field(head, known->name, value);
}

/* "HTTP/1.1 200 OK", of whatever minor version. */
static void read_status_line(struct upstream_head *head, struct text line)
{
    unsigned interims = head->interims;
    uint64_t status = 0;

    upstream_head_init(head);
    head->interims = interims;
    if (line.bytes < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || !http_is(line.at[7], HTTP_IN_DIGIT) ||
        line.at[8] != ' ' || http_decimal((struct text){line.at + 9, 3}, &status) < 0 ||
        (line.bytes > 12 && line.at[12] != ' ') || status < 100 || status > 599 ||
        !http_all((struct text){line.at + 12, line.bytes - 12}, HTTP_IN_VALUE)) {
        head->wrong = "it does not begin with a status line of HTTP/1";
        return;
    }
    head->begun = true;
    head->status = (unsigned)status;
    head->minor_version = (unsigned)(line.at[7] - '0');
}

/* Takes those out that were meant for us alone. */
static void drop_hop_by_hop(struct upstream_head *head)
{
    size_t kept = 0;

    for (size_t at = 0, bytes; at < head->fields_bytes; at += bytes) {
        const char *line = head->fields + at, *colon = memchr(line, ':', head->fields_bytes - at);
        const struct known_field *field = known_field_find((struct text){line, (size_t)(colon - line)});

        bytes = (size_t)((const char *)memchr(line, '\n', head->fields_bytes - at) + 1 - line);
        if (head->hop_by_hop & 1U << (field - known_fields))
            continue;
        memmove(head->fields + kept, line, bytes);
        kept += bytes;
    }
    head->fields_bytes = kept;
}

/* The empty line. An answer of HTTP/1.0 has no chunks, and what has both chunks and a length may mean one
 * thing to us and another to whoever framed it (RFC 9112, 6.1 and 6.3). */
static void end_head(struct upstream_head *head)
{
    if (head->chunked && (head->length >= 0 || head->minor_version == 0 || head->status < 200))
        head->wrong = "it has chunks where it must not";
    else if (head->status == 101)
        head->wrong = "it changes the protocol, unasked";
    if (head->wrong)
        return;
    head->begun = false;
    if (head->status < 200) {
        head->interims++;
        return;
    }
    head->complete = true;
    if (head->hop_by_hop)
        drop_hop_by_hop(head);
    put_field(head, "Via", text_of(head->minor_version == 0 ? OWN_VIA_1_0 : OWN_VIA_1_1));
}

void upstream_head_line(struct upstream_head *head, struct text line)
{
    if (head->complete || head->wrong)
        return;
    if (line.bytes > 0 && line.at[line.bytes - 1] == '\n')
        line.bytes--;
    if (line.bytes > 0 && line.at[line.bytes - 1] == '\r')
        line.bytes--;
    if (!head->begun)
        read_status_line(head, line);
    else if (line.bytes == 0)
        end_head(head);
    else if (line.at[0] == ' ' || line.at[0] == '\t')
        head->wrong = "a line of its head is folded";
    else
        read_field(head, line);
}

int64_t upstream_head_body_bytes(const struct upstream_head *head)
{
    return head->status == 204 || head->status == 304 ? 0 : head->length;
}

void upstream_head_end_unsure(struct upstream_head *head)
{
    if (!head->chunked && upstream_head_body_bytes(head) < 0)
        head->freshness.no_store = true;
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
 * connection that it closed in the moment of its use. Another attempt would meet our limits again, and the
 * same certificate. */
#define UNSENT(cause, again_)                                                                                \
    {                                                                                                        \
        .outcome = FETCH_UNSENT, .reason = REASON_UPSTREAM_##cause, .breaker = BREAKER_FAILURE,              \
        .again = again_                                                                                      \
    }
#define FAILED(cause, health, again_)                                                                        \
    {                                                                                                        \
        .outcome = FETCH_FAILED, .reason = REASON_UPSTREAM_##cause, .breaker = BREAKER_##health,             \
        .again = again_                                                                                      \
    }
static const struct upstream_verdict without_answer[UPSTREAM_END_COUNT] = {
    [UPSTREAM_WHOLE] = FAILED(MALFORMED, FAILURE, true), /* but no answer */
    [UPSTREAM_NOT_SENT] = {.outcome = FETCH_UNSENT, .reason = REASON_NONE, .breaker = BREAKER_NEUTRAL},
    [UPSTREAM_DNS_ERROR] = UNSENT(DNS_ERROR, true),
    [UPSTREAM_DNS_TIMED_OUT] = UNSENT(DNS_TIMEOUT, true),
    [UPSTREAM_UNREACHABLE] = UNSENT(UNREACHABLE, true),
    [UPSTREAM_UNROUTABLE] = UNSENT(UNROUTABLE, true),
    [UPSTREAM_CONNECT_TIMED_OUT] = UNSENT(CONNECT_TIMEOUT, true),
    [UPSTREAM_TLS_ERROR] = UNSENT(TLS_ERROR, true),
    [UPSTREAM_CERTIFICATE] = UNSENT(CERTIFICATE, false),
    [UPSTREAM_UNASKED] = UNSENT(MALFORMED, true),
    [UPSTREAM_SILENT] = FAILED(SILENT, FAILURE, true),
    [UPSTREAM_STALLED] = FAILED(STALLED, FAILURE, true),
    [UPSTREAM_TIMED_OUT] = FAILED(TIMEOUT, FAILURE, true),
    [UPSTREAM_CLOSED] = FAILED(CLOSED, FAILURE, true),
    [UPSTREAM_RESEND] = FAILED(RACE, NEUTRAL, true),
    [UPSTREAM_CUT] = FAILED(BROKEN, FAILURE, true),
    [UPSTREAM_MALFORMED] = FAILED(MALFORMED, FAILURE, true),
    [UPSTREAM_HEAD_TOO_LARGE] = FAILED(HEAD_TOO_LARGE, FAILURE, false),
    [UPSTREAM_TOO_LARGE] = FAILED(TOO_LARGE, NEUTRAL, false),
};
#undef UNSENT
#undef FAILED

struct upstream_verdict upstream_judge(enum upstream_end end, const struct upstream_head *head,
                                       int64_t first_wall_us)
{
    bool http = head->complete && !head->wrong;

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
