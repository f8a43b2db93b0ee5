/* proxy_jobs_test.c - requests whose clients do not wait: the 202, and what becomes of the job. */
#include "tests/unit/proxy_stage.h"

static void test_from_the_202_to_the_result(void **state)
{
    struct httpd_exchange exchange, again;
    char request_id[64];

    (void)state;
    open_job(&exchange, "respond-async");
    check_has(exchange.fields, "Preference-Applied: respond-async\r\n");
    check_has(exchange.fields, "Retry-After: 2\r\n");
    check_has(exchange.fields, "Sluice-Job: queued\r\n");
    check_has(exchange.body, "\"position\":3,\"eta_ms\":2000,\"deadline_ms\":60000,");
    check_has(exchange.body, path);
    snprintf(request_id, sizeof(request_id), "%.32s", strstr(exchange.fields, "X-Request-Id: "));
    assert_null(exchange.mine); /* its client may leave */
    proxy_gone(stage.proxy, &exchange);
    assert_int_equal(stage.deferred, 1);
    assert_int_equal(stage.decisions, 0);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_WAITING], 1);
    check_totals();

    bring(200, "none", "upstream");
    assert_int_equal(stage.decisions, 1);
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_ANSWERED);
    for (unsigned i = 0; i < 3; i++) {
        get(&again, NULL);
        assert_int_equal(again.status, 200);
        assert_string_equal(again.body, "new");
        check_has(again.fields, "Sluice-Job: done\r\nCache-Status: sluice; fwd=miss; stored\r\n");
        check_has(again.fields, request_id);
        check_lacks(again.fields, "Preference-Applied");
    }
    assert_int_equal(sent_count, 1);
    proxy_gauge(stage.proxy);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 1);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS_KEPT], 1);
    assert_true(stage.metrics.values[METRIC_GATEWAY_JOBS_BYTES] > 3);

    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + 300 * SECOND);
    go_on(300 * SECOND - 1);
    check_status(path, 200);
    stage.moment.now_us++; /* the timer may be late */
    check_status(path, 404);
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);
}

/* Before the 202 everything is as for those who wait. */
static void test_what_is_decided_at_once_is_no_job(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    ask_with(&exchange, CPF, "Prefer", "respond-async");
    reject("queue_full");
    assert_int_equal(exchange.status, 503);
    ask_with(&exchange, "cpf=1", "Prefer", "respond-async");
    assert_int_equal(exchange.status, 400);
    ask_with(&exchange, CPF "&priority=x", "Prefer", "respond-async");
    assert_int_equal(exchange.status, 400);
    store("sluice", 55 * SECOND, 600 * SECOND);
    ask_with(&exchange, CPF, "Prefer", "respond-async");
    assert_int_equal(exchange.status, 200);
    check_lacks(exchange.fields, "Sluice-Job");
    check_lacks(exchange.fields, "Preference-Applied");
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 0);
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);
}

static void test_hanging_up_before_the_202_cancels(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    ask_with(&exchange, CPF, "Prefer", "respond-async");
    proxy_gone(stage.proxy, &exchange);
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_GONE);
    assert_int_equal(sent[1].type, MESSAGE_TYPE_cancel);
    accept_it(1, SECOND); /* was on its way */
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 0);
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);
}

static void test_a_scheduler_that_says_nothing(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    proxy_down(stage.proxy, &stage.moment);
    ask_with(&exchange, CPF, "Prefer", "respond-async");
    go_on(SECOND - 1);
    assert_int_equal(exchange.status, 0);
    go_on(1);
    assert_int_equal(exchange.status, 202);
    check_has(exchange.fields, "Sluice-Job: waiting\r\n");
    check_has(exchange.body, "\"position\":null,\"eta_ms\":null,\"deadline_ms\":59000,");
    note_path(&exchange);
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 202);
    check_has(exchange.fields, "Sluice-Job: waiting\r\n");
    check_lacks(exchange.fields, "Location");
    check_lacks(exchange.fields, "Preference-Applied");

    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    assert_int_equal(sent[0].type, MESSAGE_TYPE_submit);
    bring(200, "none", "upstream");
    check_status(path, 200);
}

/* RFC 7240, section 4.3: the answer if it comes within that time, else the 202. */
static void test_a_202_only_after_some_time(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    ask_with(&exchange, CPF, "Prefer", "respond-async, wait=5");
    assert_int_equal(sent[0].submit.remain_us, TIMEOUT);
    accept_it(3, 2 * SECOND);
    assert_int_equal(exchange.status, 0);
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + 5 * SECOND);
    go_on(5 * SECOND - 1);
    bring(200, "none", "upstream");
    assert_int_equal(exchange.status, 200);
    check_lacks(exchange.fields, "Preference-Applied");
    check_lacks(exchange.fields, "Sluice-Job");
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);

    forget_sent();
    ask_with(&exchange, CPF, "Prefer", "respond-async, wait=5");
    go_on(5 * SECOND);
    assert_int_equal(exchange.status, 0);
    assert_int_equal(sent[1].type, MESSAGE_TYPE_query);
    assert_int_equal(sent[1].query.submitted, sent[0].submit.id);
    answer_query(&sent[1], 1, 2, 9 * SECOND);
    assert_int_equal(exchange.status, 202);
    check_has(exchange.fields, "Preference-Applied: respond-async, wait=5\r\n");
    check_has(exchange.body, "\"position\":2,\"eta_ms\":9000,\"deadline_ms\":55000,");
    bring(200, "none", "upstream");
}

