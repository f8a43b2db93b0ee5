/* transfer_test.c - a transfer's life, and that of its connection. */
#include "tests/support/transfer_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"

static void a_request_is_answered(void **state)
{
    static const struct step steps[] = {
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", KEEP, 0}};
    int64_t before_us = clock_now_us();

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    assert_int_equal(stage.status, 200);
    assert_string_equal(stage.body, "{}");
    assert_string_equal(stage.fields, "Content-Type: application/json\r\nVia: 1.1 sluice\r\n");
    assert_int_equal(stage.sents, 1);
    assert_int_equal(stage.result.connects, 1);
    assert_true(before_us <= stage.result.sent_at_us);
    assert_int_equal(stage.sent_at_us, stage.result.sent_at_us);
    assert_true(stage.result.sent_at_us < stage.result.first_at_us);
    assert_true(stage.result.first_at_us <= stage.result.ended_at_us);
    assert_true(stage.result.ended_at_us <= clock_now_us());
}

static void the_request_is_ours_and_nothing_else(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}};
    char expected[512];

    (void)state;
    stage.provider.steps = steps;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    stage_pool_of(5000000);
    stage_run();
    unsetenv("http_proxy");
    snprintf(expected, sizeof(expected),
             "GET /api/score?cpf=52998224725 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: sluice/test\r\n"
             "Via: 1.1 sluice\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nclient-id: "
             "client-1\r\nX-Request-Id: 6f1c.7\r\n"
             "traceparent: 00-ab-cd-01\r\n\r\n",
             stage.provider.port);
    assert_string_equal(stage.provider.request, expected);
}

static void a_connection_is_kept_and_used_at_once(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}, {OK_HEAD "[]", KEEP, 0}};
    struct transfer *transfer;

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    stage_run();
    transfer = stage_prepare("/");
    assert_false(transfer_is_sent(transfer));
    assert_int_equal(transfer_start(transfer), 0);
    assert_true(transfer_is_sent(transfer)); /* without a turn of the loop */
    assert_int_equal(stage.sents, 2);
    while (stage.ends < 2)
        event_base_loop(stage.base, EVLOOP_ONCE);
    transfer_free(transfer);
    assert_string_equal(stage.body, "[]");
    assert_int_equal(stage.result.connects, 0);
    assert_int_equal(stage.provider.connections, 1);
}

/* How the provider may end a kept connection in the moment of its use: what it has read of the second request
 * it may have processed, so there must be no third. */
static void a_silent_resend_is_prevented(void **state)
{
    static const struct step ways[] = {{NULL, CLOSE, 0}, {NULL, RESET, 0}, {"HTTP/1.", CLOSE, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}, ways[i], {OK_HEAD "[]", KEEP, 0}};

        stage.provider.steps = steps;
        stage.provider.asked = stage.provider.connections = stage.asked_to_send = stage.sents = 0;
        stage_pool_of(5000000);
        stage_run();
        assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
        stage_run();
        assert_int_equal(stage.result.end, UPSTREAM_RESEND);
        assert_int_equal(stage.sents, 2);
        assert_int_equal(stage.provider.asked, 2);
        assert_int_equal(stage.result.sent_at_us, stage.sent_at_us);
        stage_run(); /* and the next one goes through, on a connection of its own */
        assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
        assert_int_equal(stage.provider.asked, 3);
    }
}

/* What lies on a kept connection before it is used again is no answer to what is asked then. */
static void what_comes_behind_an_answer_is_not_the_next_one(void **state)
{
    static const char *const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    static const char *const answers[] = {OK_HEAD "{}", CHUNKED "2\r\n{}\r\n0\r\n\r\n",
                                          "HTTP/1.1 204 No Content\r\n\r\n"};
    char both[512];

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(answers) / sizeof(answers[0]); i++) {
        bool at_once = i % 2 == 0;
        const struct step steps[] = {{both, KEEP, 0}, {OK_HEAD "[]", KEEP, 0}};

        snprintf(both, sizeof(both), "%s%s", answers[i / 2], at_once ? evil : "");
        stage.provider.steps = steps;
        stage.provider.asked = 0;
        stage_pool_of(5000000);
        stage_run();
        assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
        assert_string_equal(stage.body, i / 2 == 2 ? "" : "{}");
        if (!at_once)
            stage_peer_send(evil);
        stage_run();
        assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
        assert_string_equal(stage.body, "[]");
        assert_int_equal(stage.provider.asked, 2);
    }
}

