/* admin_call_test.c - what may be ordered, and how a request that is not quite right is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/admin_call.h"

#define ID "1122334455667788-00000000000000ff"

static struct admin_call call;

static int read_call(enum http_method method, const char *path, const char *query, struct text body)
{
    struct http_request request = {.method = method, .path = text_of(path), .body = body};

    if (query)
        request.query = text_of(query);
    return admin_call_read(&request, &call);
}

static const struct {
    enum http_method method;
    const char *path, *query, *body;
    int status;
    const char *says; /* the beginning of the detail */
} refusals[] = {
    {HTTP_PUT, "/admin/policy", NULL, "", 400, "policy: is missing"},
    {HTTP_PUT, "/admin/policy", NULL, "{}", 400, "policy: is missing"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":1}", 400, "policy: must be a string"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":null}", 400, "policy: must be a string"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":[\"fifo\"]}", 400, "policy: must be a string"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"\"}", 400, "policy: must have"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fi\\u0000fo\"}", 400, "policy: must have"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"Policy\":\"fifo\"}", 400, "Policy: no such member"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fifo\",\"x\":1}", 400, "x: no such member"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"52998224725\":1}", 400, "body: no such member"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fifo\",\"policy\":\"fifo\"}", 400, "body: a member"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fifo\"", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fifo\",}", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fifo\"} x", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"fifo\"}{}", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "{'policy':'fifo'}", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"policy\":\"\xff\"}", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "\"fifo\"", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "[]", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "policy=fifo", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", NULL, "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}", 400, "body: must be"},
    {HTTP_PUT, "/admin/policy", "policy=fifo", "", 400, "query: "},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":\"1\"}", 400, "seconds: must be a number"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":true}", 400, "seconds: must be a number"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":0}", 400, "seconds: must be from"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":-1}", 400, "seconds: must be from"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":0.0009}", 400, "seconds: must be from"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":86401}", 400, "seconds: must be from"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":1e999}", 400, "seconds: must be from"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":99999999999999999999999}", 400, "seconds: must be from"},
    {HTTP_PUT, "/admin/rate", NULL, "{\"seconds\":NaN}", 400, ""},
    {HTTP_POST, "/admin/pause", NULL, "{\"seconds\":1}", 400, "seconds: no such member"},
    {HTTP_POST, "/admin/breaker", NULL, "{}", 400, "action: is missing"},
    {HTTP_POST, "/admin/breaker", NULL, "{\"action\":\"open\"}", 400, "action: must be"},
    {HTTP_POST, "/admin/breaker", NULL, "{\"action\":\"reset\",\"seconds\":5}", 400, "seconds: is only"},
    {HTTP_POST, "/admin/breaker", NULL, "{\"action\":\"trip\",\"seconds\":0}", 400, "seconds: must be"},
    {HTTP_DELETE, "/admin/cache", "key=x", "", 400, "key: is nothing"},
    {HTTP_DELETE, "/admin/cache", "key=", "", 400, "key: is nothing"},
    {HTTP_DELETE, "/admin/cache", "", "", 400, "key: is missing"},
    {HTTP_DELETE, "/admin/cache", "kye=cpf=52998224725", "", 400, "key: is missing"},
    {HTTP_DELETE, "/admin/cache", "key=cpf=52998224726", "", 400, "key: is nothing"},
    {HTTP_DELETE, "/admin/cache", "key=cpf=52998224725&key=cpf=11144477735", "", 400, "key: is malformed"},
    {HTTP_DELETE, "/admin/cache", "key=cpf=52998224725&lane=other", "", 400, "lane: no such lane"},
    {HTTP_DELETE, "/admin/cache", "key=cpf=52998224725", "{\"key\":\"x\"}", 400, "key: no such member"},
    {HTTP_DELETE, "/admin/cache", NULL, "{\"key\":\"x\"}", 400, "key: is nothing"},
    {HTTP_DELETE, "/admin/cache", NULL, "{\"key\":\"cpf=%2\"}", 400, "key: is malformed"},
    {HTTP_DELETE, "/admin/cache", NULL, "{\"key\":\"\"}", 400, "key: must have 1 to 128"},
    {HTTP_DELETE, "/admin/cache", NULL, "{\"client_id\":\"alice\"}", 400, "key: is missing"},
    {HTTP_DELETE, "/admin/cache", NULL, "{\"cpf\":\"52998224725\"}", 400, "cpf: no such member"},
    {HTTP_GET, "/admin/queue", "limit=0", "", 400, "limit: "},
    {HTTP_GET, "/admin/queue", "limit=201", "", 400, "limit: "},
    {HTTP_GET, "/admin/queue", "limit=", "", 400, "limit: "},
    {HTTP_GET, "/admin/queue", "limit=1&limit=2", "", 400, "limit: "},
    {HTTP_GET, "/admin/queue", "limit=-1", "", 400, "limit: "},
    {HTTP_GET, "/admin/queue", "limit=99999999999999999999", "", 400, "limit: "},
    {HTTP_GET, "/admin/queue", "after=x", "", 400, "after: "},
    {HTTP_GET, "/admin/queue", "after=" ID "0", "", 400, "after: "},
    {HTTP_DELETE, "/admin/queue/x", NULL, "", 404, "No request"},
    {HTTP_DELETE, "/admin/queue/1122334455667788-00000000000000FF", NULL, "", 404, "No request"},
    {HTTP_DELETE, "/admin/queue/", NULL, "", 404, "There is no such path"},
    {HTTP_GET, "/admin", NULL, "", 404, "There is no such path"},
    {HTTP_GET, "/admin/", NULL, "", 404, "There is no such path"},
    {HTTP_PUT, "/admin/policy/", NULL, "", 404, "There is no such path"},
};

