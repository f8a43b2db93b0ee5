/* upstream_test.c - the verdict on every kind of answer, the times a provider may ask for, what passes on,
 * and the URLs we build. */
#include "fetcher/upstream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MS           1000LL
#define S            1000000LL
/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW (784111777LL * S)

/* Lines are separated by '|'; the empty line at the end is ours. */
static void read_head(struct upstream_head *head, const char *lines)
{
    char copy[1024], *rest = copy, *line;

    upstream_head_init(head);
    snprintf(copy, sizeof(copy), "%s", lines);
    while ((line = strsep(&rest, "|"))) {
        char whole[1024];

        snprintf(whole, sizeof(whole), "%s\r\n", line);
        upstream_head_line(head, text_of(whole));
    }
    upstream_head_line(head, text_of("\r\n"));
}

static const struct {
    const char *name;
    enum upstream_end end;
    const char *head;
    enum fetch_outcome outcome;
    enum reason reason;
    enum breaker_verdict breaker;
    int64_t hold_us;
    bool answer;
} verdicts[] = {
    {"the provider's usual answer: nothing remains for a second", UPSTREAM_WHOLE,
     "HTTP/1.1 200 OK|Retry-After: 1|X-RateLimit-Limit: 1|X-RateLimit-Remaining: 0|X-RateLimit-Reset-In: "
     "1000",
     FETCH_ANSWERED, REASON_NONE, BREAKER_SUCCESS, 1 * S, true},
    {"something remains: no hold", UPSTREAM_WHOLE,
     "HTTP/1.1 200 OK|Retry-After: 9|X-RateLimit-Remaining: 3|X-RateLimit-Reset-In: 9000", FETCH_ANSWERED,
     REASON_NONE, BREAKER_SUCCESS, 0, true},
    {"nothing is said: no hold", UPSTREAM_WHOLE, "HTTP/1.1 200 OK|X-RateLimit-Reset-In: 9000", FETCH_ANSWERED,
     REASON_NONE, BREAKER_SUCCESS, 0, true},
    {"how much remains is garbage: no hold", UPSTREAM_WHOLE,
     "HTTP/1.1 200 OK|X-RateLimit-Remaining: none|X-RateLimit-Reset-In: 9000", FETCH_ANSWERED, REASON_NONE,
     BREAKER_SUCCESS, 0, true},
    {"a quota used up for an hour", UPSTREAM_WHOLE,
     "HTTP/1.1 200 OK|RateLimit: limit=9, remaining=0, reset=3600", FETCH_ANSWERED, REASON_NONE,
     BREAKER_SUCCESS, 3600 * S, true},
    {"400", UPSTREAM_WHOLE, "HTTP/1.1 400 Bad Request", FETCH_ANSWERED, REASON_NONE, BREAKER_SUCCESS, 0,
     true},
    {"401", UPSTREAM_WHOLE, "HTTP/1.1 401 Unauthorized", FETCH_ANSWERED, REASON_NONE, BREAKER_SUCCESS, 0,
     true},
    {"302 is passed on", UPSTREAM_WHOLE, "HTTP/1.1 302 Found", FETCH_ANSWERED, REASON_NONE, BREAKER_SUCCESS,
     0, true},
    {"429", UPSTREAM_WHOLE, "HTTP/1.1 429 Too Many|Retry-After: 1.486|X-RateLimit-Reset-In: 1486",
     FETCH_LIMITED, REASON_NONE, BREAKER_NEUTRAL, 1486 * MS, true},
    {"429 without a word", UPSTREAM_WHOLE, "HTTP/1.1 429 Too Many", FETCH_LIMITED, REASON_NONE,
     BREAKER_NEUTRAL, UPSTREAM_PENALTY_US, true},
    {"429 cut in its body is still one", UPSTREAM_CUT, "HTTP/1.1 429 Too Many|Retry-After: 3", FETCH_LIMITED,
     REASON_NONE, BREAKER_NEUTRAL, 3 * S, false},
    {"500", UPSTREAM_WHOLE, "HTTP/1.1 500 Oh|Retry-After: 5", FETCH_FAILED, REASON_UPSTREAM_ERROR,
     BREAKER_FAILURE, 0, true},
    {"503 with a time", UPSTREAM_WHOLE, "HTTP/1.1 503 Later|Retry-After: 5", FETCH_FAILED,
     REASON_UPSTREAM_ERROR, BREAKER_FAILURE, 5 * S, true},
    {"503 with garbage", UPSTREAM_WHOLE, "HTTP/1.1 503 Later|Retry-After: soon", FETCH_FAILED,
     REASON_UPSTREAM_ERROR, BREAKER_FAILURE, UPSTREAM_PENALTY_US, true},
    {"503 without a time", UPSTREAM_WHOLE, "HTTP/1.1 503 Later", FETCH_FAILED, REASON_UPSTREAM_ERROR,
     BREAKER_FAILURE, 0, true},
    {"501", UPSTREAM_WHOLE, "HTTP/1.1 501 Never", FETCH_FAILED, REASON_UPSTREAM_ERROR, BREAKER_FAILURE, 0,
     true},
    {"505", UPSTREAM_WHOLE, "HTTP/1.1 505 Older", FETCH_FAILED, REASON_UPSTREAM_ERROR, BREAKER_FAILURE, 0,
     true},
    {"599", UPSTREAM_WHOLE, "HTTP/1.1 599 Odd", FETCH_FAILED, REASON_UPSTREAM_ERROR, BREAKER_FAILURE, 0,
     true},
    {"429 cut by a timeout, too", UPSTREAM_TIMED_OUT, "HTTP/1.1 429 Too Many|Retry-After: 3", FETCH_LIMITED,
     REASON_NONE, BREAKER_NEUTRAL, 3 * S, false},
    {"no reason phrase", UPSTREAM_WHOLE, "HTTP/1.1 200", FETCH_ANSWERED, REASON_NONE, BREAKER_SUCCESS, 0,
     true},
    {"a whole answer that is none", UPSTREAM_WHOLE, "HTTP/1.1 600 Odd", FETCH_FAILED,
     REASON_UPSTREAM_MALFORMED, BREAKER_FAILURE, 0, false},
    {"nothing but an interim answer", UPSTREAM_WHOLE, "HTTP/1.1 103 Early", FETCH_FAILED,
     REASON_UPSTREAM_MALFORMED, BREAKER_FAILURE, 0, false},
    {"given up by us", UPSTREAM_NOT_SENT, "", FETCH_UNSENT, REASON_NONE, BREAKER_NEUTRAL, 0, false},
    {"not even a 429 counts then", UPSTREAM_NOT_SENT, "HTTP/1.1 429 Too Many", FETCH_UNSENT, REASON_NONE,
     BREAKER_NEUTRAL, 0, false},
    {"no name: the permit comes back, the breaker counts", UPSTREAM_DNS_ERROR, "", FETCH_UNSENT,
     REASON_UPSTREAM_DNS_ERROR, BREAKER_FAILURE, 0, false},
    {"no name in time", UPSTREAM_DNS_TIMED_OUT, "", FETCH_UNSENT, REASON_UPSTREAM_DNS_TIMEOUT,
     BREAKER_FAILURE, 0, false},
    {"refused", UPSTREAM_UNREACHABLE, "", FETCH_UNSENT, REASON_UPSTREAM_UNREACHABLE, BREAKER_FAILURE, 0,
     false},
    {"no way", UPSTREAM_UNROUTABLE, "", FETCH_UNSENT, REASON_UPSTREAM_UNROUTABLE, BREAKER_FAILURE, 0, false},
    {"no connection in time", UPSTREAM_CONNECT_TIMED_OUT, "", FETCH_UNSENT, REASON_UPSTREAM_CONNECT_TIMEOUT,
     BREAKER_FAILURE, 0, false},
    {"no TLS", UPSTREAM_TLS_ERROR, "", FETCH_UNSENT, REASON_UPSTREAM_TLS_ERROR, BREAKER_FAILURE, 0, false},
    {"no certificate to trust", UPSTREAM_CERTIFICATE, "", FETCH_UNSENT, REASON_UPSTREAM_CERTIFICATE,
     BREAKER_FAILURE, 0, false},
    {"it spoke first", UPSTREAM_UNASKED, "", FETCH_UNSENT, REASON_UPSTREAM_MALFORMED, BREAKER_FAILURE, 0,
     false},
    {"silent", UPSTREAM_SILENT, "", FETCH_FAILED, REASON_UPSTREAM_SILENT, BREAKER_FAILURE, 0, false},
    {"stalled", UPSTREAM_STALLED, "HTTP/1.1 200 OK", FETCH_FAILED, REASON_UPSTREAM_STALLED, BREAKER_FAILURE,
     0, false},
    {"too slow as a whole", UPSTREAM_TIMED_OUT, "", FETCH_FAILED, REASON_UPSTREAM_TIMEOUT, BREAKER_FAILURE, 0,
     false},
    {"closed without a word", UPSTREAM_CLOSED, "", FETCH_FAILED, REASON_UPSTREAM_CLOSED, BREAKER_FAILURE, 0,
     false},
    {"a kept connection died in the moment of its use", UPSTREAM_RESEND, "", FETCH_FAILED,
     REASON_UPSTREAM_RACE, BREAKER_NEUTRAL, 0, false},
    {"cut", UPSTREAM_CUT, "HTTP/1.1 200 OK", FETCH_FAILED, REASON_UPSTREAM_BROKEN, BREAKER_FAILURE, 0, false},
    {"no HTTP", UPSTREAM_MALFORMED, "", FETCH_FAILED, REASON_UPSTREAM_MALFORMED, BREAKER_FAILURE, 0, false},
    {"endless head", UPSTREAM_HEAD_TOO_LARGE, "", FETCH_FAILED, REASON_UPSTREAM_HEAD_TOO_LARGE,
     BREAKER_FAILURE, 0, false},
    {"too large: our limit, not its illness", UPSTREAM_TOO_LARGE, "HTTP/1.1 200 OK", FETCH_FAILED,
     REASON_UPSTREAM_TOO_LARGE, BREAKER_NEUTRAL, 0, false},
};

