/* proxy_errand_test.c - requests that the gateway makes itself: they go the way of all others, and their end
 * is told once. */
#include "tests/unit/proxy_stage.h"

/* Of the latest one. */
static struct errand errand;
static unsigned ends;

static void on_ended(struct errand *ended, const struct decision *decision, int64_t took_us)
{
    assert_ptr_equal(ended, &errand);
    assert_ptr_equal(decision->errand, &errand);
    assert_null(ended->waiter);
    assert_int_equal(took_us, 0);
    ends++;
}

static void run(const char *query)
{
    struct http_request request = {
        .method = HTTP_GET, .path = text_of("/proxy/score"), .query = text_of(query)};

    ends = 0;
    errand.ended = on_ended;
    proxy_errand(stage.proxy, &errand, &request, &lanes[0], &stage.moment);
}

static void check_end(enum decision_id outcome, int status)
{
    assert_int_equal(ends, 1);
    assert_int_equal(stage.last.outcome, outcome);
    assert_int_equal(stage.last.status, status);
    proxy_errand_leave(stage.proxy, &errand); /* harmless */
    assert_int_equal(ends, 1);
    check_totals();
}

static void test_what_is_decided_at_once(void **state)
{
    (void)state;
    run("cpf=1");
    check_end(DECISION_GATEWAY_MALFORMED, 400);
    run(CPF "&priority=x");
    check_end(DECISION_GATEWAY_MALFORMED, 400);
    store("sluice", 55 * SECOND, 600 * SECOND);
    run(CPF);
    check_end(DECISION_GATEWAY_HIT, 200);
    assert_int_equal(sent_count, 0);
}

static void test_what_waits_for_the_scheduler(void **state)
{
    (void)state;
    run(CPF "&priority=3&client_id=billing");
    assert_int_equal(ends, 0);
    assert_int_equal(sent[0].submit.priority, 3);
    assert_non_null(errand.waiter);
    accept_it(1, SECOND);
    bring(200, "none", "upstream");
    check_end(DECISION_GATEWAY_ANSWERED, 200);
    assert_false(stage.last.cached);
    forget_sent();
    run(CPF);
    bring(200, "none", "cache");
    check_end(DECISION_GATEWAY_ANSWERED, 200);
    assert_true(stage.last.cached);
    forget_sent();
    run(CPF);
    reject("queue_full");
    check_end(DECISION_GATEWAY_REFUSED, 503);
    forget_sent();
    run(CPF);
    go_on(TIMEOUT + SECOND);
    check_end(DECISION_GATEWAY_REFUSED, 504);
}

static void test_who_leaves_is_withdrawn(void **state)
{
    (void)state;
    run(CPF);
    proxy_errand_leave(stage.proxy, &errand);
    check_end(DECISION_GATEWAY_GONE, 0);
    assert_int_equal(stage.last.reason, REASON_CANCELLED);
    assert_int_equal(sent[1].type, MESSAGE_TYPE_cancel);
    bring(200, "none", "upstream"); /* was on its way */
    assert_int_equal(ends, 1);
}

/* That one is told from inside of proxy_errand(). */
static void test_what_cannot_be_sent(void **state)
{
    (void)state;
    send_rc = -EINVAL;
    run(CPF);
    check_end(DECISION_GATEWAY_REFUSED, 500);
    send_rc = 0;
    run(CPF);
    proxy_refuse_all(stage.proxy, REASON_DRAINING, &stage.moment);
    check_end(DECISION_GATEWAY_REFUSED, 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_decided_at_once, start, stop),
        cmocka_unit_test_setup_teardown(test_what_waits_for_the_scheduler, start, stop),
        cmocka_unit_test_setup_teardown(test_who_leaves_is_withdrawn, start, stop),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_sent, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
