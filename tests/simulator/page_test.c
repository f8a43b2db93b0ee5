/* page_test.c - whose pages may use /control/. */
#include "tests/simulator/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void only_pages_of_this_host(void **state)
{
    static const struct {
        const char *origin;
        bool local;
    } cases[] = {
        {"http://localhost:5001", true},
        {"http://localhost", true},
        {"https://127.0.0.1:65535", true},
        {"http://[::1]:5001", true},
        {"", false},
        {"null", false},
        {"localhost:5001", false},
        {"http://localhost:", false},
        {"http://localhost:5001/", false},
        {"http://localhost:123456", false},
        {"http://localhost.evil.example", false},
        {"http://localhost:50.evil", false},
        {"http://127.0.0.1.evil.example", false},
        {"http://evil.example:5001", false},
        {"http://[::1].evil.example", false},
        {"ftp://localhost", false},
        {"http://localhost:1\r\nX-Evil: 1", false},
    };
    char fields[PAGE_FIELDS_BYTES], line[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("  %s\n", cases[i].origin);
        assert_int_equal(page_is_local(text_of(cases[i].origin)), cases[i].local);
        for (int preflight = 0; preflight < 2; preflight++) {
            page_fields(text_of(cases[i].origin), preflight, fields);
            snprintf(line, sizeof(line), "Access-Control-Allow-Origin: %s\r\n", cases[i].origin);
            assert_int_equal(strstr(fields, line) != NULL, cases[i].local);
            assert_int_equal(strstr(fields, "Access-Control-Allow-Methods") != NULL,
                             cases[i].local && preflight);
            assert_true(cases[i].local || fields[0] == '\0');
            assert_true(fields[0] == '\0' || strcmp(fields + strlen(fields) - 2, "\r\n") == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_pages_of_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