static void test_what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        int status =
            read_call(refusals[i].method, refusals[i].path, refusals[i].query, text_of(refusals[i].body));

        if (status != refusals[i].status ||
            strncmp(call.detail, refusals[i].says, strlen(refusals[i].says)) != 0)
            fail_msg("%s %s: %d %s", refusals[i].path, refusals[i].body, status, call.detail);
    }
}

static void test_a_body_is_bounded(void **state)
{
    static char body[ADMIN_BODY_BYTES + 1];

    (void)state;
    memset(body, ' ', sizeof(body));
    memcpy(body, "{}", 2);
    assert_int_equal(read_call(HTTP_POST, "/admin/pause", NULL, (struct text){body, ADMIN_BODY_BYTES}), 0);
    assert_int_equal(read_call(HTTP_POST, "/admin/pause", NULL, (struct text){body, sizeof(body)}), 413);
}

static void test_other_methods(void **state)
{
    static const struct {
        enum http_method method;
        const char *path, *allow;
    } cases[] = {
        {HTTP_POST, "/admin/policy", "GET, HEAD, PUT"},
        {HTTP_DELETE, "/admin/policy", "GET, HEAD, PUT"},
        {HTTP_GET, "/admin/pause", "POST"},
        {HTTP_POST, "/admin/rate", "PUT"},
        {HTTP_DELETE, "/admin/queue", "GET, HEAD"},
        {HTTP_GET, "/admin/queue/" ID, "DELETE"},
        {HTTP_GET, "/admin/breaker", "POST"},
        {HTTP_OPTIONS, "/admin/cache", "DELETE"},
        {HTTP_OTHER, "/admin/cache", "DELETE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_call(cases[i].method, cases[i].path, NULL, text_of("")), 405);
        assert_string_equal(call.allow, cases[i].allow);
    }
}

static const struct message_control *order(enum http_method method, const char *path, const char *body)
{
    assert_int_equal(read_call(method, path, NULL, text_of(body)), 0);
    assert_int_equal(call.message.type, MESSAGE_TYPE_control);
    return &call.message.control;
}

static void test_orders(void **state)
{
    const struct message_control *control = order(HTTP_PUT, "/admin/policy", " {\"policy\": \"a:b\"}\n");

    (void)state;
    assert_int_equal(control->order, CONTROL_POLICY);
    assert_true(text_equal(control->name, "a:b"));
    assert_int_equal(order(HTTP_POST, "/admin/pause", "")->order, CONTROL_PAUSE);
    assert_int_equal(order(HTTP_POST, "/admin/resume", "{}")->order, CONTROL_RESUME);
    control = order(HTTP_PUT, "/admin/rate", "{\"seconds\":0.5}");
    assert_int_equal(control->order, CONTROL_RATE);
    assert_int_equal(control->span_us, 500000);
    assert_int_equal(order(HTTP_PUT, "/admin/rate", "{\"seconds\":0.001}")->span_us, 1000);
    assert_int_equal(order(HTTP_PUT, "/admin/rate", "{\"seconds\":86400}")->span_us, 86400000000);
    control = order(HTTP_POST, "/admin/breaker", "{\"action\":\"trip\"}");
    assert_int_equal(control->order, CONTROL_TRIP);
    assert_int_equal(control->span_us, 600000000);
    assert_int_equal(order(HTTP_POST, "/admin/breaker", "{\"seconds\":2,\"action\":\"trip\"}")->span_us,
                     2000000);
    assert_int_equal(order(HTTP_POST, "/admin/breaker", "{\"action\":\"reset\"}")->order, CONTROL_RESET);
    assert_int_equal(order(HTTP_DELETE, "/admin/cache", "")->order, CONTROL_PURGE);
    control = order(HTTP_DELETE, "/admin/queue/" ID, "");
    assert_int_equal(control->order, CONTROL_REMOVE);
    assert_true(control->gateway == 0x1122334455667788 && control->submitted == 0xff);
}

/* The whole cache, or one answer: by the query or by the body, however the CPF is written. */
static void test_purges(void **state)
{
    static const struct {
        const char *query, *body, *client_id;
    } cases[] = {
        {"key=cpf=52998224725", "", ""},
        {"key=cpf%3D529.982.247-25&client_id=alice", "", "alice"},
        {"lane=score&key=cpf=529.982.247-25&client_id=", "", ""},
        {NULL, "{\"key\":\"cpf=529.982.247-25\"}", ""},
        {NULL, "{\"client_id\":\"bob\",\"key\":\"cpf=52998224725\",\"lane\":\"score\"}", "bob"},
    };

    (void)state;
    order(HTTP_DELETE, "/admin/cache", "{}");
    assert_null(call.target.lane);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_call(HTTP_DELETE, "/admin/cache", cases[i].query, text_of(cases[i].body)), 0);
        assert_int_equal(call.message.control.order, CONTROL_PURGE);
        assert_ptr_equal(call.target.lane, &lanes[0]);
        assert_string_equal(call.target.call.query, "cpf=52998224725");
        assert_int_equal(call.target.call.query_bytes, 15);
        assert_string_equal(call.target.client_id, cases[i].client_id);
    }
}

