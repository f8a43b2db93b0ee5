/* request_test.c - each order of the command line as the gateway gets it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctl/request.h"

static struct request request;

static int make(const struct arguments *arguments, const char *listed)
{
    struct arguments copy = *arguments;

    while (copy.words && copy.words[copy.word_count])
        copy.word_count++;
    return request_make(&copy, text_of(listed), &request);
}

#define NOTHING .priority = -1, .repeat = -1, .concurrency = -1
#define WORDS(...)                                                                                           \
    .words = (const char *const[])                                                                           \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static const struct {
    struct arguments arguments;
    const char *listed, *method, *path, *body;
} rows[] = {
    {{.command = COMMAND_POLICY, NOTHING}, "", "GET", "/admin/policy", ""},
    {{.command = COMMAND_POLICY, NOTHING, WORDS("fair")},
     "",
     "PUT",
     "/admin/policy",
     "{\"policy\":\"fair\"}"},
    {{.command = COMMAND_POLICY, NOTHING, WORDS("a\"b")},
     "",
     "PUT",
     "/admin/policy",
     "{\"policy\":\"a\\\"b\"}"},
    {{.command = COMMAND_PAUSE, NOTHING}, "", "POST", "/admin/pause", ""},
    {{.command = COMMAND_RESUME, NOTHING}, "", "POST", "/admin/resume", ""},
    {{.command = COMMAND_RATE, NOTHING, .seconds = 0.1, WORDS("0.1")},
     "",
     "PUT",
     "/admin/rate",
     "{\"seconds\":0.1}"},
    {{.command = COMMAND_BREAKER, NOTHING}, "", "GET", "/circuit-breaker-status", ""},
    {{.command = COMMAND_BREAKER, NOTHING, .breaker = BREAKER_TRIP, WORDS("trip")},
     "",
     "POST",
     "/admin/breaker",
     "{\"action\":\"trip\"}"},
    {{.command = COMMAND_BREAKER, NOTHING, .breaker = BREAKER_TRIP, .seconds = 5, WORDS("trip", "5")},
     "",
     "POST",
     "/admin/breaker",
     "{\"action\":\"trip\",\"seconds\":5}"},
    {{.command = COMMAND_BREAKER, NOTHING, .breaker = BREAKER_RESET, WORDS("reset")},
     "",
     "POST",
     "/admin/breaker",
     "{\"action\":\"reset\"}"},
    {{.command = COMMAND_PURGE, NOTHING}, "", "DELETE", "/admin/cache", ""},
    {{.command = COMMAND_PURGE, NOTHING, .client_id = "me", .lane = "score", WORDS("cpf=1")},
     "",
     "DELETE",
     "/admin/cache",
     "{\"client_id\":\"me\",\"lane\":\"score\",\"key\":\"cpf=1\"}"},
    {{.command = COMMAND_REMOVE, NOTHING, WORDS("1f-2e")}, "", "DELETE", "/admin/queue/1f-2e", ""},
    {{.command = COMMAND_BURST, NOTHING, WORDS("1", "2")},
     "",
     "POST",
     "/admin/bursts",
     "{\"cpfs\":[\"1\",\"2\"]}"},
    {{.command = COMMAND_BURST, .priority = 0, .repeat = 9, .concurrency = 4, .rate = 0.5, WORDS("1")},
     "",
     "POST",
     "/admin/bursts",
     "{\"cpf\":\"1\",\"repeat\":9,\"priority\":0,\"concurrency\":4,\"rate\":0.5}"},
    {{.command = COMMAND_BURST, NOTHING, WORDS("1", "-", "4")},
     " 2,3;\r\n5\n",
     "POST",
     "/admin/bursts",
     "{\"cpfs\":[\"1\",\"2\",\"3\",\"5\",\"4\"]}"},
};

static void test_orders(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(make(&rows[i].arguments, rows[i].listed), 0);
        assert_string_equal(request.method, rows[i].method);
        assert_string_equal(request.path, rows[i].path);
        assert_string_equal(request.body, rows[i].body);
    }
}

static void test_lists_that_are_no_order(void **state)
{
    const struct arguments burst = {.command = COMMAND_BURST, NOTHING, WORDS("-")};
    char *listed = malloc(REQUEST_BODY_BYTES + 1);

    (void)state;
    assert_int_equal(make(&burst, ""), -EINVAL);
    assert_int_equal(make(&burst, " \n,;"), -EINVAL);
    memset(listed, '1', REQUEST_BODY_BYTES);
    listed[REQUEST_BODY_BYTES] = '\0';
    assert_int_equal(make(&burst, listed), -E2BIG);
    assert_string_equal(request.body, "");
    listed[1000] = '\0';
    assert_int_equal(make(&burst, listed), 0);
    free(listed);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        int64_t port;
        const char *url;
    } addresses[] = {
        {"127.0.0.1", 5000, "http://127.0.0.1:5000"},
        {"0.0.0.0", 80, "http://127.0.0.1:80"},
        {"::", 5001, "http://[::1]:5001"},
        {"fd00::7", 5001, "http://[fd00::7]:5001"},
    };
    char url[REQUEST_URL_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        assert_int_equal(request_base(addresses[i].address, addresses[i].port, url), 0);
        assert_string_equal(url, addresses[i].url);
    }
    assert_int_equal(request_base("127.0.0.1", 0, url), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_lists_that_are_no_order),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
