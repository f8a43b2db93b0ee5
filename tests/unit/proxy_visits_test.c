/* proxy_visits_test.c - who asks about a job and has to wait for word of it: of how it stands, of its end,
 * and by way of another gateway. */
#include "tests/unit/proxy_stage.h"

#define OTHER 9 /* another gateway */

static void test_how_it_stands_is_asked_afresh(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    open_job(&exchange, "respond-async");
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 0);
    assert_true(text_equal(sent[1].query.what, "place"));
    assert_true(sent[1].query.id & PROXY_QUERY);
    answer_query(&sent[1], 1, 1, SECOND + 1);
    assert_int_equal(exchange.status, 202);
    check_has(exchange.fields, "Retry-After: 2\r\n");
    check_has(exchange.body, "\"state\":\"queued\",\"position\":1,\"eta_ms\":1001,");
    answer_query(&sent[1], 1, 1, SECOND); /* twice: finds nobody */

    get(&exchange, NULL);
    answer_query(&sent[2], 1, 0, 5000);
    check_has(exchange.body, "\"state\":\"in_flight\",\"position\":null,\"eta_ms\":5,");
    get(&exchange, NULL);
    answer_query(&sent[3], 0, 0, 0);
    check_has(exchange.body, "\"state\":\"waiting\",\"position\":null,\"eta_ms\":null,");
    get(&exchange, NULL);
    go_on(SECOND);
    check_has(exchange.body, "\"state\":\"waiting\"");
    send_rc = -EAGAIN;
    get(&exchange, NULL);
    check_has(exchange.body, "\"state\":\"waiting\"");
    send_rc = 0;
    get(&exchange, NULL);
    assert_int_equal(exchange.status, 0);
    bring(200, "none", "upstream"); /* meanwhile */
    assert_int_equal(exchange.status, 200);
    answer_query(&sent[5], 1, 1, 1);
}

static void test_its_end_is_awaited(void **state)
{
    struct httpd_exchange first, second, third, fourth;

    (void)state;
    open_job(&first, "respond-async");
    get(&first, "wait=20");
    get(&second, "wait=0.5");
    get(&third, "wait=999");
    assert_int_equal(get(&fourth, "wait=1")->status, 503); /* polls_max */
    check_lacks(fourth.fields, "Sluice-Job");
    assert_int_equal(sent_count, 1);
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + SECOND / 2);
    go_on(SECOND / 2);
    assert_int_equal(sent_count, 2); /* only now: fresh, and nothing is asked for those who stay */
    answer_query(&sent[1], 1, 4, 7 * SECOND);
    assert_int_equal(second.status, 202);
    check_has(second.body, "\"position\":4,");

    get(&second, "wait=30");
    proxy_gone(stage.proxy, &second); /* is forgotten, and cancels nothing */
    assert_int_equal(stage.decisions, 0);
    bring(200, "none", "upstream");
    assert_int_equal(first.status, 200);
    assert_int_equal(third.status, 200);
    assert_int_equal(second.status, 0);
    check_has(third.fields, "Sluice-Job: done\r\n");
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + 300 * SECOND);
    get(&first, "wait=20"); /* it is there */
    assert_int_equal(first.status, 200);
}

/* Jobs of another gateway */

#define THEIRS "/jobs/0000000000000009-00112233445566778899aabbccddeeff"

/* What the other gateway gives. */
static void give(const struct message *query, const char *bytes, size_t count)
{
    struct message message = {.type = MESSAGE_TYPE_answer, .answer = {.id = query->query.id, .found = 1}};
    struct bus_body *body = bus_body_new((struct text){bytes, count});

    proxy_message(stage.proxy, &message, body, &stage.moment);
    bus_body_free(body);
}

static void test_another_gateway_is_asked(void **state)
{
    struct httpd_exchange exchange;
    struct httpd_reply reply = {.status = 404, .fields = text_of("A: b\r\n"), .body = text_of("theirs")};
    struct bus_body *record = reply_record(&reply, JOB_DONE);

    (void)state;
    call(&exchange, HTTP_GET, THEIRS, "wait=20");
    assert_true(text_equal(sent[0].query.what, "job"));
    assert_int_equal(sent[0].query.gateway, OTHER);
    assert_int_equal(sent[0].query.job.bytes, JOBS_SECRET_BYTES);
    assert_int_equal(sent[0].query.wait_us, 20 * SECOND);
    assert_int_equal(sent[0].query.cancels, 0);
    assert_int_equal(proxy_due_us(stage.proxy), stage.moment.now_us + 25 * SECOND);
    give(&sent[0], bus_body_text(record).at, bus_body_text(record).bytes);
    assert_int_equal(exchange.status, 404);
    assert_string_equal(exchange.fields, "Sluice-Job: done\r\nA: b\r\n");
    assert_string_equal(exchange.body, "theirs");
    bus_body_free(record);

    call(&exchange, HTTP_DELETE, THEIRS, NULL);
    assert_int_equal(sent[1].query.cancels, 1);
    give(&sent[1], "rubbish", 7);
    assert_int_equal(exchange.status, 500);

    call(&exchange, HTTP_GET, THEIRS, NULL);
    go_on(5 * SECOND - 1);
    assert_int_equal(exchange.status, 0);
    go_on(1);
    assert_int_equal(exchange.status, 504);
    give(&sent[2], "late", 4);

    call(&exchange, HTTP_GET, THEIRS, "wait=20");
    proxy_gone(stage.proxy, &exchange);
    assert_int_equal(sent[4].type, MESSAGE_TYPE_cancel);
    assert_int_equal(sent[4].cancel.id, sent[3].query.id);
    assert_int_equal(sent[4].cancel.gateway, OTHER);
    assert_int_equal(stage.decisions, 0);
}

