/* proxy_test.c - a request's way through the gateway: hits, refusals, results, deadlines. */
#include "tests/unit/proxy_stage.h"

static void test_a_fresh_answer_goes_out_at_once(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    store("sluice", 55 * SECOND, 600 * SECOND);
    ask(&exchange, CPF);
    assert_int_equal(exchange.status, 200);
    assert_string_equal(exchange.body, "{\"score\":308}");
    check_has(exchange.fields, "Cache-Status: sluice; hit; ttl=55\r\n");
    check_has(exchange.fields, "Age: 5\r\n");
    check_has(exchange.fields, TYPE);
    assert_null(strstr(exchange.fields, "X-Proxy-Fallback"));
    assert_int_equal(sent_count, 0);
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_HIT);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_HITS], 1);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_MISSES], 0);
}

/* What one client-id has got is not for another. */
static void test_answers_are_kept_per_client_id(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    store("alice", 55 * SECOND, 600 * SECOND);
    ask(&exchange, CPF);
    assert_int_equal(exchange.status, 0);
    ask(&exchange, CPF "&client-id=alice");
    assert_int_equal(exchange.status, 200);
    assert_int_equal(sent_count, 1);
}

static const struct {
    const char *reason;
    int64_t fresh_us, stale_us; /* of what the cache has when the refusal comes; 0 0: nothing */
    int status;
    enum decision_id outcome;
} refusals[] = {
    {"queue_full", 0, 0, 503, DECISION_GATEWAY_REFUSED},
    {"queue_full", -10 * SECOND, 600 * SECOND, 200, DECISION_GATEWAY_STALE},
    {"breaker_open", -10 * SECOND, 600 * SECOND, 200, DECISION_GATEWAY_STALE},
    {"deadline_passed", -10 * SECOND, 600 * SECOND, 200, DECISION_GATEWAY_STALE},
    {"queue_full", -20 * SECOND, -10 * SECOND, 503, DECISION_GATEWAY_REFUSED},
    {"draining", -10 * SECOND, 600 * SECOND, 503, DECISION_GATEWAY_REFUSED},
    {"internal", -10 * SECOND, 600 * SECOND, 500, DECISION_GATEWAY_REFUSED},
    {"queue_full", 10 * SECOND, 600 * SECOND, 200, DECISION_GATEWAY_HIT}, /* another one has brought it */
};

static void test_a_stale_answer_stands_in_for_a_refusal(void **state)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct httpd_exchange exchange;

        ask(&exchange, CPF);
        if (refusals[i].stale_us != 0)
            store("sluice", refusals[i].fresh_us, refusals[i].stale_us);
        reject(refusals[i].reason);
        if (exchange.status != refusals[i].status || stage.last.outcome != refusals[i].outcome)
            fail_msg("%zu, %s: %d, %s", i, refusals[i].reason, exchange.status,
                     decision_spec(stage.last.outcome)->name);
        if (refusals[i].outcome == DECISION_GATEWAY_STALE) {
            check_has(exchange.fields, "X-Proxy-Fallback: cache\r\n");
            check_has(exchange.fields, "ttl=-10; detail=");
            check_has(exchange.fields, refusals[i].reason);
        }
        assert_int_equal(stage.metrics.values[METRIC_GATEWAY_WAITING], 0);
        stop(state);
        start(state);
    }
}

static const struct {
    bool stale;
    unsigned status;
    const char *reason, *source;
    int want;
    const char *line;
} results[] = {
    {false, 200, "none", "upstream", 200, "Cache-Status: sluice; fwd=miss; stored\r\n"},
    {true, 200, "none", "upstream", 200, "Cache-Status: sluice; fwd=stale; stored\r\n"},
    {false, 200, "none", "cache", 200, "Cache-Status: sluice; hit; ttl=60\r\n"},
    {true, 404, "none", "upstream", 404, "fwd=stale"},
    {false, 500, "upstream_error", "upstream", 500, "Proxy-Status: sluice; received-status=500\r\n"},
    {true, 500, "upstream_error", "upstream", 200, "detail=upstream_error\r\n"},
};

static void test_results(void **state)
{
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        struct httpd_exchange exchange;

        if (results[i].stale)
            store("sluice", -10 * SECOND, 600 * SECOND);
        ask(&exchange, CPF);
        bring(results[i].status, results[i].reason, results[i].source);
        if (exchange.status != results[i].want)
            fail_msg("%zu: %d", i, exchange.status);
        check_has(exchange.fields, results[i].line);
        assert_int_equal(stage.decisions, 1);
        stop(state);
        start(state);
    }
}

