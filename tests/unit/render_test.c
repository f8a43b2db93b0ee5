/* render_test.c - the bytes of our answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "gateway/render.h"

#define SECOND     1000000LL
#define NOSNIFF    "X-Content-Type-Options: nosniff\r\n"
#define ID         "X-Request-Id: 6f1c\r\n"
#define TYPE       "Content-Type: application/json\r\n"
#define REQUEST_ID ((struct text){"6f1c", 4})

static char fields[RENDER_FIELDS_BYTES];

static struct answer answer_of(unsigned status, int64_t stored_us, int64_t fresh_us)
{
    return (struct answer){.status = status,
                           .fields = text_of(TYPE),
                           .made_wall_us = stored_us,
                           .stored_wall_us = stored_us,
                           .fresh_wall_us = fresh_us};
}

static void check(struct text text, const char *want)
{
    if (!text_equal(text, want))
        fail_msg("got\n%.*swant\n%s", TEXT_ARGS(text), want);
}

static void test_hit(void **state)
{
    struct answer found = answer_of(200, 100 * SECOND, 160 * SECOND);

    (void)state;
    check(render_hit(fields, &found, 117 * SECOND + 999999, REQUEST_ID),
          "Cache-Status: sluice; hit; ttl=42\r\nAge: 17\r\n" NOSNIFF ID TYPE);
    check(render_hit(fields, &found, 99 * SECOND, REQUEST_ID), /* the wall clock has been set back */
          "Cache-Status: sluice; hit; ttl=61\r\nAge: 0\r\n" NOSNIFF ID TYPE);
}

/* Its age counts from when the provider made it, not from its coming. */
static void test_age(void **state)
{
    struct answer found = answer_of(200, 100 * SECOND, 160 * SECOND);
    struct passage passage = {.request_id = REQUEST_ID, .upstream_us = 2 * SECOND};

    (void)state;
    found.made_wall_us = 90 * SECOND;
    check(render_hit(fields, &found, 117 * SECOND, REQUEST_ID),
          "Cache-Status: sluice; hit; ttl=43\r\nAge: 27\r\n" NOSNIFF ID TYPE);
    check(render_forwarded(fields, &found, &passage), /* another cache had it before */
          "Cache-Status: sluice; fwd=miss\r\nAge: 10\r\n"
          "Server-Timing: queue;dur=0.000, upstream;dur=2000.000\r\n" NOSNIFF ID TYPE);
    found.made_wall_us = 98 * SECOND; /* it has only been slow */
    passage.declined = true;
    check(render_forwarded(fields, &found, &passage),
          "Cache-Status: sluice; fwd=request\r\n"
          "Server-Timing: queue;dur=0.000, upstream;dur=2000.000\r\n" NOSNIFF ID TYPE);
}

static void test_stale(void **state)
{
    struct answer found = answer_of(200, 100 * SECOND, 160 * SECOND);

    (void)state;
    check(render_stale(fields, &found, 160 * SECOND + 1, REASON_QUEUE_FULL, REQUEST_ID),
          "X-Proxy-Fallback: cache\r\nCache-Status: sluice; hit; ttl=-1; detail=queue_full\r\n"
          "Age: 60\r\n" NOSNIFF ID TYPE);
}

static const struct {
    unsigned status;
    struct passage passage;
    const char *want;
} passages[] = {
    {200,
     {.wait_us = 1012345, .upstream_us = 80001, .stored = true},
     "Cache-Status: sluice; fwd=miss; stored\r\n"
     "Server-Timing: queue;dur=1012.345, upstream;dur=80.001\r\n"},
    {200,
     {.joined = true, .stored = true},
     "Cache-Status: sluice; fwd=miss; collapsed; stored\r\n"
     "Server-Timing: queue;dur=0.000, upstream;dur=0.000\r\n"},
    {404,
     {.expired = true, .wait_us = -5},
     "Cache-Status: sluice; fwd=stale\r\nServer-Timing: queue;dur=0.000, upstream;dur=0.000\r\n"},
    {500,
     {.wait_us = 9},
     "Cache-Status: sluice; fwd=miss\r\nProxy-Status: sluice; received-status=500\r\n"
     "Server-Timing: queue;dur=0.009, upstream;dur=0.000\r\n"},
};

static void test_forwarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(passages) / sizeof(passages[0]); i++) {
        struct answer found = answer_of(passages[i].status, 0, 0);
        struct passage passage = passages[i].passage;
        char want[512];

        passage.request_id = REQUEST_ID;
        snprintf(want, sizeof(want), "%s%s", passages[i].want, NOSNIFF ID TYPE);
        check(render_forwarded(fields, &found, &passage), want);
    }
}