static void test_questions(void **state)
{
    const struct message_query *query = &call.message.query;

    (void)state;
    assert_int_equal(read_call(HTTP_GET, "/admin/policy", NULL, text_of("")), 0);
    assert_int_equal(call.message.type, MESSAGE_TYPE_query);
    assert_true(text_equal(query->what, "controls"));
    assert_int_equal(read_call(HTTP_HEAD, "/admin/queue", NULL, text_of("")), 0);
    assert_true(text_equal(query->what, "queue"));
    assert_true(query->limit == 50 && query->gateway == 0 && query->submitted == 0);
    assert_int_equal(read_call(HTTP_GET, "/admin/queue", "limit=7&after=" ID, text_of("")), 0);
    assert_true(query->limit == 7 && query->gateway == 0x1122334455667788 && query->submitted == 0xff);
}

static void test_paths(void **state)
{
    (void)state;
    assert_true(admin_call_is(text_of("/admin")));
    assert_true(admin_call_is(text_of("/admin/anything")));
    assert_false(admin_call_is(text_of("/administer")));
    assert_false(admin_call_is(text_of("/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_a_body_is_bounded),
        cmocka_unit_test(test_other_methods),   cmocka_unit_test(test_orders),
        cmocka_unit_test(test_questions),       cmocka_unit_test(test_paths),
        cmocka_unit_test(test_purges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