static void a_provider_that_speaks_first_is_not_asked(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}};
    struct transfer *transfer;
    unsigned ends = stage.ends;

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    transfer = stage_prepare("/");
    assert_int_equal(transfer_start(transfer), 0);
    stage_peer_accept();
    stage_peer_send(OK_HEAD "{}");
    while (stage.ends == ends)
        event_base_loop(stage.base, EVLOOP_ONCE);
    transfer_free(transfer);
    assert_int_equal(stage.result.end, UPSTREAM_UNASKED);
    assert_int_equal(stage.result.sent_at_us, 0);
    assert_int_equal(stage.sents, 0);
    assert_int_equal(stage.provider.asked, 0);
}

static void a_connection_found_closed_before_its_use_is_replaced(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}, {OK_HEAD "[]", KEEP, 0}};
    static const enum then ways[] = {CLOSE, RESET};

    (void)state;
    stage.provider.steps = steps;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        stage.provider.asked = stage.provider.connections = 0;
        stage_pool_of(5000000);
        stage_run();
        stage_peer_end(ways[i]);
        stage_run();
        assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
        assert_int_equal(stage.result.connects, 1);
        assert_int_equal(stage.provider.asked, 2);
        assert_int_equal(stage.provider.connections, 2);
    }
}

static void a_proxy_is_used_where_one_is_configured(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}};
    struct transfers_config config = stage_config();
    char proxy[64];

    (void)state;
    stage.provider.steps = steps;
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", stage.provider.port);
    config.proxy = proxy;
    stage_pool(&config);
    setenv("no_proxy", "*", 1);
    stage_finish(stage_prepare_url("http://provider.invalid/api?x=1", false));
    unsetenv("no_proxy");
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    assert_int_equal(strncmp(stage.provider.request, "GET http://provider.invalid/api?x=1 HTTP/1.1\r\n", 46),
                     0);
}

static void what_may_not_be_sent_is_not(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}};

    (void)state;
    stage.provider.steps = steps;
    stage.may_send = false;
    stage_pool_of(5000000);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_NOT_SENT);
    assert_int_equal(stage.result.sent_at_us, 0);
    assert_int_equal(stage.asked_to_send, 1);
    assert_int_equal(stage.sents, 0);
    stage.may_send = true; /* the next one is not touched by it */
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    assert_int_equal(stage.provider.asked, 1);
}

static void a_freed_transfer_says_nothing_more(void **state)
{
    static const struct step steps[] = {{NULL, KEEP, 0}, {OK_HEAD "{}", KEEP, 0}};
    struct transfer *transfer;

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    transfer_free(stage_prepare("/never-started"));
    transfer = stage_prepare("/given-up");
    assert_int_equal(transfer_start(transfer), 0);
    while (stage.provider.asked == 0)
        event_base_loop(stage.base, EVLOOP_ONCE);
    transfer_free(transfer);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    assert_int_equal(stage.ends, 1);
}

static const struct transfer_handlers no_handlers = {.may_send = NULL};

static void values_that_could_forge_a_field_are_refused(void **state)
{
    struct transfer_request request = {
        .url = "http://h/", .client_id = text_of("a\r\nX-Evil: 1"), .request_id = text_of("1.1")};

    (void)state;
    stage_pool_of(5000000);
    assert_null(transfer_new(stage.transfers, &request, &no_handlers, NULL));
    request.client_id = text_of("a");
    request.traceparent = text_of("00 01");
    assert_null(transfer_new(stage.transfers, &request, &no_handlers, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_answered, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(the_request_is_ours_and_nothing_else, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(a_connection_is_kept_and_used_at_once, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(a_silent_resend_is_prevented, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(what_comes_behind_an_answer_is_not_the_next_one, stage_set_up,
                                        stage_tear_down),
        cmocka_unit_test_setup_teardown(a_provider_that_speaks_first_is_not_asked, stage_set_up,
                                        stage_tear_down),
        cmocka_unit_test_setup_teardown(a_connection_found_closed_before_its_use_is_replaced, stage_set_up,
                                        stage_tear_down),
        cmocka_unit_test_setup_teardown(a_proxy_is_used_where_one_is_configured, stage_set_up,
                                        stage_tear_down),
        cmocka_unit_test_setup_teardown(what_may_not_be_sent_is_not, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(a_freed_transfer_says_nothing_more, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(values_that_could_forge_a_field_are_refused, stage_set_up,
                                        stage_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
