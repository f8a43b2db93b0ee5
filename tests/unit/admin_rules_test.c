/* admin_rules_test.c - who may give orders, and who may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/admin_rules.h"

#define TOKEN "a-token-of-some-length"
#define LOCAL "localhost:5000"
#define PAGE  "http://localhost:5001" /* the dashboard's */
#define MOST  3

static const struct {
    const char *story;
    const char *token; /* as configured */
    bool local;
    const char *host; /* NULL: none */
    struct {
        const char *name, *value;
    } fields[MOST];
    int status; /* 0: may */
} cases[] = {
    {"a program on this host", "", true, LOCAL, {{NULL}}, 0},
    {"by the loopback's address", "", true, "127.0.0.1:5000", {{NULL}}, 0},
    {"by IPv6", "", true, "[::1]:5000", {{NULL}}, 0},
    {"no port", "", true, "localhost", {{NULL}}, 0},
    {"any case", "", true, "LocalHost", {{NULL}}, 0},
    {"another host", "", false, LOCAL, {{NULL}}, 403},
    {"a name that was rebound to us", "", true, "evil.example:5000", {{NULL}}, 403},
    {"a name that only begins well", "", true, "localhost.evil.example", {{NULL}}, 403},
    {"an address that only begins well", "", true, "127.0.0.1.evil.example", {{NULL}}, 403},
    {"brackets around a name", "", true, "[evil.example]", {{NULL}}, 403},
    {"half a bracket", "", true, "[::1", {{NULL}}, 403},
    {"an empty host", "", true, "", {{NULL}}, 403},
    {"no host at all", "", true, NULL, {{NULL}}, 403},
    {"a form of another site", "", true, LOCAL, {{"Origin", "http://evil.example"}}, 403},
    {"a page without an origin", "", true, LOCAL, {{"Origin", "null"}}, 403},
    {"a page of another port", "", true, LOCAL, {{"Origin", "http://localhost:8000"}}, 403},
    {"a page of ours", "", true, LOCAL, {{"Origin", "http://localhost:5000"}}, 0},
    {"ours, behind TLS", "", true, LOCAL, {{"origin", "https://LOCALHOST:5000"}}, 0},
    {"ours, and another one", "", true, LOCAL, {{"Origin", "http://" LOCAL}, {"Origin", "http://e"}}, 403},
    {"a picture of another site", "", true, LOCAL, {{"Sec-Fetch-Site", "cross-site"}}, 403},
    {"a page of another port of this host", "", true, LOCAL, {{"Sec-Fetch-Site", "same-site"}}, 403},
    {"typed by hand", "", true, LOCAL, {{"Sec-Fetch-Site", "none"}}, 0},
    {"a proxy on this host", "", true, LOCAL, {{"X-Forwarded-For", "10.0.0.1"}}, 403},
    {"another kind of it", "", true, LOCAL, {{"Forwarded", "for=10.0.0.1"}}, 403},
    {"a token that nobody wants", "", true, LOCAL, {{"Authorization", "Bearer x"}}, 0},

    {"the dashboard", "", true, LOCAL, {{"Origin", PAGE}, {"Sec-Fetch-Site", "same-site"}}, 0},
    {"by another name", "", true, "127.0.0.1:5000", {{"Origin", PAGE}, {"Sec-Fetch-Site", "cross-site"}}, 0},
    {"in an old browser", "", true, LOCAL, {{"Origin", PAGE}}, 0},
    {"the dashboard, at its address", "", true, LOCAL, {{"Origin", "http://127.0.0.1:5001"}}, 0},
    {"from another host", "", false, LOCAL, {{"Origin", PAGE}}, 403},
    {"a picture in it", "", true, LOCAL, {{"Sec-Fetch-Site", "same-site"}, {"Referer", PAGE "/"}}, 403},
    {"its origin twice", "", true, LOCAL, {{"Origin", PAGE}, {"Origin", PAGE}}, 403},
    {"its origin and an evil one",
     "",
     true,
     LOCAL,
     {{"Origin", PAGE}, {"Origin", "http://evil.example"}},
     403},
    {"both in one", "", true, LOCAL, {{"Origin", PAGE ", http://evil.example"}}, 403},
    {"its origin with a tail", "", true, LOCAL, {{"Origin", PAGE ".evil.example"}}, 403},
    {"its origin with a path", "", true, LOCAL, {{"Origin", PAGE "/"}}, 403},
    {"its name at another port", "", true, LOCAL, {{"Origin", "http://localhost:50011"}}, 403},
    {"its origin behind TLS", "", true, LOCAL, {{"Origin", "https://localhost:5001"}}, 403},
    {"its origin in capitals", "", true, LOCAL, {{"Origin", "HTTP://LOCALHOST:5001"}}, 403},
    {"a page that may read answers", "", true, LOCAL, {{"Origin", "http://localhost:5173"}}, 403},
    {"and says same-site",
     "",
     true,
     LOCAL,
     {{"Origin", "http://localhost:5173"}, {"Sec-Fetch-Site", "same-site"}},
     403},
    {"one that says same-origin",
     "",
     true,
     LOCAL,
     {{"Origin", "http://localhost:5173"}, {"Sec-Fetch-Site", "same-origin"}},
     403},
    {"the dashboard's origin by a rebound name", "", true, "evil.example:5000", {{"Origin", PAGE}}, 403},
    {"a rebound page that is its own origin",
     "",
     true,
     "evil.example:5000",
     {{"Origin", "http://evil.example:5000"}, {"Sec-Fetch-Site", "same-origin"}},
     403},
    {"the dashboard through a proxy",
     "",
     true,
     LOCAL,
     {{"Origin", PAGE}, {"X-Forwarded-For", "10.0.0.1"}},
     403},
    {"the dashboard without the token", TOKEN, true, LOCAL, {{"Origin", PAGE}}, 401},
    {"the dashboard with it",
     TOKEN,
     false,
     "sluice.example",
     {{"Origin", PAGE}, {"Authorization", "Bearer " TOKEN}},
     0},
    {"a readers' page with it",
     TOKEN,
     true,
     LOCAL,
     {{"Origin", "http://localhost:5173"}, {"Authorization", "Bearer " TOKEN}},
     403},

    {"the token", TOKEN, false, "sluice.example", {{"Authorization", "Bearer " TOKEN}}, 0},
    {"the scheme in any case", TOKEN, false, LOCAL, {{"authorization", "bEARER " TOKEN}}, 0},
    {"no token, be it this host", TOKEN, true, LOCAL, {{NULL}}, 401},
    {"another one", TOKEN, true, LOCAL, {{"Authorization", "Bearer a-token-of-some-lengtH"}}, 401},
    {"its beginning", TOKEN, true, LOCAL, {{"Authorization", "Bearer a-token"}}, 401},
    {"more than it", TOKEN, true, LOCAL, {{"Authorization", "Bearer " TOKEN "x"}}, 401},
    {"an empty one", TOKEN, true, LOCAL, {{"Authorization", "Bearer "}}, 401},
    {"another scheme", TOKEN, true, LOCAL, {{"Authorization", "Basic " TOKEN}}, 401},
    {"two of them",
     TOKEN,
     true,
     LOCAL,
     {{"Authorization", "Bearer " TOKEN}, {"Authorization", "Bearer " TOKEN}},
     401},
    {"with the token from a foreign page",
     TOKEN,
     true,
     LOCAL,
     {{"Authorization", "Bearer " TOKEN}, {"Origin", "http://evil.example"}},
     403},
};