/* What failed by no fault of the request, and of what may change. */
static bool again(enum fetch_outcome outcome, enum reason reason, unsigned status)
{
    bool stays = reason == REASON_NONE || reason == REASON_UPSTREAM_TOO_LARGE ||
                 reason == REASON_UPSTREAM_HEAD_TOO_LARGE || reason == REASON_UPSTREAM_CERTIFICATE ||
                 status == 501 || status == 505;

    return (outcome == FETCH_FAILED || outcome == FETCH_UNSENT) && !stays;
}

static void every_end_has_its_verdict(void **state)
{
    static struct upstream_head head;
    unsigned ends = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(verdicts); i++) {
        struct upstream_verdict got;

        print_message("  %s\n", verdicts[i].name);
        read_head(&head, verdicts[i].head);
        got = upstream_judge(verdicts[i].end, &head, NOW);
        assert_int_equal(got.outcome, verdicts[i].outcome);
        assert_int_equal(got.reason, verdicts[i].reason);
        assert_int_equal(got.breaker, verdicts[i].breaker);
        assert_int_equal(got.hold_us, verdicts[i].hold_us);
        assert_int_equal(got.answer, verdicts[i].answer);
        assert_int_equal(got.again, again(got.outcome, got.reason, head.status));
        ends |= 1U << verdicts[i].end;
    }
    assert_int_equal(ends, (1U << UPSTREAM_END_COUNT) - 1); /* none is left out */
}