static void test_between_the_question_and_the_202(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    ask_with(&exchange, CPF, "Prefer", "respond-async, wait=5");
    go_on(5 * SECOND);
    bring(200, "none", "upstream"); /* faster than the scheduler's word of where it stands */
    assert_int_equal(exchange.status, 200);
    answer_query(&sent[1], 0, 0, 0);

    forget_sent();
    ask_with(&exchange, CPF, "Prefer", "respond-async, wait=5");
    go_on(5 * SECOND);
    proxy_gone(stage.proxy, &exchange);
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_GONE);
    answer_query(&sent[1], 1, 1, 1);

    forget_sent();
    ask_with(&exchange, CPF, "Prefer", "respond-async, wait=5");
    go_on(5 * SECOND);
    go_on(SECOND); /* no word */
    assert_int_equal(exchange.status, 202);
    check_has(exchange.fields, "Sluice-Job: waiting\r\n");
    bring(200, "none", "upstream");
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 1);
}

static void test_times_that_are_longer_than_the_deadline(void **state)
{
    struct http_request request = {.method = HTTP_GET, .query = text_of(CPF), .field_count = 2};
    struct httpd_exchange exchange = {.mine = NULL};

    (void)state;
    request.fields[0] = (struct http_field){text_of("Prefer"), text_of("respond-async")};
    request.fields[1] = (struct http_field){text_of("Request-Timeout"), text_of("0.5")};
    proxy_request(stage.proxy, &exchange, &request, &lanes[0], &stage.moment);
    accept_it(1, SECOND / 10); /* and that in good time */
    assert_int_equal(exchange.status, 202);
    go_on(SECOND / 2 + PROXY_OVERDUE_US);
    note_path(&exchange);
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 504);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 1);

    forget_sent();
    ask_with(&exchange, CPF, "Prefer", "respond-async, wait=999");
    go_on(TIMEOUT + PROXY_OVERDUE_US);
    assert_int_equal(exchange.status, 504);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 1);
}

static void test_refusals_and_fallbacks_are_results(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    open_job(&exchange, "respond-async");
    reject("breaker_open");
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 503);
    check_has(exchange.fields, "Sluice-Job: done\r\n");
    check_has(exchange.fields, "Retry-After: 1\r\n");
    check_has(exchange.body, "\"reason\":\"breaker_open\"");

    forget_sent();
    open_job(&exchange, "respond-async");
    go_on(TIMEOUT + PROXY_OVERDUE_US);
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 504);
    check_has(exchange.fields, "Sluice-Job: done\r\n");

    forget_sent();
    open_job(&exchange, "respond-async");
    store("sluice", -10 * SECOND, 600 * SECOND);
    reject("queue_full");
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 200);
    assert_string_equal(exchange.body, "{\"score\":308}");
    check_has(exchange.fields, "Sluice-Job: done\r\nX-Proxy-Fallback: cache\r\n");

    forget_sent();
    open_job(&exchange, "respond-async");
    bring(404, "none", "upstream"); /* the provider's own, and not that there is no job */
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 404);
    check_has(exchange.fields, "Sluice-Job: done\r\n");
}

static void test_cancelling(void **state)
{
    struct httpd_exchange exchange, waits, asks;

    (void)state;
    open_job(&exchange, "respond-async");
    get(&waits, "wait=20");
    get(&asks, NULL);
    call(&exchange, HTTP_DELETE, path, NULL);
    assert_int_equal(exchange.status, 204);
    assert_string_equal(exchange.body, "");
    assert_int_equal(sent[2].type, MESSAGE_TYPE_cancel);
    assert_int_equal(sent[2].cancel.id, sent[0].submit.id);
    assert_int_equal(sent[2].cancel.gateway, 0);
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_GONE);
    assert_int_equal(stage.last.reason, REASON_CANCELLED);
    assert_int_equal(waits.status, 410);
    assert_int_equal(asks.status, 410);
    check_has(waits.fields, "Sluice-Job: cancelled\r\n");
    check_has(waits.body, "\"reason\":\"cancelled\"");
    check_status(path, 404);
    assert_int_equal(call(&exchange, HTTP_DELETE, path, NULL)->status, 404);
    bring(200, "none", "upstream"); /* was on its way */
    check_status(path, 404);
    assert_int_equal(proxy_due_us(stage.proxy), INT64_MAX);

    forget_sent();
    open_job(&exchange, "respond-async");
    bring(200, "none", "upstream");
    assert_int_equal(call(&exchange, HTTP_DELETE, path, NULL)->status, 204);
    assert_int_equal(sent_count, 1);
    check_status(path, 404);
}

