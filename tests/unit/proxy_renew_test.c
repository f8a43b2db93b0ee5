/* proxy_renew_test.c - what goes out of the cache at once, and on which terms the others ask: Cache-Control
 * of clients, stale answers while the provider fails, and the calls that nobody waits for. */
#include "tests/unit/proxy_stage.h"

#define FRESH (40 * SECOND)
#define OLD   (-10 * SECOND)
#define GOOD  (600 * SECOND)

static struct failure failed_at(int64_t ago_us, int64_t pause_us)
{
    int64_t failed_us = stage.moment.wall_us - ago_us;

    return (struct failure){.failed_wall_us = failed_us,
                            .until_wall_us = failed_us + pause_us,
                            .past_wall_us = failed_us + 2 * pause_us,
                            .count = 1,
                            .reason = REASON_UPSTREAM_TIMEOUT};
}

static int64_t counted(enum metric metric)
{
    return stage.metrics.values[metric];
}

/* What the latest submit carries for the fetcher. */
static struct message_request request_sent(void)
{
    struct message_codec *codec = message_codec_new();
    struct message message;

    assert_true(sent_count > 0);
    assert_int_equal(message_decode(codec, bus_body_text(sent_bodies[sent_count - 1]), &message), 0);
    message_codec_free(codec);
    assert_int_equal(message.type, MESSAGE_TYPE_request);
    return message.request;
}

static const struct {
    const char *wish;
    int status; /* 0: the scheduler is asked */
    const char *line;
    bool anew;
} wishes[] = {
    {"max-age=60", 200, "Cache-Status: sluice; hit; ttl=40\r\n", false},
    {"no-cache", 0, "fwd=request", true},
    {"max-age=1", 0, "fwd=request", true},
    {"only-if-cached", 200, "hit", false},
    {"only-if-cached, no-cache", 504,
     "Proxy-Status: sluice; error=http_request_denied; details=\"not_cached\"", false},
    {"no-store", 200, "hit", false},
};

static void test_wishes(void **state)
{
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        struct httpd_exchange exchange;

        print_message("  %s\n", wishes[i].wish);
        store("sluice", FRESH, GOOD);
        ask_with(&exchange, CPF, "Cache-Control", wishes[i].wish);
        assert_int_equal(exchange.status, wishes[i].status);
        assert_int_equal(sent_count, wishes[i].status == 0);
        if (sent_count > 0) {
            assert_int_equal(request_sent().not_before_us, wishes[i].anew ? stage.moment.wall_us : 0);
            bring(200, "none", "upstream");
        }
        check_has(exchange.fields, wishes[i].line);
        assert_int_equal(counted(METRIC_GATEWAY_REQUESTS), 1);
        stop(state);
        start(state);
    }
}

static void test_an_answer_that_may_not_be_kept_is_fetched_alone(void **state)
{
    struct httpd_exchange shared, exchange;
    char first[MESSAGE_KEY_BYTES];

    (void)state;
    stage.config.wishes.policy = WISH_HONOUR;
    proxy_free(stage.proxy);
    stage.proxy = proxy_new(&stage.config);
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    ask(&shared, CPF);
    assert_int_equal(request_sent().no_store, 0);
    memcpy(first, sent_keys[sent_count - 1], sizeof(first));
    ask_with(&exchange, CPF, "Cache-Control", "no-store");
    assert_int_equal(request_sent().no_store, 1);
    assert_memory_not_equal(first, sent_keys[sent_count - 1], sizeof(first));
    bring_to(1, 200, "none", "upstream");
    assert_int_equal(exchange.status, 200);
    bring_to(0, 200, "none", "upstream");
    assert_int_equal(shared.status, 200);
}