/* The hold of a 429 with these fields. */
static const struct {
    const char *fields;
    int64_t hold_us;
} holds[] = {
    {"Retry-After: 2", 2 * S},
    {"retry-after:2", 2 * S},
    {"Retry-After: 1.486", 1486 * MS},
    {"Retry-After: 0.0000001", 1},
    {"Retry-After: 1.4860000000000002", 1486001},
    {"Retry-After: 3.", 3 * S},
    {"Retry-After: .5", UPSTREAM_PENALTY_US},
    {"Retry-After: -1", UPSTREAM_PENALTY_US},
    {"Retry-After: 1e3", UPSTREAM_PENALTY_US},
    {"Retry-After: 0", UPSTREAM_PENALTY_US},
    {"Retry-After:", UPSTREAM_PENALTY_US},
    {"Retry-After: 99999999999999999999999999", UPSTREAM_WAIT_MAX_US},
    {"Retry-After: 99999999999999999999999999.5", UPSTREAM_WAIT_MAX_US},
    {"X-RateLimit-Reset-In: 99999999999999999999999999.5", UPSTREAM_WAIT_MAX_US},
    {"Retry-After: 1|Retry-After: 4|Retry-After: 2", 4 * S},
    {"Retry-After: Sun, 06 Nov 1994 08:50:07 GMT", 30 * S},
    {"Retry-After: Sunday, 06-Nov-94 08:50:07 GMT", 30 * S},
    {"Retry-After: Sun Nov  6 08:50:07 1994", 30 * S},
    {"Retry-After: Sun, 06 Nov 1994 08:49:07 GMT", UPSTREAM_PENALTY_US},
    {"Retry-After: Sun, 06 Nov 1994 08:50:07 GMT and more", UPSTREAM_PENALTY_US},
    {"Retry-After: Sun, 06 Nov 1994 08:50:07 GMT, or somewhat later than that", UPSTREAM_PENALTY_US},
    {"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", UPSTREAM_WAIT_MAX_US},
    {"Date: Sun, 06 Nov 1994 08:50:00 GMT|Retry-After: Sun, 06 Nov 1994 08:50:07 GMT", 7 * S},
    {"X-RateLimit-Reset-In: 1486", 1486 * MS},
    {"X-RateLimit-Reset-In: 1486.5", 1486500},
    {"X-RateLimit-Reset-In: 700|Retry-After: 1", 700 * MS},
    {"X-RateLimit-Reset-In: soon|Retry-After: 1", 1 * S},
    {"X-RateLimit-Reset-In: 0|Retry-After: 1", 1 * S},
    {"RateLimit: limit=10, remaining=0, reset=7", 7 * S},
    {"RateLimit: \"default\";r=0;t=7", 7 * S},
    {"RateLimit: \"default\";r=0;t=7|Retry-After: 3", 3 * S},
    {"RateLimit-Reset: 6", 6 * S},
    {"RateLimit: ;;=,t", UPSTREAM_PENALTY_US},
    {"X-RateLimit-Reset: 1700000000", UPSTREAM_PENALTY_US},
    {"Retry-After: 1e999", UPSTREAM_PENALTY_US},
    {"Retry-After: 0x7", UPSTREAM_PENALTY_US},
    {"Retry-After: 5 seconds", UPSTREAM_PENALTY_US},
    {"Retry-After: \xff\xfe", UPSTREAM_PENALTY_US},
    {"Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", UPSTREAM_PENALTY_US},
    {"Retry-After: Mon, 01 Jan 0001 00:00:00 GMT", UPSTREAM_PENALTY_US},
    {"Date: Fri, 31 Dec 9999 23:59:59 GMT|Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", UPSTREAM_PENALTY_US},
};