static void test_an_applied_preference_is_told(void **state)
{
    struct problem problem = problem_of_reason(REASON_QUEUE_FULL);
    struct text rendered = render_own(fields, RENDER_PROBLEM_TYPE, REQUEST_ID, &problem);
    struct text longer = render_preference(fields, rendered, 7);

    (void)state;
    assert_int_equal(longer.bytes, rendered.bytes + 28);
    assert_memory_equal(longer.at + rendered.bytes, "Preference-Applied: wait=7\r\n", 28);
    assert_int_equal(render_preference(fields, rendered, -1).bytes, rendered.bytes);
}

static const struct {
    int64_t us, seconds;
} waits[] = {{-1, 1}, {0, 1}, {1, 1}, {999999, 1}, {1000000, 1}, {1000001, 2}, {41500000, 42}};

static void test_retry_after_is_rounded_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        assert_int_equal(render_retry_seconds(waits[i].us), waits[i].seconds);
}

static void test_problem_of_a_reason(void **state)
{
    struct problem problem = problem_of_reason(REASON_QUEUE_FULL);
    char body[RENDER_PROBLEM_BYTES];

    (void)state;
    problem.position = 101;
    problem.eta_us = 100500100;
    problem.retry_after_us = 41500000;
    problem.request_id = REQUEST_ID;
    check(render_own(fields, RENDER_PROBLEM_TYPE, REQUEST_ID, &problem),
          "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
          "Proxy-Status: sluice; error=connection_limit_reached; details=\"queue_full\"\r\n"
          "Retry-After: 42\r\n" NOSNIFF ID);
    check(render_problem(body, sizeof(body), &problem),
          "{\"type\":\"urn:sluice:problem:queue_full\",\"title\":\"The queue is full\",\"status\":503,"
          "\"detail\":\"The queue is full\",\"error\":\"The queue is full\",\"reason\":\"queue_full\","
          "\"queue_position\":101,\"eta_ms\":100501,\"retry_after\":42,\"request_id\":\"6f1c\"}");
}

static void test_problem_of_a_status(void **state)
{
    struct problem problem = problem_of_status(404);
    char body[RENDER_PROBLEM_BYTES];

    (void)state;
    problem.detail = "No \"such\" path";
    problem.name = "cpf";
    check(render_problem(body, sizeof(body), &problem),
          "{\"type\":\"urn:sluice:problem:not_found\",\"title\":\"There is nothing here\",\"status\":404,"
          "\"detail\":\"No \\\"such\\\" path: cpf\",\"error\":\"There is nothing here\","
          "\"reason\":\"not_found\"}");
    assert_int_equal(render_problem(body, 20, &problem).bytes, 0);
}

/* Every reason makes a whole problem, with a Retry-After wherever it says 503. */
static void test_every_reason(void **state)
{
    (void)state;
    for (int reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
        struct problem problem = problem_of_reason((enum reason)reason);
        char body[RENDER_PROBLEM_BYTES];
        struct text text = render_own(fields, RENDER_PROBLEM_TYPE, REQUEST_ID, &problem);

        assert_in_range(problem.status, 400, 599);
        assert_true(render_problem(body, sizeof(body), &problem).bytes > 0);
        assert_int_equal(memmem(text.at, text.bytes, "Retry-After: 1\r\n", 16) != NULL,
                         problem.status == 503);
    }
}

static void test_the_longest_fields_fit(void **state)
{
    static char longest[ANSWER_FIELDS_BYTES];
    struct answer found = {.status = 503,
                           .fields = {longest, sizeof(longest)},
                           .made_wall_us = INT64_MIN / 2,
                           .stored_wall_us = INT64_MIN / 4,
                           .fresh_wall_us = INT64_MIN / 2};
    char id[64];
    struct passage passage = {.request_id = {id, sizeof(id)},
                              .wait_us = INT64_MAX,
                              .upstream_us = 0,
                              .expired = true,
                              .joined = true,
                              .stored = true};

    (void)state;
    memset(longest, 'x', sizeof(longest));
    memset(id, 'x', sizeof(id));
    assert_true(render_preference(fields, render_forwarded(fields, &found, &passage), INT64_MAX).bytes <
                sizeof(fields));
    assert_true(render_preference(fields,
                                  render_stale(fields, &found, INT64_MAX / 2, REASON_DEADLINE_UNMEETABLE,
                                               passage.request_id),
                                  INT64_MAX)
                    .bytes < sizeof(fields));
}

static void test_hex(void **state)
{
    char digits[RENDER_ID_BYTES];

    (void)state;
    render_hex(0x00ff123456789abcU, digits);
    assert_memory_equal(digits, "00ff123456789abc", RENDER_ID_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hit),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_an_applied_preference_is_told),
        cmocka_unit_test(test_retry_after_is_rounded_up),
        cmocka_unit_test(test_problem_of_a_reason),
        cmocka_unit_test(test_problem_of_a_status),
        cmocka_unit_test(test_every_reason),
        cmocka_unit_test(test_the_longest_fields_fit),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
