/* proxy_stage.h - a stage for the tests of the proxy, with a real cache file; httpd and the link are played
 * here: what is answered and what is sent is written down. */
#ifndef TESTS_PROXY_STAGE_H
#define TESTS_PROXY_STAGE_H

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

#include "gateway/job_call.h"
#include "gateway/job_view.h"
#include "gateway/proxy.h"

#define SECOND    1000000LL
#define TIMEOUT   (60 * SECOND)
#define CPF       "cpf=52998224725"
#define TYPE      "Content-Type: application/json\r\n"
#define PEER      77
#define EPOCH     5
#define SENT_MAX  32
#define MAP_BYTES (1 << 20) /* of an LMDB file for which nobody has said more */

/* The played parts: they stand in for httpd's and the bus's own. */

struct httpd_exchange {
    void *mine;
    int status; /* 0: not answered yet */
    char fields[2048], body[1024];
};

/* What was sent. Its texts are not for use, but for the reason; its body is kept. */
static struct message sent[SENT_MAX];
static struct bus_body *sent_bodies[SENT_MAX];
static unsigned sent_count;
static char sent_keys[SENT_MAX][MESSAGE_KEY_BYTES]; /* of the submits */
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
    assert_true(message->type != MESSAGE_TYPE_submit || body);
    if (send_rc == 0) {
        assert_true(sent_count < SENT_MAX);
        sent_bodies[sent_count] = bus_body_keep(body);
        if (message->type == MESSAGE_TYPE_submit)
            memcpy(sent_keys[sent_count], message->submit.key.at, MESSAGE_KEY_BYTES);
        sent[sent_count++] = *message;
    }
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
    unsigned decisions, deferred;
} stage;

static inline void on_decided(void *arg, const struct decision *decision)
{
    assert_ptr_equal(arg, &stage);
    decision_count(&stage.metrics, decision, 0);
    stage.last = *decision;
    stage.decisions++;
    if (decision->errand) {
        decision->errand->waiter = NULL;
        decision->errand->ended(decision->errand, decision, 0);
    }
}

static inline void on_deferred(void *arg, const struct asked *asked, int64_t eta_us)
{
    assert_ptr_equal(arg, &stage);
    assert_null(asked->exchange);
    (void)eta_us;
    stage.deferred++;
}

/* requests = successful + failed + dropped + waiting */
static inline void check_totals(void)
{
    const int64_t *values = stage.metrics.values;

    assert_int_equal(values[METRIC_GATEWAY_REQUESTS],
                     values[METRIC_GATEWAY_SUCCESSFUL] + values[METRIC_GATEWAY_FAILED] +
                         values[METRIC_GATEWAY_DROPPED] + values[METRIC_GATEWAY_WAITING]);
}

static inline int start(void **state)
{
    (void)state;
    memset(&stage, 0, sizeof(stage));
    snprintf(stage.folder, sizeof(stage.folder), "/tmp/proxy_test.XXXXXX");
    assert_non_null(mkdtemp(stage.folder));
    sent_count = 0;
    send_rc = 0;
    stage.moment = (struct moment){.now_us = 1000 * SECOND, .wall_us = 5000 * SECOND};
    stage.config =
        (struct proxy_config){.epoch = EPOCH,
                              .client_id = "sluice",
                              .timeout_us = TIMEOUT,
                              .wishes = {.policy = WISH_CAP, .min_age_us = 5 * SECOND},
                              .waiters_max = 4,
                              .polls_max = 3,
                              .jobs_max = 2,
                              .jobs_bytes_max = 4096,
                              .jobs_keep_us = 300 * SECOND,
                              .metrics = &stage.metrics,
                              .desk = {.decided = on_decided, .deferred = on_deferred, .arg = &stage}};
    memset(stage.config.secret, 's', sizeof(stage.config.secret));
    stage.config.desk.cache = cache_open(stage.folder);
    stage.proxy = proxy_new(&stage.config);
    assert_non_null(stage.proxy);
    proxy_up(stage.proxy, NULL, PEER, &stage.moment);
    return 0;
}