static void every_wait_is_read(void **state)
{
    static struct upstream_head head;

    (void)state;
    for (size_t i = 0; i < COUNT(holds); i++) {
        char lines[512];

        print_message("  %s\n", holds[i].fields);
        snprintf(lines, sizeof(lines), "HTTP/1.1 429 Too Many|%s", holds[i].fields);
        read_head(&head, lines);
        assert_int_equal(upstream_judge(UPSTREAM_WHOLE, &head, NOW).hold_us, holds[i].hold_us);
    }
}

#define VIA "Via: 1.1 sluice\r\n"

static const struct {
    const char *head;
    const char *passed;
} passages[] = {
    {"HTTP/1.1 200 OK|content-type:  application/json |ETag: \"1\"|Server: x|Set-Cookie: a=b",
     "Content-Type: application/json\r\nETag: \"1\"\r\n" VIA},
    {"HTTP/1.1 200 OK|Retry-After: 1|X-RateLimit-Limit: 1|X-RateLimit-Remaining: 0|X-RateLimit-Reset-In: "
     "1000",
     VIA},
    {"HTTP/1.1 503 Later|Retry-After: 1", "Retry-After: 1\r\n" VIA},
    {"HTTP/1.1 500 Oh|Retry-After: Sun, 06 Nov 1994 08:50:07 GMT",
     "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n" VIA},
    {"HTTP/1.1 503 Later|Retry-After: 1.5|Retry-After: -1|Retry-After:|Retry-After: 1e3|Retry-After: soon",
     VIA},
    {"HTTP/1.1 503 Later|Retry-After: 9999999999", VIA},
    {"HTTP/1.1 200 OK|Connection: keep-alive|Keep-Alive: timeout=5|Transfer-Encoding: chunked|Date: x", VIA},
    {"HTTP/1.1 200 OK|ETag: \"1\"|Connection: close, etag , ,x|Vary: a", "Vary: a\r\n" VIA},
    {"HTTP/1.1 200 OK|Connection: VARY|ETag: \"1\"|Vary: a|Vary: b|Allow: GET|Connection: Allow",
     "ETag: \"1\"\r\n" VIA},
    {"HTTP/1.1 200 OK|Via: 1.1 front", "Via: 1.1 front\r\n" VIA},
    {"HTTP/1.0 200 OK", "Via: 1.0 sluice\r\n"},
    {"HTTP/1.1 103 Early Hints|ETag: \"early\"||HTTP/1.1 200 OK|ETag: \"late\"", "ETag: \"late\"\r\n" VIA},
    {"HTTP/1.1 200 OK|ETag: a\001b|X-Odd: \002|Vary:", "Vary: \r\n" VIA},
    {"HTTP/1.1 200 OK|ETag: \"\xe9\"", "ETag: \"\xe9\"\r\n" VIA},
    {"HTTP/1.1 302 Found|Location: /x|Allow: GET|WWW-Authenticate: Basic",
     "Location: /x\r\nAllow: GET\r\nWWW-Authenticate: Basic\r\n" VIA},
};

