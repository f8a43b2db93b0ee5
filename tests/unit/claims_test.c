/* claims_test.c - whatever another process tells of times, what is believed of it can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/claims.h"

#define NOW    5000000
#define FAR    (NOW + CLAIMS_SPAN_MAX_US)
#define PLACES (sizeof(told) / sizeof(told[0]))

static const struct {
    int64_t told, past, span, ahead;
} told[] = {
    {0, 0, 0, 0},
    {1, 1, 1, 1},
    {NOW, NOW, NOW, NOW},
    {NOW + 1, NOW, NOW + 1, NOW + 1},
    {FAR, NOW, CLAIMS_SPAN_MAX_US, FAR},
    {FAR + 1, NOW, CLAIMS_SPAN_MAX_US, FAR},
    {INT64_MAX, NOW, CLAIMS_SPAN_MAX_US, FAR},
    {-1, 0, 0, 0},
    {INT64_MIN, 0, 0, 0},
};

static void each_time_is_one_that_can_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        assert_int_equal(claims_past(told[i].told, NOW), told[i].past);
        assert_int_equal(claims_span(told[i].told), told[i].span);
        assert_int_equal(claims_ahead(told[i].told, NOW), told[i].ahead);
    }
}

static void so_is_each_time_of_a_fetcher(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        int64_t at_us = told[i].told;
        struct message ready = {.type = MESSAGE_TYPE_ready, .ready = {at_us, 7, at_us, at_us}};
        struct message sent = {.type = MESSAGE_TYPE_sent, .sent = {.attempt = 3, .sent_at_us = at_us}};
        struct message breaker = {.type = MESSAGE_TYPE_breaker, .breaker = {.retry_at_us = at_us}};
        struct message fetched = {.type = MESSAGE_TYPE_fetched,
                                  .fetched = {.attempt = 3,
                                              .sent_at_us = at_us,
                                              .first_at_us = at_us,
                                              .ended_at_us = at_us,
                                              .hold_us = at_us}};

        claims_of_fetcher(&ready, NOW);
        claims_of_fetcher(&sent, NOW);
        claims_of_fetcher(&breaker, NOW);
        claims_of_fetcher(&fetched, NOW);
        assert_int_equal(ready.ready.last_sent_at_us, told[i].past);
        assert_int_equal(ready.ready.in_flight, 7);
        assert_int_equal(ready.ready.last_ended_at_us, told[i].past);
        assert_int_equal(ready.ready.hold_at_us, told[i].ahead);
        assert_int_equal(sent.sent.attempt, 3);
        assert_int_equal(sent.sent.sent_at_us, told[i].past);
        assert_int_equal(breaker.breaker.retry_at_us, told[i].ahead);
        assert_int_equal(fetched.fetched.sent_at_us, told[i].past);
        assert_int_equal(fetched.fetched.first_at_us, told[i].past);
        assert_int_equal(fetched.fetched.ended_at_us, told[i].past);
        assert_int_equal(fetched.fetched.hold_us, told[i].span);
    }
}

static void other_messages_pass(void **state)
{
    struct message control = {.type = MESSAGE_TYPE_control_result, .control_result = {.count = INT64_MAX}};

    (void)state;
    claims_of_fetcher(&control, NOW);
    assert_int_equal(control.control_result.count, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_time_is_one_that_can_be),
        cmocka_unit_test(so_is_each_time_of_a_fetcher),
        cmocka_unit_test(other_messages_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