static void test_deadlines(void **state)
{
    struct httpd_exchange submitted, held;

    (void)state;
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);
    ask(&submitted, CPF);
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + TIMEOUT + PROXY_OVERDUE_US);
    stage.moment.now_us += TIMEOUT;
    proxy_expire(stage.proxy, &stage.moment);
    assert_int_equal(submitted.status, 0); /* the scheduler's word may still be on its way */
    stage.moment.now_us += PROXY_OVERDUE_US;
    proxy_expire(stage.proxy, &stage.moment);
    assert_int_equal(submitted.status, 504);
    assert_int_equal(sent[1].type, MESSAGE_TYPE_cancel);
    assert_int_equal(sent[1].cancel.id, sent[0].submit.id);

    proxy_down(stage.proxy, &stage.moment);
    ask(&held, CPF);
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + TIMEOUT);
    stage.moment.now_us += TIMEOUT;
    proxy_expire(stage.proxy, &stage.moment);
    assert_int_equal(held.status, 503);
    assert_int_equal(stage.last.reason, REASON_SCHEDULER_GONE);
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);
}

static void test_deadlines_of_the_caller_s_own(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    ask_with(&exchange, CPF, "Prefer", "wait=2");
    assert_int_equal(sent[0].submit.remain_us, 2 * SECOND);
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + 2 * SECOND + PROXY_OVERDUE_US);
    bring(200, "none", "upstream");
    check_has(exchange.fields, "Preference-Applied: wait=2\r\n");

    ask_with(&exchange, CPF, "Request-Timeout", "2 s");
    assert_int_equal(exchange.status, 400);
    check_has(exchange.body, "Request-Timeout");
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_MALFORMED);
}

/* Without time there is what the cache has, or a refusal: nothing is submitted. */
static void test_no_time_at_all(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    ask_with(&exchange, CPF, "Prefer", "wait=0");
    assert_int_equal(exchange.status, 503);
    check_has(exchange.fields, "Preference-Applied: wait=0\r\n");
    assert_int_equal(stage.last.reason, REASON_DEADLINE_UNMEETABLE);
    store("sluice", -10 * SECOND, 600 * SECOND);
    ask_with(&exchange, CPF, "Request-Timeout", "0");
    assert_int_equal(exchange.status, 200);
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_STALE);
    assert_null(strstr(exchange.fields, "Preference-Applied"));
    store("sluice", 10 * SECOND, 600 * SECOND);
    ask_with(&exchange, CPF, "Request-Timeout", "0");
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_HIT);
    assert_int_equal(sent_count, 0);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_WAITING], 0);
}

/* A message that breaks the catalogue is our own bug; it must not wedge those behind it. */
static void test_what_cannot_be_sent_is_refused(void **state)
{
    struct httpd_exchange first, second;

    (void)state;
    send_rc = -EMSGSIZE;
    ask(&first, CPF);
    assert_int_equal(first.status, 500);
    send_rc = -EAGAIN;
    ask(&second, CPF);
    assert_int_equal(second.status, 0);
    send_rc = 0;
    proxy_flush(stage.proxy, &stage.moment);
    assert_int_equal(sent_count, 1);
}

static void test_ids_differ(void **state)
{
    char first[RENDER_ID_BYTES], second[RENDER_ID_BYTES];

    (void)state;
    proxy_draw_id(stage.proxy, first);
    proxy_draw_id(stage.proxy, second);
    assert_memory_not_equal(first, second, RENDER_ID_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_fresh_answer_goes_out_at_once, start, stop),
        cmocka_unit_test_setup_teardown(test_answers_are_kept_per_client_id, start, stop),
        cmocka_unit_test_setup_teardown(test_a_stale_answer_stands_in_for_a_refusal, start, stop),
        cmocka_unit_test_setup_teardown(test_results, start, stop),
        cmocka_unit_test_setup_teardown(test_deadlines, start, stop),
        cmocka_unit_test_setup_teardown(test_deadlines_of_the_caller_s_own, start, stop),
        cmocka_unit_test_setup_teardown(test_no_time_at_all, start, stop),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_sent_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_ids_differ, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
