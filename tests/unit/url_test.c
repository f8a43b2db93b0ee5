/* url_test.c - which addresses an option may give, what their origin is, and whose they are. */
#include "common/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void an_origin_is_what_a_browser_says(void **state)
{
    static const struct {
        const char *url, *origin; /* NULL: none */
    } cases[] = {
        {"http://localhost:5001/", "http://localhost:5001"},
        {"http://localhost:5001", "http://localhost:5001"},
        {"https://sluice.example/board/", "https://sluice.example"},
        {"https://sluice.example:443/", "https://sluice.example"},
        {"http://sluice.example:80", "http://sluice.example"},
        {"http://sluice.example:443", "http://sluice.example:443"},
        {"http://[::1]:5001/", "http://[::1]:5001"},
        {"http://127.0.0.1", "http://127.0.0.1"},
        {"", NULL},
        {"http://", NULL},
        {"http:///", NULL},
        {"localhost:5001", NULL},
        {"ftp://sluice.example", NULL},
        {"javascript:alert(1)", NULL},
        {"HTTP://sluice.example", NULL},
        {"http://Sluice.example", NULL},
        {"http://user@sluice.example", NULL},
        {"http://user:word@sluice.example", NULL},
        {"http://sluice.example:", NULL},
        {"http://sluice.example:65536", NULL},
        {"http://sluice.example:5a", NULL},
        {"http://sluice.example/?a", NULL},
        {"http://sluice.example?a", NULL},
        {"http://sluice.example/#a", NULL},
        {"http://sluice.example#a", NULL},
        {"http://a;script-src", NULL},
        {"http://a,b", NULL},
        {"http://a'b", NULL},
        {"http://*", NULL},
        {"http://[evil.example]", NULL},
        {"http://[::A]:5001/", NULL}, /* cors.h would not list it */
        {"http://[::1", NULL},
        {"http://[::1]5001", NULL},
        {"http://a/\r\nX-Evil: 1", NULL},
        {"http://a /", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char origin[URL_ORIGIN_BYTES];
        struct url url;

        print_message("  %s\n", cases[i].url);
        assert_int_equal(url_read(text_of(cases[i].url), &url), cases[i].origin != NULL);
        if (!cases[i].origin)
            continue;
        url_origin(&url, origin);
        assert_string_equal(origin, cases[i].origin);
    }
}

static void a_url_has_an_end(void **state)
{
    char longest[URL_BYTES + 1] = "http://", origin[URL_ORIGIN_BYTES];
    struct url url;

    (void)state;
    memset(longest + 7, 'a', URL_BYTES - 7);
    assert_false(url_read((struct text){longest, URL_BYTES}, &url));
    assert_true(url_read((struct text){longest, URL_BYTES - 1}, &url));
    url_origin(&url, origin);
    assert_int_equal(strlen(origin), URL_BYTES - 1);
}

static void loopback_and_wildcards_are_known_by_their_address(void **state)
{
    static const struct {
        const char *host;
        bool loopback, wildcard;
    } cases[] = {
        {"localhost", true, false},
        {"127.0.0.1", true, false},
        {"127.1.2.3", true, false},
        {"::1", true, false},
        {"[::1]", true, false},
        {"0.0.0.0", false, true},
        {"::", false, true},
        {"[::]", false, true},
        {"10.0.0.1", false, false},
        {"127.0.0.1.evil.example", false, false},
        {"localhost.evil.example", false, false},
        {"[::2]", false, false},
        {"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("  %s\n", cases[i].host);
        assert_int_equal(url_loopback(text_of(cases[i].host)), cases[i].loopback);
        assert_int_equal(url_wildcard(text_of(cases[i].host)), cases[i].wildcard);
    }
}

static void who_listens_has_an_address(void **state)
{
    static const struct {
        const char *address, *url;
    } cases[] = {
        {"127.0.0.1", "http://127.0.0.1:5001"}, {"localhost", "http://localhost:5001"},
        {"::1", "http://[::1]:5001"},           {"[::1]", "http://[::1]:5001"},
        {"0.0.0.0", "http://localhost:5001"},   {"::", "http://localhost:5001"},
    };
    char url[URL_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        url_of_listener(cases[i].address, 5001, url);
        assert_string_equal(url, cases[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_what_a_browser_says),
        cmocka_unit_test(a_url_has_an_end),
        cmocka_unit_test(loopback_and_wildcards_are_known_by_their_address),
        cmocka_unit_test(who_listens_has_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
