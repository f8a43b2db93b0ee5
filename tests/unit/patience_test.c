/* patience_test.c - how long a request says that it will wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "gateway/patience.h"

#define LIMIT     60500000LL /* our own, in us */
#define MALFORMED (-2)

/* Fields are written "Name: value|Name: value". */
static int read_patience(const char *fields, struct patience *patience)
{
    static char bytes[512];
    struct http_request request = {.method = HTTP_GET};
    char *rest;

    snprintf(bytes, sizeof(bytes), "%s", fields);
    for (char *line = strtok_r(bytes, "|", &rest); line; line = strtok_r(NULL, "|", &rest)) {
        struct http_field *field = &request.fields[request.field_count++];
        char *colon = strchr(line, ':');

        field->name = (struct text){.at = line, .bytes = (size_t)(colon - line)};
        field->value = text_of(colon + 1 + strspn(colon + 1, " "));
    }
    return patience_read(&request, LIMIT, patience);
}

static const struct {
    const char *fields;
    int64_t wait_us;     /* MALFORMED: refused */
    int64_t preferred_s; /* as in struct patience */
} stories[] = {
    {"", LIMIT, -1},

    {"Request-Timeout: 2", 2000000, -1},
    {"request-timeout: 0.25", 250000, -1},
    {"Request-Timeout: 1.0000019", 1000001, -1},
    {"Request-Timeout: 0.00000099", 0, -1},
    {"Request-Timeout: 0", 0, -1},
    {"Request-Timeout: 60.5", LIMIT, -1},
    {"Request-Timeout: 60.500001", LIMIT, -1},
    {"Request-Timeout: 61", LIMIT, -1},
    {"Request-Timeout: 99999999999999999999999.5", LIMIT, -1},
    {"Request-Timeout:", MALFORMED, -1},
    {"Request-Timeout: soon", MALFORMED, -1},
    {"Request-Timeout: -1", MALFORMED, -1},
    {"Request-Timeout: +1", MALFORMED, -1},
    {"Request-Timeout: 1s", MALFORMED, -1},
    {"Request-Timeout: 1e3", MALFORMED, -1},
    {"Request-Timeout: .5", MALFORMED, -1},
    {"Request-Timeout: 5.", MALFORMED, -1},
    {"Request-Timeout: 1.5.5", MALFORMED, -1},
    {"Request-Timeout: 1,5", MALFORMED, -1},
    {"Request-Timeout: 99999999999999999999999x", MALFORMED, -1},
    {"Request-Timeout: 1|Request-Timeout: 1", MALFORMED, -1},

    {"Prefer: wait=10", 10000000, 10},
    {"prefer: WAIT=10", 10000000, 10},
    {"Prefer: wait = 010", 10000000, 10},
    {"Prefer: wait=\"10\"", 10000000, 10},
    {"Prefer: wait=0", 0, 0},
    {"Prefer: wait=60", 60000000, 60},
    {"Prefer: wait=61", LIMIT, -1}, /* we do not wait so long */
    {"Prefer: wait=99999999999999999999", LIMIT, -1},
    {"Prefer: wait", LIMIT, -1},
    {"Prefer: wait=", LIMIT, -1},
    {"Prefer: wait=\"\"", LIMIT, -1},
    {"Prefer: wait=1.5", LIMIT, -1},
    {"Prefer: wait=-1", LIMIT, -1},
    {"Prefer: wait=5 6", LIMIT, -1},
    {"Prefer: wait=\"5", LIMIT, -1},
    {"Prefer: waiting=5", LIMIT, -1},
    {"Prefer: return=minimal, wait=5", 5000000, 5},
    {"Prefer: respond-async, wait=5", LIMIT, -1}, /* no deadline, but see below */
    {"Prefer: wait=5; lenient; x=\"a,b\", return=minimal", 5000000, 5},
    {"Prefer: foo; wait=5", LIMIT, -1}, /* a parameter, no preference */
    {"Prefer: foo=\"a, wait=5\"", LIMIT, -1},
    {"Prefer: foo=\"a\\\", wait=5\"", LIMIT, -1},
    {"Prefer: foo=\"a\\\\\", wait=5", 5000000, 5},
    {"Prefer: foo;;bar=1 ; ,, wait=5", 5000000, 5},
    {"Prefer: @@@, (x \", \" y), wait=5", 5000000, 5}, /* what cannot be read does not spoil the rest */
    {"Prefer: \x80\xff=,,;\"", LIMIT, -1},
    {"Prefer: return=minimal|Prefer: wait=5|Prefer: wait=4", 5000000, 5},
    {"Prefer: wait=5, wait=4", 5000000, 5},
    {"Prefer: wait=x, wait=4", LIMIT, -1}, /* only the first instance is considered */

    {"Prefer: wait=5|Request-Timeout: 2.5", 2500000, -1},
    {"Prefer: wait=5|Request-Timeout: 5", 5000000, 5},
    {"Prefer: wait=5|Request-Timeout: 7.5", 5000000, 5},
    {"Prefer: wait=5|Request-Timeout: x", MALFORMED, -1},
};

