/* proxy_test.c - a request's way through the gateway with a real cache file; httpd and the link are played
 * here: what is answered and what is sent is written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/proxy.h"

#define SECOND    1000000LL
#define TIMEOUT   (60 * SECOND)
#define CPF       "cpf=52998224725"
#define TYPE      "Content-Type: application/json\r\n"
#define PEER      77
#define MAP_BYTES (1 << 20) /* of an LMDB file for which nobody has said more */

/* The played parts: they stand in for httpd's and the bus's own. */

struct httpd_exchange {
    void *mine;
    int status; /* 0: not answered yet */
    char fields[2048], body[1024];
};

static struct message sent[8];
static unsigned sent_count;
static int send_rc;

void httpd_reply(struct httpd_exchange *exchange, const struct httpd_reply *reply)
{
    assert_int_equal(exchange->status, 0);
    exchange->status = reply->status;
    snprintf(exchange->fields, sizeof(exchange->fields), "%.*s", TEXT_ARGS(reply->fields));
    snprintf(exchange->body, sizeof(exchange->body), "%.*s", TEXT_ARGS(reply->body));
}

void httpd_exchange_set(struct httpd_exchange *exchange, void *mine)
{
    exchange->mine = mine;
}

void *httpd_exchange_get(const struct httpd_exchange *exchange)
{
    return exchange->mine;
}

int bus_send(struct bus_socket *socket, uint64_t peer, struct message *message, struct bus_body *body)
{
    assert_null(socket);
    assert_int_equal(peer, PEER);
    assert_int_equal(message->type == MESSAGE_TYPE_submit, body != NULL);
    if (send_rc == 0)
        sent[sent_count++] = *message;
    return send_rc;
}

/* The stage */

static struct {
    char folder[32];
    struct proxy_config config;
    struct metrics metrics;
    struct proxy *proxy;
    struct moment moment;
    struct decision last;
    unsigned decisions;
} stage;

static void on_decided(void *arg, const struct decision *decision)
{
    assert_ptr_equal(arg, &stage);
    decision_count(&stage.metrics, decision, 0);
    stage.last = *decision;
    stage.decisions++;
}

static int start(void **state)
{
    (void)state;
    memset(&stage, 0, sizeof(stage));
    snprintf(stage.folder, sizeof(stage.folder), "/tmp/proxy_test.XXXXXX");
    assert_non_null(mkdtemp(stage.folder));
    sent_count = 0;
    send_rc = 0;
    stage.moment = (struct moment){.now_us = 1000 * SECOND, .wall_us = 5000 * SECOND};
    stage.config = (struct proxy_config){.epoch = 5,
                                         .client_id = "sluice",
                                         .timeout_us = TIMEOUT,
                                         .waiters_max = 4,
                                         .metrics = &stage.metrics,
                                         .desk = {.decided = on_decided, .arg = &stage}};
    memset(stage.config.secret, 's', sizeof(stage.config.secret));
    stage.config.desk.cache = cache_open(stage.folder);
    stage.proxy = proxy_new(&stage.config);
    assert_non_null(stage.proxy);
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    return 0;
}

static int stop(void **state)
{
    char path[64];

    (void)state;
    proxy_free(stage.proxy);
    cache_close(stage.config.desk.cache);
    snprintf(path, sizeof(path), "%s/" CACHE_FILE, stage.folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/" CACHE_FILE "-lock", stage.folder);
    unlink(path);
    return rmdir(stage.folder);
}

/* As the fetcher does it: an answer for that client's question, fresh and then good as a fallback for so long
 * from now on. */
static void store(const char *client, int64_t fresh_us, int64_t stale_us)
{
    int64_t wall_us = stage.moment.wall_us;
    struct answer answer = {.status = 200,
                            .fields = text_of(TYPE),
                            .body = text_of("{\"score\":308}"),
                            .stored_wall_us = wall_us - 5 * SECOND,
                            .fresh_wall_us = wall_us + fresh_us,
                            .stale_wall_us = wall_us + stale_us};
    struct cache_key key;
    MDB_val name = {.mv_size = sizeof(key.bytes), .mv_data = key.bytes}, value;
    char record[512], path[64];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    cache_key_make(stage.config.secret, "score", text_of("GET"), text_of(CPF), text_of(client), &key);
    answer_write(&answer, record);
    value = (MDB_val){.mv_size = answer_bytes(&answer), .mv_data = record};
    snprintf(path, sizeof(path), "%s/" CACHE_FILE, stage.folder);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, CACHE_DATABASES_MAX), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, CACHE_DATABASE, MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &name, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(truncate(path, MAP_BYTES), 0);
    cache_tick(stage.config.desk.cache);
}