static void test_stale_at_once_within_the_pause(void **state)
{
    struct failure failure = failed_at(SECOND, 5 * SECOND);

    (void)state;
    store_failed("sluice", OLD, GOOD, &failure);
    for (unsigned i = 0; i < 100; i++) {
        struct httpd_exchange exchange;

        ask(&exchange, CPF);
        assert_int_equal(exchange.status, 200);
        check_has(exchange.fields, "X-Proxy-Fallback: cache\r\n");
        check_has(exchange.fields,
                  "Cache-Status: sluice; hit; ttl=-10; detail=upstream_timeout\r\nAge: 5\r\n");
        check_totals();
    }
    assert_int_equal(sent_count, 0);
    assert_int_equal(counted(METRIC_GATEWAY_BACKED_OFF), 100);
    assert_int_equal(counted(METRIC_GATEWAY_STALE), 100);
    assert_int_equal(counted(METRIC_GATEWAY_RENEWALS), 0);
}

static void test_one_call_is_due_after_it_and_nobody_waits(void **state)
{
    struct failure failure = failed_at(6 * SECOND, 5 * SECOND);

    (void)state;
    store_failed("sluice", OLD, GOOD, &failure);
    for (unsigned i = 0; i < 100; i++) {
        struct httpd_exchange exchange;

        ask_with(&exchange, CPF, "Request-Timeout", "2");
        assert_int_equal(exchange.status, 200);
        check_has(exchange.fields, "X-Proxy-Fallback: cache\r\n");
    }
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].type, MESSAGE_TYPE_submit);
    assert_int_equal(sent[0].submit.remain_us, TIMEOUT); /* its own time, not the client's */
    assert_int_equal(counted(METRIC_GATEWAY_RENEWALS), 1);
    assert_int_equal(counted(METRIC_GATEWAY_MISSES), 0);
    assert_int_equal(counted(METRIC_GATEWAY_WAITING), 0);
    assert_int_equal(stage.decisions, 100);
    bring(200, "none", "upstream"); /* into the cache, and to nobody */
    assert_int_equal(stage.decisions, 100);
    assert_false(proxy_busy(stage.proxy));
}

/* Every way in which it may end, and the next one asks again. */
static void test_how_a_renewal_ends(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct failure failure = failed_at(6 * SECOND, 5 * SECOND);
        struct httpd_exchange exchange;

        store_failed("sluice", OLD, GOOD, &failure);
        ask(&exchange, CPF);
        assert_int_equal(sent_count, 1);
        if (way == 0)
            reject("queue_full");
        else if (way == 1)
            bring(500, "upstream_error", "upstream");
        else if (way == 2)
            go_on(TIMEOUT + PROXY_OVERDUE_US);
        else
            proxy_refuse_all(stage.proxy, REASON_DRAINING, &stage.moment);
        assert_false(proxy_busy(stage.proxy));
        assert_int_equal(stage.decisions, 2 * way + 1);
        forget_sent();
        failure = failed_at(6 * SECOND, 5 * SECOND);
        store_failed("sluice", OLD, GOOD, &failure);
        ask(&exchange, CPF);
        assert_int_equal(sent_count, 1);
        bring(200, "none", "upstream");
        forget_sent();
    }
}

static void test_a_drain_takes_renewals_back(void **state)
{
    struct failure failure = failed_at(6 * SECOND, 5 * SECOND);
    struct httpd_exchange exchange;

    (void)state;
    store_failed("sluice", OLD, GOOD, &failure);
    ask(&exchange, CPF);
    proxy_drain(stage.proxy);
    assert_false(proxy_busy(stage.proxy));
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent[1].type, MESSAGE_TYPE_cancel);
    assert_int_equal(sent[1].cancel.id, sent[0].submit.id);
    ask(&exchange, CPF); /* still served, and none is begun */
    assert_int_equal(exchange.status, 200);
    assert_int_equal(sent_count, 2);
}

static void test_a_renewal_survives_the_scheduler(void **state)
{
    struct failure failure = failed_at(6 * SECOND, 5 * SECOND);
    struct httpd_exchange exchange;

    (void)state;
    store_failed("sluice", OLD, GOOD, &failure);
    ask(&exchange, CPF);
    proxy_down(stage.proxy, &stage.moment);
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent[1].submit.again, 1);
    bring(200, "none", "upstream");
    assert_false(proxy_busy(stage.proxy));
}

