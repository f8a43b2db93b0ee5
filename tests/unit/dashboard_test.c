/* dashboard_test.c - where GET / leads, and whose page may give orders. */
#include "gateway/dashboard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MOST 4

static const struct {
    struct dashboard where;
    const char *url;
    const char *own[MOST], *foreign[MOST];
} cases[] = {
    {{"", "127.0.0.1", 5001},
     "http://127.0.0.1:5001/",
     {"http://localhost:5001", "http://127.0.0.1:5001", "http://[::1]:5001"},
     {"http://localhost:5000", "https://localhost:5001", "http://127.0.0.2:5001", "null"}},
    {{"", "0.0.0.0", 5001},
     "http://localhost:5001/",
     {"http://localhost:5001", "http://[::1]:5001"},
     {"http://0.0.0.0:5001", "http://evil.example:5001"}},
    {{"", "::1", 80},
     "http://[::1]:80/",
     {"http://localhost", "http://[::1]"},
     {"http://localhost:80", "http://[::2]"}},
    {{"", "10.0.0.7", 5001},
     "http://10.0.0.7:5001/",
     {"http://10.0.0.7:5001"},
     {"http://localhost:5001", "http://10.0.0.8:5001"}},
    {{"", "127.0.0.1", 0}, "", {NULL}, {"http://localhost:0", "http://localhost", "http://127.0.0.1:5001"}},
    {{"https://sluice.example/board/", "127.0.0.1", 5001},
     "https://sluice.example/board/",
     {"https://sluice.example"},
     {"http://sluice.example", "http://localhost:5001", "https://sluice.example:444",
      "https://a.sluice.example"}},
    {{"https://sluice.example:443", "127.0.0.1", 0},
     "https://sluice.example:443",
     {"https://sluice.example"},
     {NULL}},
};

static bool is_own(const struct cors *cors, const char *origin)
{
    struct http_request request = {.method = HTTP_GET, .field_count = 1};

    request.fields[0] = (struct http_field){.name = text_of("Origin"), .value = text_of(origin)};
    return cors_is_own(cors, &request);
}

static void its_place_and_its_origins(void **state)
{
    struct cors cors = {.count = 0};
    char url[URL_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dashboard_place(&cases[i].where, url, &cors), 0); /* it moves from case to case */
        assert_string_equal(url, cases[i].url);
        for (unsigned k = 0; k < MOST && cases[i].own[k]; k++) {
            print_message("  %s: %s\n", url, cases[i].own[k]);
            assert_true(is_own(&cors, cases[i].own[k]));
        }
        for (unsigned k = 0; k < MOST && cases[i].foreign[k]; k++) {
            print_message("  %s: not %s\n", url, cases[i].foreign[k]);
            assert_false(is_own(&cors, cases[i].foreign[k]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_place_and_its_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
