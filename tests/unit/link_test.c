/* link_test.c - the rules of a link: silence, hello, ping and credits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/link.h"

static void a_silent_peer_is_noticed(void **state)
{
    struct link link = {0};

    (void)state;
    link_open(&link, 7, 10, 1000);
    assert_true(link.up);
    assert_false(link_silent(&link, 1000 + LINK_SILENCE_US));
    assert_true(link_silent(&link, 1001 + LINK_SILENCE_US));
    link_heard(&link, 5000);
    assert_false(link_silent(&link, 1001 + LINK_SILENCE_US));
    link_close(&link);
    assert_false(link_silent(&link, INT64_MAX));
}

static void hello_is_repeated_until_the_link_is_up(void **state)
{
    struct link link = {0};
    int64_t now_us = 1000000;

    (void)state;
    assert_true(link_hello_due(&link, now_us));
    link.hello_us = now_us;
    assert_false(link_hello_due(&link, now_us + LINK_HELLO_US - 1));
    assert_true(link_hello_due(&link, now_us + LINK_HELLO_US));
    link_open(&link, 7, 10, now_us);
    assert_false(link_hello_due(&link, now_us + LINK_HELLO_US));
    link_close(&link);
    assert_true(link_hello_due(&link, now_us));
}

static void a_ping_is_due_only_on_an_open_link(void **state)
{
    struct link link = {0};

    (void)state;
    assert_false(link_ping_due(&link, INT64_MAX));
    link_open(&link, 7, 10, 1000);
    assert_false(link_ping_due(&link, 999 + LINK_PING_US));
    assert_true(link_ping_due(&link, 1000 + LINK_PING_US));
}

static void credits_bound_what_is_sent(void **state)
{
    struct link link = {0};

    (void)state;
    link_open(&link, 7, 2, 0);
    assert_true(link_spend(&link));
    assert_true(link_spend(&link));
    assert_false(link_spend(&link));
    assert_true(link_credit(&link, 1)); /* somebody had been refused */
    assert_true(link_spend(&link));
    assert_false(link_credit(&link, UINT64_MAX)); /* nobody had; and no peer can lift the bound */
    assert_int_equal(link.may_send, LINK_CREDITS);
    link_open(&link, 8, UINT64_MAX, 0);
    assert_int_equal(link.may_send, LINK_CREDITS);
}

static void a_send_that_failed_costs_no_credit(void **state)
{
    struct link link = {0};

    (void)state;
    link_open(&link, 7, 1, 0);
    assert_true(link_spend(&link));
    link_unspend(&link);
    assert_int_equal(link.may_send, 1);
    assert_true(link_credit(&link, 1)); /* it is told when to try again */
}

static void a_send_that_failed_is_tried_again_once_for_each_failure(void **state)
{
    struct link link = {0};

    (void)state;
    assert_false(link_stuck(&link));
    link_open(&link, 7, 2, 0);
    assert_true(link_spend(&link));
    assert_false(link_stuck(&link));
    link_unspend(&link);
    assert_true(link_stuck(&link));
    assert_false(link_stuck(&link));
    assert_true(link_spend(&link) && link_spend(&link));
    assert_false(link_spend(&link));
    assert_false(link_stuck(&link)); /* who has no credit waits for it */
}

static void credit_that_could_not_be_given_is_given_with_the_next(void **state)
{
    struct link link = {0};
    uint64_t count = 0;

    (void)state;
    link_open(&link, 7, 10, 0);
    while (count == 0)
        count = link_handled(&link);
    link_ungiven(&link, count);
    assert_int_equal(link_handled(&link), count + 1);
}

static void credit_is_given_in_batches_and_in_full(void **state)
{
    struct link link = {0};
    uint64_t given = 0, batches = 0;

    (void)state;
    link_open(&link, 7, 10, 0);
    for (int i = 0; i < LINK_CREDITS; i++) {
        uint64_t count = link_handled(&link);

        given += count;
        batches += count > 0;
    }
    assert_int_equal(given, LINK_CREDITS);
    assert_in_range(batches, 2, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_peer_is_noticed),
        cmocka_unit_test(hello_is_repeated_until_the_link_is_up),
        cmocka_unit_test(a_ping_is_due_only_on_an_open_link),
        cmocka_unit_test(credits_bound_what_is_sent),
        cmocka_unit_test(a_send_that_failed_costs_no_credit),
        cmocka_unit_test(a_send_that_failed_is_tried_again_once_for_each_failure),
        cmocka_unit_test(credit_that_could_not_be_given_is_given_with_the_next),
        cmocka_unit_test(credit_is_given_in_batches_and_in_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