static void test_who_may(void **state)
{
    const struct text pages[] = {text_of(PAGE), text_of("http://127.0.0.1:5001")};
    struct cors cors = {.count = 0};

    (void)state;
    assert_int_equal(cors_add(&cors, text_of("http://localhost:5173")), 0);
    assert_int_equal(cors_own(&cors, pages, 2), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_request request = {.method = HTTP_POST};
        struct admin_verdict verdict;
        struct admin_rules rules;

        if (cases[i].host)
            request.host = text_of(cases[i].host);
        for (unsigned f = 0; f < MOST && cases[i].fields[f].name; f++)
            request.fields[request.field_count++] = (struct http_field){
                .name = text_of(cases[i].fields[f].name), .value = text_of(cases[i].fields[f].value)};
        admin_rules_init(&rules, cases[i].token, &cors);
        verdict = admin_judge(&rules, &request, cases[i].local);
        if (verdict.status != cases[i].status || !verdict.who != !!cases[i].status)
            fail_msg("%s: %d", cases[i].story, verdict.status);
        assert_int_equal(verdict.status == 401, verdict.authenticate != NULL);
        if (verdict.status)
            assert_true(verdict.detail[0] != '\0');
        else
            assert_string_equal(verdict.who, cases[i].token[0] ? "token" : "loopback");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