/* With one field; NULL: with none. */
static struct httpd_exchange ask_with(struct httpd_exchange *exchange, const char *query, const char *name,
                                      const char *value)
{
    struct http_request request = {
        .method = HTTP_GET, .path = text_of("/proxy/score"), .query = text_of(query)};

    if (name)
        request.fields[request.field_count++] =
            (struct http_field){.name = text_of(name), .value = text_of(value)};
    *exchange = (struct httpd_exchange){.mine = NULL};
    proxy_request(stage.proxy, exchange, &request, &lanes[0], &stage.moment);
    return *exchange;
}

static struct httpd_exchange ask(struct httpd_exchange *exchange, const char *query)
{
    return ask_with(exchange, query, NULL, NULL);
}

static void reject(const char *reason)
{
    struct message message = {.type = MESSAGE_TYPE_rejected};

    message.rejected.id = sent[0].submit.id;
    message.rejected.reason = text_of(reason);
    proxy_message(stage.proxy, &message, NULL, &stage.moment);
}

static void bring(unsigned status, const char *reason, const char *source)
{
    struct answer answer = {.status = status,
                            .fields = text_of(TYPE),
                            .body = text_of("new"),
                            .stored_wall_us = stage.moment.wall_us,
                            .fresh_wall_us = stage.moment.wall_us + 60 * SECOND};
    struct message message = {.type = MESSAGE_TYPE_result};
    struct bus_body *body;
    char record[512];

    answer_write(&answer, record);
    body = bus_body_new((struct text){.at = record, .bytes = answer_bytes(&answer)});
    message.result.id = sent[0].submit.id;
    message.result.reason = text_of(reason);
    message.result.source = text_of(source);
    proxy_message(stage.proxy, &message, body, &stage.moment);
    bus_body_free(body);
}

static void check_has(const char *fields, const char *line)
{
    if (!strstr(fields, line))
        fail_msg("no \"%s\" in\n%s", line, fields);
}

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
    assert_int_equal(stage.last.outcome, OUTCOME_HIT);
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
    enum outcome outcome;
} refusals[] = {
    {"queue_full", 0, 0, 503, OUTCOME_REFUSED},
    {"queue_full", -10 * SECOND, 600 * SECOND, 200, OUTCOME_STALE},
    {"breaker_open", -10 * SECOND, 600 * SECOND, 200, OUTCOME_STALE},
    {"deadline_passed", -10 * SECOND, 600 * SECOND, 200, OUTCOME_STALE},
    {"queue_full", -20 * SECOND, -10 * SECOND, 503, OUTCOME_REFUSED},
    {"draining", -10 * SECOND, 600 * SECOND, 503, OUTCOME_REFUSED},
    {"internal", -10 * SECOND, 600 * SECOND, 500, OUTCOME_REFUSED},
    {"queue_full", 10 * SECOND, 600 * SECOND, 200, OUTCOME_HIT}, /* another one has brought it */
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
                     outcome_name(stage.last.outcome));
        if (refusals[i].outcome == OUTCOME_STALE) {
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

    proxy_down(stage.proxy);
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
    assert_int_equal(stage.last.outcome, OUTCOME_MALFORMED);
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
    assert_int_equal(stage.last.outcome, OUTCOME_STALE);
    assert_null(strstr(exchange.fields, "Preference-Applied"));
    store("sluice", 10 * SECOND, 600 * SECOND);
    ask_with(&exchange, CPF, "Request-Timeout", "0");
    assert_int_equal(stage.last.outcome, OUTCOME_HIT);
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
