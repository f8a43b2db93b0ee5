/* burst_call_test.c - what may be asked under /admin/bursts, and how that is refused which is not quite
 * right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/burst_call.h"

#define ID  "1122334455667788-00112233445566778899aabbccddeeff"
#define ONE BURST_PATH "/" ID

static struct burst_call call;

static int read_call(enum http_method method, const char *path, const char *query, const char *body)
{
    struct http_request request = {.method = method, .path = text_of(path), .body = text_of(body)};

    if (query)
        request.query = text_of(query);
    return burst_call_read(&request, &call);
}

static const struct {
    enum http_method method;
    const char *path, *query, *body;
    int status;
    enum burst_wish wish;
    unsigned limit, from;
} cases[] = {
    {HTTP_POST, BURST_PATH, NULL, "{}", 0, BURST_BEGIN, 200, 0},
    {HTTP_GET, BURST_PATH, NULL, "", 0, BURST_LIST, 200, 0},
    {HTTP_HEAD, BURST_PATH, NULL, "", 0, BURST_LIST, 200, 0},
    {HTTP_GET, ONE, NULL, "", 0, BURST_SHOW, 200, 0},
    {HTTP_HEAD, ONE, NULL, "", 0, BURST_SHOW, 200, 0},
    {HTTP_GET, ONE, "", "", 0, BURST_SHOW, 200, 0},
    {HTTP_GET, ONE, "limit=0", "", 0, BURST_SHOW, 0, 0},
    {HTTP_GET, ONE, "limit=200", "", 0, BURST_SHOW, 200, 0},
    {HTTP_GET, ONE, "after=0", "", 0, BURST_SHOW, 200, 1},
    {HTTP_GET, ONE, "limit=7&after=99", "", 0, BURST_SHOW, 7, 100},
    {HTTP_GET, ONE, "after=2147483646", "", 0, BURST_SHOW, 200, 2147483647},
    {HTTP_DELETE, ONE, NULL, "", 0, BURST_CANCEL, 200, 0},

    {HTTP_PUT, BURST_PATH, NULL, "", 405, BURST_BEGIN, 0, 0},
    {HTTP_DELETE, BURST_PATH, NULL, "", 405, BURST_BEGIN, 0, 0},
    {HTTP_POST, ONE, NULL, "", 405, BURST_BEGIN, 0, 0},
    {HTTP_POST, BURST_PATH, "x=1", "{}", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, BURST_PATH, "limit=1", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, BURST_PATH, NULL, "{}", 400, BURST_BEGIN, 0, 0},
    {HTTP_DELETE, ONE, "x=1", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_DELETE, ONE, NULL, "{}", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "limit=201", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "limit=-1", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "limit=", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "limit=1&limit=1", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "after=x", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "after=2147483647", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "after=99999999999999999999", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE, "after=%zz", "", 400, BURST_BEGIN, 0, 0},
    {HTTP_GET, BURST_PATH "/", NULL, "", 404, BURST_BEGIN, 0, 0},
    {HTTP_GET, BURST_PATH "/1", NULL, "", 404, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE "0", NULL, "", 404, BURST_BEGIN, 0, 0},
    {HTTP_GET, ONE "/x", NULL, "", 404, BURST_BEGIN, 0, 0},
    {HTTP_DELETE, BURST_PATH "/1122334455667788-00112233445566778899AABBCCDDEEFF", NULL, "", 404, BURST_BEGIN,
     0, 0},
};

static void test_what_is_wanted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = read_call(cases[i].method, cases[i].path, cases[i].query, cases[i].body);

        if (status != cases[i].status)
            fail_msg("%s?%s: %d instead of %d: %s", cases[i].path, cases[i].query ? cases[i].query : "",
                     status, cases[i].status, call.detail);
        assert_true(status == 0 || call.detail[0]);
        if (status)
            continue;
        assert_int_equal(call.wish, cases[i].wish);
        assert_int_equal(call.limit, cases[i].limit);
        assert_int_equal(call.from, cases[i].from);
    }
}

static void test_names_and_paths(void **state)
{
    (void)state;
    assert_int_equal(read_call(HTTP_GET, ONE, NULL, ""), 0);
    assert_true(call.name.gateway == 0x1122334455667788);
    assert_int_equal(call.name.secret[15], 0xff);
    assert_int_equal(read_call(HTTP_PUT, ONE, NULL, ""), 405);
    assert_string_equal(call.allow, "GET, HEAD, DELETE");
    assert_int_equal(read_call(HTTP_PUT, BURST_PATH, NULL, ""), 405);
    assert_string_equal(call.allow, "GET, HEAD, POST");
    assert_true(burst_call_is(text_of(BURST_PATH)));
    assert_true(burst_call_is(text_of(BURST_PATH "/")));
    assert_true(burst_call_is(text_of(ONE)));
    assert_false(burst_call_is(text_of("/admin/bursting")));
    assert_false(burst_call_is(text_of("/admin/burst")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wanted),
        cmocka_unit_test(test_names_and_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