static void test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        struct patience patience;
        int rc = read_patience(stories[i].fields, &patience);
        bool as_told = rc == 0 && patience.wait_us == stories[i].wait_us &&
                       patience.preferred_s == stories[i].preferred_s;

        if (stories[i].wait_us == MALFORMED)
            as_told = rc == -EINVAL;
        if (!as_told)
            fail_msg("\"%s\": %d, %lld us, preferred %lld s", stories[i].fields, rc,
                     (long long)patience.wait_us, (long long)patience.preferred_s);
    }
}

static const struct {
    const char *fields;
    int64_t wait_us, defer_s;
} async_stories[] = {
    {"", LIMIT, -1},
    {"Prefer: wait=5", 5000000, -1},
    {"Prefer: respond-async", LIMIT, 0},
    {"Prefer: Respond-Async", LIMIT, 0},
    {"Prefer: respond-async; x=y, return=minimal", LIMIT, 0},
    {"Prefer: respond-async=\"\"", LIMIT, 0}, /* an empty value is none (RFC 7240, section 2) */
    {"Prefer: respond-async=", LIMIT, -1},
    {"Prefer: respond-async=5", LIMIT, -1},
    {"Prefer: respond-async=5, respond-async", LIMIT, -1}, /* only the first instance is considered */
    {"Prefer: respond-asynchronously", LIMIT, -1},
    {"Prefer: foo=\"respond-async\", bar; respond-async", LIMIT, -1},
    {"Prefer: respond-async, wait=5", LIMIT, 5},
    {"Prefer: wait=5, respond-async", LIMIT, 5},
    {"Prefer: wait=5|Prefer: respond-async", LIMIT, 5},
    {"Prefer: respond-async|Prefer: wait=\"5\"|Prefer: wait=4", LIMIT, 5},
    {"Prefer: respond-async, wait=0", LIMIT, 0},
    {"Prefer: respond-async, wait", LIMIT, 0},
    {"Prefer: respond-async, wait=1.5", LIMIT, 0}, /* as if it were not there */
    {"Prefer: respond-async, wait=60", LIMIT, 60},
    {"Prefer: respond-async, wait=61", LIMIT, 61}, /* longer than we wait: never */
    {"Prefer: respond-async, wait=99999999999999999999", LIMIT, 61},
    {"Prefer: respond-async, wait=5|Request-Timeout: 7.5", 7500000, 5},
    {"Prefer: respond-async, wait=5|Request-Timeout: 2.5", 2500000, 3},
    {"Request-Timeout: 0|Prefer: respond-async", 0, 0},
};

static void test_a_202_instead(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(async_stories) / sizeof(async_stories[0]); i++) {
        struct patience patience;

        assert_int_equal(read_patience(async_stories[i].fields, &patience), 0);
        if (patience.wait_us != async_stories[i].wait_us || patience.defer_s != async_stories[i].defer_s ||
            (patience.defer_s >= 0 && patience.preferred_s >= 0))
            fail_msg("\"%s\": %lld us, a 202 after %lld s", async_stories[i].fields,
                     (long long)patience.wait_us, (long long)patience.defer_s);
    }
}

static void test_seconds(void **state)
{
    int64_t us = 7;

    (void)state;
    assert_true(patience_seconds(text_of("1.25"), LIMIT, &us));
    assert_int_equal(us, 1250000);
    assert_true(patience_seconds(text_of("999"), LIMIT, &us));
    assert_int_equal(us, LIMIT);
    assert_false(patience_seconds(text_of(""), LIMIT, &us));
    assert_false(patience_seconds(text_of("1e3"), LIMIT, &us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_a_202_instead),
        cmocka_unit_test(test_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