static void only_listed_fields_pass(void **state)
{
    static struct upstream_head head;

    (void)state;
    for (size_t i = 0; i < COUNT(passages); i++) {
        print_message("  %s\n", passages[i].head);
        read_head(&head, passages[i].head);
        assert_true(text_equal(upstream_head_fields(&head), passages[i].passed));
    }
    read_head(&head, "HTTP/1.1 200 OK|Connection: x|Connection: keep-alive, Close");
    assert_true(head.closes); /* which is for us, too */
    read_head(&head, "HTTP/1.1 200 OK|Connection: closed|Close: close");
    assert_false(head.closes);
}

/* What makes a head no good HTTP, and what does not. */
static const struct {
    const char *head;
    bool good;
} heads[] = {
    {"HTTP/1.1 200 OK|Content-Length: 2", true},
    {"HTTP/1.0 599 Odd", true},
    {"HTTP/1.7 200 OK", true},
    {"HTTP/1.1 100 Continue||HTTP/1.1 102 Processing||HTTP/1.1 200 OK", true},
    {"HTTP/1.1 099 Low", false},
    {"HTTP/1.1 600 Odd", false},
    {"HTTP/1.1 1000 Odd", false},
    {"HTTP/1.1 2000 OK", false},
    {"HTTP/1.1 20", false},
    {"HTTP/1.1 -20 OK", false},
    {"HTTP/1.1  200 OK", false},
    {"HTTP/1.1 OK", false},
    {"HTTP/1.1", false},
    {"HTTP/1. 200 OK", false},
    {"HTTP/2 200 OK", false},
    {"HTTP/11 200 OK", false},
    {"ICY 200 OK stream", false},
    {"http/1.1 200 OK", false},
    {"ETag: 1", false},
    {"HTTP/1.1 200 OK|HTTP/1.1 404 Not Found", false},
    {"HTTP/1.1 101 Switching Protocols|Upgrade: x", false},
    {"HTTP/1.1 103 Early||ETag: 1", false},
    {"HTTP/1.1 200 OK|Content-Type: a| b", false},
    {"HTTP/1.1 200 OK|Content-Type: a|\tb", false},
    {"HTTP/1.1 200 OK|no colon here", false},
    {"HTTP/1.1 200 OK|: no name", false},
    {"HTTP/1.1 200 OK|Content-Length : 2", false},
    {"HTTP/1.1 200 OK|X-(odd): 2", false},
    {"HTTP/1.1 200 OK|X-Odd: a\rb", false},
    {"HTTP/1.1 200 OK|X-Odd: a\r", false},
    {"HTTP/1.1 200 OK|X-Odd: a\002b", true},
    {"HTTP/1.1 200 OK|Content-Length: 2\002", false},
    {"HTTP/1.1 200 OK|Connection: \002", false},
    {"HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2", true},
    {"HTTP/1.1 200 OK|Content-Length: 2, 2", true},
    {"HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 3", false},
    {"HTTP/1.1 200 OK|Content-Length: 2, 3", false},
    {"HTTP/1.1 200 OK|Content-Length: -2", false},
    {"HTTP/1.1 200 OK|Content-Length: +2", false},
    {"HTTP/1.1 200 OK|Content-Length: 2x", false},
    {"HTTP/1.1 200 OK|Content-Length: 0x2", false},
    {"HTTP/1.1 200 OK|Content-Length:", false},
    {"HTTP/1.1 200 OK|Content-Length: 99999999999999999999", false},
    {"HTTP/1.1 200 OK|Transfer-Encoding: Chunked", true},
    {"HTTP/1.1 200 OK|Transfer-Encoding: gzip", false},
    {"HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked", false},
    {"HTTP/1.1 200 OK|Transfer-Encoding: chunked|Transfer-Encoding: chunked", false},
    {"HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 2", false},
    {"HTTP/1.1 200 OK|Content-Length: 2|Transfer-Encoding: chunked", false},
    {"HTTP/1.0 200 OK|Transfer-Encoding: chunked", false},
    {"HTTP/1.1 103 Early|Transfer-Encoding: chunked||HTTP/1.1 200 OK", false},
    {"HTTP/1.1 200 O\rK", false},
    {"HTTP/1.1 200 \001", false},
    {"HTTP/1.1 200 C'est fait: \xe9t\xe9\t!", true},
};