/* waiters_max is 4: without room the stale answer goes out all the same. */
static void test_without_room_there_is_none(void **state)
{
    struct failure failure = failed_at(6 * SECOND, 5 * SECOND);
    struct httpd_exchange waiting[4], exchange;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        ask(&waiting[i], "cpf=11144477735");
    store_failed("sluice", OLD, GOOD, &failure);
    ask(&exchange, CPF);
    assert_int_equal(exchange.status, 200);
    assert_int_equal(counted(METRIC_GATEWAY_RENEWALS), 0);
    proxy_refuse_all(stage.proxy, REASON_DRAINING, &stage.moment);
}

static void test_a_failure_of_long_ago_says_nothing(void **state)
{
    struct failure failure = failed_at(11 * SECOND, 5 * SECOND);
    struct httpd_exchange exchange;

    (void)state;
    store_failed("sluice", OLD, GOOD, &failure);
    ask(&exchange, CPF);
    assert_int_equal(exchange.status, 0);
    assert_int_equal(counted(METRIC_GATEWAY_WAITING), 1);
    bring(500, "upstream_error", "upstream");
    assert_int_equal(exchange.status, 200);
    check_has(exchange.fields, "detail=upstream_error\r\n");
}

/* It waits for its slot, or hangs, for longer than the failure before it says anything. */
static void test_nobody_waits_for_our_own_attempt(void **state)
{
    struct failure failure = failed_at(6 * SECOND, 5 * SECOND);
    struct httpd_exchange exchanges[2];

    (void)state;
    store_failed("sluice", OLD, GOOD, &failure);
    for (unsigned i = 0; i < 2; i++) {
        ask(&exchanges[i], CPF);
        assert_int_equal(exchanges[i].status, 200);
        check_has(exchanges[i].fields, "X-Proxy-Fallback: cache\r\n");
        stage.moment.now_us += 20 * SECOND;
        stage.moment.wall_us += 20 * SECOND;
    }
    assert_int_equal(counted(METRIC_GATEWAY_RENEWALS), 1);
    bring(500, "upstream_error", "upstream");
}

/* The fetcher has looked first, and another call for it had just failed. */
static void test_a_stale_answer_of_the_fetcher_is_marked(void **state)
{
    struct httpd_exchange exchange;

    (void)state;
    store("sluice", OLD, GOOD);
    ask(&exchange, CPF);
    bring(200, "upstream_broken", "cache");
    assert_int_equal(exchange.status, 200);
    check_has(exchange.fields, "X-Proxy-Fallback: cache\r\nCache-Status: sluice; hit; ttl=-10; "
                               "detail=upstream_broken\r\n");
    assert_int_equal(stage.last.outcome, DECISION_GATEWAY_STALE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wishes, start, stop),
        cmocka_unit_test_setup_teardown(test_an_answer_that_may_not_be_kept_is_fetched_alone, start, stop),
        cmocka_unit_test_setup_teardown(test_stale_at_once_within_the_pause, start, stop),
        cmocka_unit_test_setup_teardown(test_one_call_is_due_after_it_and_nobody_waits, start, stop),
        cmocka_unit_test_setup_teardown(test_how_a_renewal_ends, start, stop),
        cmocka_unit_test_setup_teardown(test_a_drain_takes_renewals_back, start, stop),
        cmocka_unit_test_setup_teardown(test_a_renewal_survives_the_scheduler, start, stop),
        cmocka_unit_test_setup_teardown(test_without_room_there_is_none, start, stop),
        cmocka_unit_test_setup_teardown(test_a_failure_of_long_ago_says_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_nobody_waits_for_our_own_attempt, start, stop),
        cmocka_unit_test_setup_teardown(test_a_stale_answer_of_the_fetcher_is_marked, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