static inline int stop(void **state)
{
    char path[64];

    (void)state;
    check_totals();
    while (sent_count > 0)
        bus_body_free(sent_bodies[--sent_count]);
    proxy_free(stage.proxy);
    cache_close(stage.config.desk.cache);
    snprintf(path, sizeof(path), "%s/" CACHE_FILE, stage.folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/" CACHE_FILE "-lock", stage.folder);
    unlink(path);
    return rmdir(stage.folder);
}

/* As the fetcher does it: an answer for that client's question, fresh and then good as a fallback for so long
 * from now on; and, where that is not NULL, a failure to replace it. */
static inline void store_failed(const char *client, int64_t fresh_us, int64_t stale_us,
                                const struct failure *failure)
{
    int64_t wall_us = stage.moment.wall_us;
    struct answer answer = {.status = 200,
                            .fields = text_of(TYPE),
                            .body = text_of("{\"score\":308}"),
                            .made_wall_us = wall_us - 5 * SECOND,
                            .stored_wall_us = wall_us - 5 * SECOND,
                            .fresh_wall_us = wall_us + fresh_us,
                            .stale_wall_us = wall_us + stale_us};
    struct cache_key key;
    MDB_val name = {.mv_size = sizeof(key.bytes), .mv_data = key.bytes}, value;
    char record[512], path[64], note[FAILURE_BYTES];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi, failures;

    cache_key_make(stage.config.secret, "score", text_of("GET"), text_of(CPF), text_of(client), &key);
    answer_write(&answer, record);
    value = (MDB_val){.mv_size = answer_bytes(&answer), .mv_data = record};
    snprintf(path, sizeof(path), "%s/" CACHE_FILE, stage.folder);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, CACHE_DATABASES_MAX), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, CACHE_DATABASE, MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_dbi_open(txn, CACHE_FAILURES, MDB_CREATE, &failures), 0);
    assert_int_equal(mdb_put(txn, dbi, &name, &value, 0), 0);
    if (failure) {
        failure_write(failure, note);
        value = (MDB_val){.mv_size = sizeof(note), .mv_data = note};
        assert_int_equal(mdb_put(txn, failures, &name, &value, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(truncate(path, MAP_BYTES), 0);
    cache_tick(stage.config.desk.cache);
}

static inline void store(const char *client, int64_t fresh_us, int64_t stale_us)
{
    store_failed(client, fresh_us, stale_us, NULL);
}

/* With one field; NULL: with none. */
static inline struct httpd_exchange ask_with(struct httpd_exchange *exchange, const char *query,
                                             const char *name, const char *value)
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

static inline struct httpd_exchange ask(struct httpd_exchange *exchange, const char *query)
{
    return ask_with(exchange, query, NULL, NULL);
}

/* What the scheduler says to the first request. */
static inline void reject(const char *reason)
{
    struct message message = {.type = MESSAGE_TYPE_rejected};

    message.rejected.id = sent[0].submit.id;
    message.rejected.reason = text_of(reason);
    proxy_message(stage.proxy, &message, NULL, &stage.moment);
}

static inline void bring_to(unsigned submitted, unsigned status, const char *reason, const char *source)
{
    struct answer answer = {.status = status,
                            .fields = text_of(TYPE),
                            .body = text_of("new"),
                            .made_wall_us = stage.moment.wall_us,
                            .stored_wall_us = stage.moment.wall_us,
                            .fresh_wall_us = stage.moment.wall_us + 60 * SECOND};
    struct message message = {.type = MESSAGE_TYPE_result};
    struct bus_body *body;
    char record[512];

    answer_write(&answer, record);
    body = bus_body_new((struct text){.at = record, .bytes = answer_bytes(&answer)});
    message.result.id = sent[submitted].submit.id;
    message.result.reason = text_of(reason);
    message.result.source = text_of(source);
    proxy_message(stage.proxy, &message, body, &stage.moment);
    bus_body_free(body);
}

static inline void bring(unsigned status, const char *reason, const char *source)
{
    bring_to(0, status, reason, source);
}

static inline void check_has(const char *fields, const char *line)
{
    if (!strstr(fields, line))
        fail_msg("no \"%s\" in\n%s", line, fields);
}

/* Jobs */

static char path[128]; /* of the latest job */

/* What the scheduler says of the latest request. */
static inline void accept_it(unsigned position, int64_t eta_us)
{
    struct message message = {.type = MESSAGE_TYPE_accepted,
                              .accepted = {.position = position, .eta_us = eta_us}};

    message.accepted.id = sent[0].submit.id;
    proxy_message(stage.proxy, &message, NULL, &stage.moment);
}

static inline void answer_query(const struct message *query, unsigned found, uint64_t position,
                                int64_t eta_us)
{
    struct message message = {
        .type = MESSAGE_TYPE_answer,
        .answer = {.id = query->query.id, .found = found, .position = position, .eta_us = eta_us}};

    proxy_message(stage.proxy, &message, NULL, &stage.moment);
}

/* A later moment, with all that is due then. */
static inline void go_on(int64_t us)
{
    stage.moment.now_us += us;
    stage.moment.wall_us += us;
    proxy_expire(stage.proxy, &stage.moment);
}

static inline void forget_sent(void)
{
    while (sent_count > 0)
        bus_body_free(sent_bodies[--sent_count]);
}

static inline void note_path(const struct httpd_exchange *exchange)
{
    const char *line = strstr(exchange->fields, "Location: ");

    assert_non_null(line);
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(line + 10, "\r"), line + 10);
}

/* Asks with that preference; the 202 comes with the scheduler's first word. */
static inline void open_job(struct httpd_exchange *exchange, const char *preference)
{
    ask_with(exchange, CPF, "Prefer", preference);
    assert_int_equal(exchange->status, 0);
    accept_it(3, 2 * SECOND);
    assert_int_equal(exchange->status, 202);
    note_path(exchange);
}

static inline struct httpd_exchange *call(struct httpd_exchange *exchange, enum http_method method,
                                          const char *where, const char *query)
{
    struct http_request request = {.method = method, .path = text_of(where)};

    if (query)
        request.query = text_of(query);
    *exchange = (struct httpd_exchange){.mine = NULL};
    proxy_job_request(stage.proxy, exchange, &request, &stage.moment);
    return exchange;
}

static inline struct httpd_exchange *get(struct httpd_exchange *exchange, const char *query)
{
    return call(exchange, HTTP_GET, path, query);
}

static inline void check_status(const char *where, int status)
{
    struct httpd_exchange exchange;

    assert_int_equal(call(&exchange, HTTP_GET, where, NULL)->status, status);
    assert_int_equal(strstr(exchange.fields, "Sluice-Job: ") != NULL, status == 200);
}

static inline void check_lacks(const char *fields, const char *line)
{
    if (strstr(fields, line))
        fail_msg("\"%s\" in\n%s", line, fields);
}

#endif