static void what_is_no_good_http_is_told(void **state)
{
    static struct upstream_head head;

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        print_message("  %s\n", heads[i].head);
        read_head(&head, heads[i].head);
        assert_int_equal(head.complete, heads[i].good);
        assert_int_equal(head.wrong == NULL, heads[i].good);
    }
    upstream_head_init(&head);
    upstream_head_line(&head, text_of("HTTP/1.1 200 OK\n")); /* a bare LF will do */
    upstream_head_line(&head, (struct text){"ETag: a\0b\n", 10});
    assert_non_null(head.wrong);
    upstream_head_line(&head, text_of("\n"));
    assert_false(head.complete);
}

static const struct {
    const char *head;
    int64_t body_bytes;
    bool json;
} bodies[] = {
    {"HTTP/1.1 200 OK", -1, false},
    {"HTTP/1.1 200 OK|Content-Length: 10000000000|Content-Type: application/json", 10000000000, true},
    {"HTTP/1.1 204 No Content|Content-Length: 5|Content-Type: Application/JSON ; charset=utf-8", 0, true},
    {"HTTP/1.1 304 Not Modified|Content-Length: 5|Content-Type: application/problem+json", 0, true},
    {"HTTP/1.1 200 OK|Content-Type: +json", -1, false},
    {"HTTP/1.1 200 OK|Content-Type: text/html; x=application/json", -1, false},
    {"HTTP/1.1 200 OK|Content-Type:", -1, false},
    {"HTTP/1.1 200 OK|Content-Type: application/jsonx", -1, false},
};

static void length_and_kind_of_the_body_are_known(void **state)
{
    static struct upstream_head head;

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        print_message("  %s\n", bodies[i].head);
        read_head(&head, bodies[i].head);
        assert_int_equal(upstream_head_body_bytes(&head), bodies[i].body_bytes);
        assert_int_equal(head.says_json, bodies[i].json);
    }
}

static const struct {
    const char *head;
    bool kept;
} unsure[] = {
    {"HTTP/1.1 200 OK", false},
    {"HTTP/1.1 200 OK|Content-Length: 5", true},
    {"HTTP/1.1 200 OK|Transfer-Encoding: chunked", true},
    {"HTTP/1.1 204 No Content", true},
};