/* With no room for a job its client waits: it loses nothing. */
static void test_bounds(void **state)
{
    struct httpd_exchange exchange;
    char first[128], second[128];

    (void)state;
    open_job(&exchange, "respond-async");
    bring(200, "none", "upstream");
    snprintf(first, sizeof(first), "%s", path);
    forget_sent();
    open_job(&exchange, "respond-async");
    snprintf(second, sizeof(second), "%s", path);
    check_status(first, 200);

    forget_sent();
    open_job(&exchange, "respond-async"); /* the third makes the kept one go */
    check_status(first, 404);

    forget_sent();
    ask_with(&exchange, CPF, "Prefer", "respond-async");
    accept_it(3, 2 * SECOND);
    go_on(SECOND);
    assert_int_equal(exchange.status, 0);
    bring(200, "none", "upstream");
    assert_int_equal(exchange.status, 200);
    check_lacks(exchange.fields, "Preference-Applied");
    proxy_gauge(stage.proxy);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS_DECLINED], 1);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS_EVICTED], 1);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS_PENDING], 2);
    check_totals();
}

static void test_a_scheduler_that_goes_and_comes(void **state)
{
    struct httpd_exchange exchange, asks, waits;

    (void)state;
    open_job(&exchange, "respond-async");
    get(&asks, NULL);
    get(&waits, "wait=20");
    proxy_down(stage.proxy, &stage.moment);
    assert_int_equal(asks.status, 202);
    check_has(asks.fields, "Sluice-Job: waiting\r\n");
    assert_int_equal(waits.status, 0);
    forget_sent();
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    assert_int_equal(sent[0].type, MESSAGE_TYPE_submit);
    assert_int_equal(sent[0].submit.again, 1);
    accept_it(1, SECOND);
    assert_int_equal(stage.metrics.values[METRIC_GATEWAY_JOBS], 1);
    bring(200, "none", "upstream");
    assert_int_equal(waits.status, 200);
}

static void test_the_gateway_ends(void **state)
{
    struct httpd_exchange exchange, waits, other;

    (void)state;
    open_job(&exchange, "respond-async");
    get(&waits, "wait=20");
    call(&other, HTTP_GET, "/jobs/0000000000000009-00112233445566778899aabbccddeeff", NULL);
    proxy_drain(stage.proxy);
    assert_true(proxy_busy(stage.proxy));
    ask_with(&exchange, CPF, "Prefer", "respond-async");
    go_on(SECOND);
    assert_int_equal(exchange.status, 0); /* no more jobs */
    proxy_refuse_all(stage.proxy, REASON_DRAINING, &stage.moment);
    assert_false(proxy_busy(stage.proxy));
    assert_int_equal(exchange.status, 503);
    assert_int_equal(waits.status, 503);
    assert_int_equal(other.status, 503);
    check_has(waits.fields, "Sluice-Job: done\r\n");
    check_lacks(other.fields, "Sluice-Job");
    get(&exchange, NULL);
    check_has(exchange.body, "\"reason\":\"draining\"");
}

static void test_ids_have_nothing_in_common(void **state)
{
    struct httpd_exchange exchange;
    char first[128];

    (void)state;
    open_job(&exchange, "respond-async");
    snprintf(first, sizeof(first), "%s", path);
    forget_sent();
    open_job(&exchange, "respond-async");
    assert_int_equal(strlen(path), strlen(JOB_PATH) + JOB_ID_BYTES);
    assert_memory_equal(first, path, strlen(JOB_PATH) + 17);
    for (unsigned i = 0; i + 8 <= 32; i++)
        assert_memory_not_equal(first + strlen(JOB_PATH) + 17 + i, path + strlen(JOB_PATH) + 17 + i, 8);
    assert_int_equal(call(&exchange, HTTP_POST, path, NULL)->status, 405);
    check_has(exchange.fields, "Allow: GET, HEAD, DELETE\r\n");
    assert_int_equal(get(&exchange, "wait=x")->status, 400);
    assert_int_equal(call(&exchange, HTTP_GET, "/jobs/1", NULL)->status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_the_202_to_the_result, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_decided_at_once_is_no_job, start, stop),
        cmocka_unit_test_setup_teardown(test_hanging_up_before_the_202_cancels, start, stop),
        cmocka_unit_test_setup_teardown(test_a_scheduler_that_says_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_a_202_only_after_some_time, start, stop),
        cmocka_unit_test_setup_teardown(test_between_the_question_and_the_202, start, stop),
        cmocka_unit_test_setup_teardown(test_times_that_are_longer_than_the_deadline, start, stop),
        cmocka_unit_test_setup_teardown(test_refusals_and_fallbacks_are_results, start, stop),
        cmocka_unit_test_setup_teardown(test_cancelling, start, stop),
        cmocka_unit_test_setup_teardown(test_bounds, start, stop),
        cmocka_unit_test_setup_teardown(test_a_scheduler_that_goes_and_comes, start, stop),
        cmocka_unit_test_setup_teardown(test_the_gateway_ends, start, stop),
        cmocka_unit_test_setup_teardown(test_ids_have_nothing_in_common, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