static void test_a_gateway_that_is_gone(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    go_on(5 * SECOND);
    call(&exchange, HTTP_GET, THEIRS, NULL);
    answer_query(&sent[0], 0, 0, 0);
    assert_int_equal(exchange.status, 410);
    check_lacks(exchange.fields, "Sluice-Job");

    call(&exchange, HTTP_GET, THEIRS, NULL);
    proxy_down(stage.proxy, &stage.moment);
    assert_int_equal(exchange.status, 503);
    call(&exchange, HTTP_GET, THEIRS, NULL);
    assert_int_equal(exchange.status, 503);
    check_has(exchange.body, "\"reason\":\"scheduler_gone\"");

    forget_sent();
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    call(&exchange, HTTP_GET, THEIRS, NULL); /* a new scheduler, which the other one may not have found yet */
    answer_query(&sent[0], 0, 0, 0);
    assert_int_equal(exchange.status, 503);
    send_rc = -EAGAIN;
    call(&exchange, HTTP_GET, THEIRS, NULL);
    assert_int_equal(exchange.status, 503);
}

/* The other side: what another gateway asks. */
static void be_asked(uint64_t id, bool cancels, int64_t wait_us)
{
    struct http_request request = {.method = HTTP_GET, .path = text_of(path)};
    struct message message = {
        .type = MESSAGE_TYPE_query,
        .query = {
            .id = id, .what = text_of("job"), .gateway = OTHER, .cancels = cancels, .wait_us = wait_us}};
    struct job_call read;

    assert_int_equal(job_call_read(&request, &read), 0);
    message.query.job = (struct text){.at = (const char *)read.name.secret, .bytes = JOBS_SECRET_BYTES};
    proxy_message(stage.proxy, &message, NULL, &stage.moment);
}

/* The latest message is an answer to that query; its record's status. */
static int told(uint64_t id, struct job_record *record)
{
    const struct message *last = &sent[sent_count - 1];

    assert_int_equal(last->type, MESSAGE_TYPE_answer);
    assert_int_equal(last->answer.id, id);
    assert_int_equal(last->answer.gateway, OTHER);
    assert_int_equal(last->answer.found, 1);
    assert_int_equal(job_record_read(bus_body_text(sent_bodies[sent_count - 1]), record), 0);
    return record->status;
}

static void test_another_gateway_asks(void **state)
{
    struct httpd_exchange exchange;
    struct job_record record;

    (void)state;
    open_job(&exchange, "respond-async");
    be_asked(71, false, 0);
    answer_query(&sent[1], 1, 2, SECOND);
    assert_int_equal(told(71, &record), 202);
    be_asked(72, false, 20 * SECOND);
    be_asked(73, false, 20 * SECOND);
    proxy_message(stage.proxy,
                  &(struct message){.type = MESSAGE_TYPE_cancel, .cancel = {.id = 73, .gateway = OTHER}},
                  NULL, &stage.moment);
    proxy_message(stage.proxy,
                  &(struct message){.type = MESSAGE_TYPE_cancel, .cancel = {.id = 72, .gateway = OTHER + 1}},
                  NULL, &stage.moment);
    assert_int_equal(sent_count, 3);
    bring(200, "none", "upstream");
    assert_int_equal(sent_count, 4); /* 73 has left */
    assert_int_equal(told(72, &record), 200);
    assert_true(text_equal(record.body, "new"));
    be_asked(74, false, INT64_MAX);
    assert_int_equal(told(74, &record), 200);
    be_asked(75, true, 0);
    assert_int_equal(told(75, &record), 204);
    be_asked(76, true, 0);
    assert_int_equal(told(76, &record), 404);
}

static void test_another_gateway_that_is_not_told(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    open_job(&exchange, "respond-async");
    be_asked(71, false, 20 * SECOND);
    proxy_down(stage.proxy, &stage.moment); /* its gateway has told its client, and asks no more */
    forget_sent();
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    bring(200, "none", "upstream");
    assert_int_equal(sent_count, 1);
    proxy_message(stage.proxy, &(struct message){.type = MESSAGE_TYPE_query, .query = {.what = text_of("x")}},
                  NULL, &stage.moment);
    assert_int_equal(sent_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_how_it_stands_is_asked_afresh, start, stop),
        cmocka_unit_test_setup_teardown(test_its_end_is_awaited, start, stop),
        cmocka_unit_test_setup_teardown(test_another_gateway_is_asked, start, stop),
        cmocka_unit_test_setup_teardown(test_a_gateway_that_is_gone, start, stop),
        cmocka_unit_test_setup_teardown(test_another_gateway_asks, start, stop),
        cmocka_unit_test_setup_teardown(test_another_gateway_that_is_not_told, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