static void what_may_have_been_cut_is_not_kept(void **state)
{
    static struct upstream_head head;

    (void)state;
    for (size_t i = 0; i < COUNT(unsure); i++) {
        print_message("  %s\n", unsure[i].head);
        read_head(&head, unsure[i].head);
        assert_false(head.freshness.no_store);
        upstream_head_end_unsure(&head);
        assert_int_equal(!head.freshness.no_store, unsure[i].kept);
    }
}

static void interim_answers_are_counted(void **state)
{
    static struct upstream_head head;

    (void)state;
    read_head(&head, "HTTP/1.1 100 Continue||HTTP/1.1 103 Early|Link: x||HTTP/1.1 200 OK");
    assert_int_equal(head.interims, 2);
    assert_int_equal(head.status, 200);
}

static void trailer_fields_are_ignored(void **state)
{
    static struct upstream_head head;

    (void)state;
    read_head(&head, "HTTP/1.1 200 OK|ETag: \"1\"");
    upstream_head_line(&head, text_of("ETag: \"2\"\r\n"));
    upstream_head_line(&head, text_of("Retry-After: 99\r\n"));
    assert_true(text_equal(upstream_head_fields(&head), "ETag: \"1\"\r\n" VIA));
    assert_false(head.asks_to_wait);
}

static void fields_that_do_not_fit_are_left_out_whole(void **state)
{
    static struct upstream_head head;
    char line[5000];

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "ETag: ", 6);
    upstream_head_init(&head);
    upstream_head_line(&head, text_of("HTTP/1.1 200 OK"));
    for (unsigned i = 0; i < 3; i++)
        upstream_head_line(&head, (struct text){line, sizeof(line)});
    upstream_head_line(&head, text_of("Allow: GET"));
    assert_int_equal(upstream_head_fields(&head).bytes, sizeof(line) + 2 + 12);
    /* Up to the last byte, and Via has its room all the same. */
    upstream_head_line(&head, (struct text){line, sizeof(head.fields) - head.fields_bytes - strlen(VIA) - 2});
    upstream_head_line(&head, text_of("Vary: "));
    upstream_head_line(&head, text_of(""));
    assert_int_equal(upstream_head_fields(&head).bytes, sizeof(head.fields));
}

static void freshness_comes_from_the_fields(void **state)
{
    static struct upstream_head head;

    (void)state;
    read_head(&head, "HTTP/1.1 200 OK|Cache-Control: max-age=5|Cache-Control: must-revalidate");
    assert_int_equal(head.freshness.max_age_us, 5 * S);
    assert_true(head.freshness.must_revalidate);
    read_head(&head, "HTTP/1.1 200 OK|Vary: *");
    assert_true(head.freshness.no_store);
    assert_int_equal(head.freshness.age_us, -1);
    assert_int_equal(head.freshness.date_wall_us, -1);
    assert_int_equal(head.freshness.expires_wall_us, -1);
    read_head(&head, "HTTP/1.1 200 OK|Age: 7|Age: 5|Date: Sun, 06 Nov 1994 08:49:37 GMT|"
                     "Expires: Sun, 06 Nov 1994 08:50:37 GMT");
    assert_int_equal(head.freshness.age_us, 7 * S);
    assert_int_equal(head.freshness.date_wall_us, NOW);
    assert_int_equal(head.freshness.expires_wall_us, NOW + 60 * S);
    assert_true(text_equal(upstream_head_fields(&head), "Expires: Sun, 06 Nov 1994 08:50:37 GMT\r\n" VIA));
    read_head(&head, "HTTP/1.1 200 OK|Expires: 0|Date: now"); /* over, and unknown */
    assert_int_equal(head.freshness.expires_wall_us, 0);
    assert_int_equal(head.freshness.date_wall_us, -1);
    read_head(&head, "HTTP/1.1 103 Early Hints|Age: 9|Expires: 0||HTTP/1.1 200 OK"); /* of another answer */
    assert_int_equal(head.freshness.age_us, -1);
    assert_int_equal(head.freshness.expires_wall_us, -1);
}

static const struct {
    const char *base;
    bool good;
} bases[] = {
    {"http://localhost:5555/api/score", true},
    {"https://score.example/api/score?x=1", true},
    {"http://[::1]:80/", true},
    {"http://h", true},
    {"http://h?x", true},
    {"", false},
    {"localhost:5555", false},
    {"ftp://h/", false},
    {"http://", false},
    {"http:///x", false},
    {"http://user:pw@h/", false},
    {"http://h/#part", false},
    {"http://h/a b", false},
    {"http://h:99999/", false},
    {"file:///etc/passwd", false},
};

