/* links_test.c - where the page finds the others, and what its browser lets it connect to. */
#include "metricsd/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define FIRST                                                                                                \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
#define SECOND "; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"

static void a_gateway_tells_where_it_listens(void **state)
{
    static const struct {
        const char *view, *link;
    } cases[] = {
        {"{\"options\":{\"GATEWAY_BIND\":\"127.0.0.1\",\"GATEWAY_PORT\":\"0\"},\"port\":40123}",
         "http://127.0.0.1:40123"},
        {"{\"options\":{\"GATEWAY_BIND\":\"0.0.0.0\"},\"port\":5000}", "http://localhost:5000"},
        {"{\"options\":{\"GATEWAY_BIND\":\"::1\"},\"port\":5000}", "http://localhost:5000"},
        {"{\"options\":{\"GATEWAY_BIND\":\"[::1]\"},\"port\":5000}", "http://localhost:5000"},
        {"{\"options\":{\"GATEWAY_BIND\":\"fd00::7\"},\"port\":5000}", "http://[fd00::7]:5000"},
        {"{\"options\":{\"GATEWAY_BIND\":\"10.0.0.7\"},\"port\":80}", "http://10.0.0.7:80"},
        {"{\"options\":{\"GATEWAY_BIND\":\"a; script-src *\"},\"port\":80}", ""},
        {"{\"options\":{\"GATEWAY_BIND\":\"127.0.0.1\"},\"port\":0}", "before"},
        {"{\"options\":{\"GATEWAY_BIND\":\"127.0.0.1\"},\"port\":65536}", "before"},
        {"{\"options\":{\"GATEWAY_BIND\":\"127.0.0.1\"},\"port\":\"80\"}", "before"},
        {"{\"options\":{\"GATEWAY_BIND\":7},\"port\":80}", "before"},
        {"{\"options\":7,\"port\":80}", "before"},
        {"{\"port\":80}", "before"},
        {"[]", "before"},
        {"{", "before"},
        {"", "before"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct links links = {.gateway = "before"};

        print_message("  %s\n", cases[i].view);
        links_learn(&links, text_of(cases[i].view));
        assert_string_equal(links.gateway, cases[i].link);
        links_init(&links, "https://sluice.example/api/", "http://127.0.0.1:5555");
        links_learn(&links, text_of(cases[i].view));
        assert_string_equal(links.gateway, "https://sluice.example/api");
        assert_string_equal(links.simulator, "http://127.0.0.1:5555");
    }
}

static void a_page_may_connect_to_its_links_alone(void **state)
{
    static const struct {
        const char *gateway, *simulator, *hosts;
    } cases[] = {
        {"", "", ""},
        {"http://127.0.0.1:5000", "", " http://localhost:5000 http://127.0.0.1:5000"},
        {"http://localhost:5000", "http://127.0.0.1:5555/",
         " http://localhost:5000 http://127.0.0.1:5000 http://localhost:5555 http://127.0.0.1:5555"},
        {"https://sluice.example/api/", "", " https://sluice.example"},
        {"https://sluice.example:443/", "", " https://sluice.example"},
        {"http://10.0.0.7:5000", "", " http://10.0.0.7:5000"},
        {"http://[fd00::7]:5000", "", " http://*:5000"},
        {"http://a;script-src", "http://a b", ""},
    };
    char policy[LINKS_POLICY_BYTES], wanted[LINKS_POLICY_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct links links;

        links_init(&links, cases[i].gateway, cases[i].simulator);
        snprintf(wanted, sizeof(wanted), FIRST "%s" SECOND, cases[i].hosts);
        assert_int_equal(links_policy(&links, policy), strlen(wanted));
        assert_string_equal(policy, wanted);
    }
}

static void the_longest_links_fit(void **state)
{
    char policy[LINKS_POLICY_BYTES], longest[URL_BYTES] = "https://";
    struct links links;

    (void)state;
    memset(longest + 8, 'a', URL_BYTES - 9);
    links_init(&links, longest, longest);
    assert_string_equal(links.simulator, longest);
    assert_int_equal(links_policy(&links, policy), strlen(FIRST SECOND) + 2 * URL_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_tells_where_it_listens),
        cmocka_unit_test(a_page_may_connect_to_its_links_alone),
        cmocka_unit_test(the_longest_links_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