static void bases_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bases); i++) {
        print_message("  %s\n", bases[i].base);
        assert_int_equal(upstream_url_check(bases[i].base), bases[i].good ? 0 : -EINVAL);
    }
}

static const struct {
    const char *proxy;
    bool good;
} proxies[] = {
    {"http://127.0.0.1:3128", true},
    {"http://proxy.example/", true},
    {"http://[::1]:8080", true},
    {"https://proxy.example:443", false},
    {"socks5://proxy.example:1080", false},
    {"proxy.example:3128", false},
    {"http://", false},
    {"http:///", false},
    {"http://user:pw@proxy:3128", false},
    {"http://proxy:3128/path", false},
    {"http://proxy:99999", false},
};

static void proxies_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(proxies); i++) {
        print_message("  %s\n", proxies[i].proxy);
        assert_int_equal(upstream_proxy_check(proxies[i].proxy), proxies[i].good ? 0 : -EINVAL);
    }
}

static const struct {
    const char *base, *query, *url;
} urls[] = {
    {"http://h/api", "cpf=52998224725", "http://h/api?cpf=52998224725"},
    {"http://h/api?", "cpf=1", "http://h/api?cpf=1"},
    {"http://h/api?a=1", "cpf=1", "http://h/api?a=1&cpf=1"},
    {"http://h/api?a=1&", "cpf=1", "http://h/api?a=1&cpf=1"},
    {"http://h/api", "", "http://h/api"},
    {"http://h/api", "cpf=1 2", NULL},
    {"http://h/api", "cpf=1\r\nX: y", NULL},
    {"http://h/api", "cpf=%zz", NULL},
};

static void urls_are_built(void **state)
{
    char url[UPSTREAM_URL_BYTES], *query = malloc(UPSTREAM_URL_BYTES);

    (void)state;
    assert_non_null(query);
    for (size_t i = 0; i < COUNT(urls); i++) {
        int rc = upstream_url_make(urls[i].base, text_of(urls[i].query), url);

        assert_int_equal(rc, urls[i].url ? 0 : -EINVAL);
        if (urls[i].url)
            assert_string_equal(url, urls[i].url);
    }
    memset(query, 'q', UPSTREAM_URL_BYTES);
    assert_int_equal(upstream_url_make("http://h/", (struct text){query, UPSTREAM_URL_BYTES - 11}, url), 0);
    assert_int_equal(upstream_url_make("http://h/", (struct text){query, UPSTREAM_URL_BYTES - 10}, url),
                     -EMSGSIZE);
    free(query);
}

static void only_harmless_values_are_sent(void **state)
{
    (void)state;
    assert_true(upstream_value_ok(text_of("client-1~!")));
    assert_false(upstream_value_ok(text_of("")));
    assert_false(upstream_value_ok(text_of("a b")));
    assert_false(upstream_value_ok(text_of("a\r\nX-Evil: 1")));
    assert_false(upstream_value_ok(text_of("\x7f")));
    assert_false(upstream_value_ok(text_of("\xc3\xa9")));
    assert_false(upstream_value_ok((struct text){"a\0b", 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_has_its_verdict),
        cmocka_unit_test(every_wait_is_read),
        cmocka_unit_test(only_listed_fields_pass),
        cmocka_unit_test(what_is_no_good_http_is_told),
        cmocka_unit_test(length_and_kind_of_the_body_are_known),
        cmocka_unit_test(what_may_have_been_cut_is_not_kept),
        cmocka_unit_test(interim_answers_are_counted),
        cmocka_unit_test(trailer_fields_are_ignored),
        cmocka_unit_test(fields_that_do_not_fit_are_left_out_whole),
        cmocka_unit_test(freshness_comes_from_the_fields),
        cmocka_unit_test(bases_are_checked),
        cmocka_unit_test(proxies_are_checked),
        cmocka_unit_test(urls_are_built),
        cmocka_unit_test(only_harmless_values_are_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
