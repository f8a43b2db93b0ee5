/* cors_test.c - which origins are any, who may read an answer, and what a browser asks first. */
#include "gateway/cors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_request asked(enum http_method method, const char *origin, const char *wants)
{
    struct http_request request = {.method = method};

    if (origin)
        request.fields[request.field_count++] =
            (struct http_field){.name = text_of("Origin"), .value = text_of(origin)};
    if (wants)
        request.fields[request.field_count++] =
            (struct http_field){.name = text_of("Access-Control-Request-Method"), .value = text_of(wants)};
    return request;
}

static bool allows(const struct cors *cors, const struct http_request *request, const char *origin)
{
    struct text fields = cors_fields(cors, request);
    char line[CORS_FIELDS_BYTES];

    snprintf(line, sizeof(line), "Access-Control-Allow-Origin: %s\r\n", origin);
    assert_non_null(memmem(fields.at, fields.bytes, "Vary: Origin\r\n", strlen("Vary: Origin\r\n")));
    return memmem(fields.at, fields.bytes, line, strlen(line)) != NULL;
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    static const struct {
        const char *origin;
        int rc;
    } cases[] = {
        {"http://localhost:5173", 0},
        {"https://app.example", 0},
        {"http://[::1]:8080", 0},
        {"http://127.0.0.1", 0},
        {"http://", -EINVAL},
        {"app.example", -EINVAL},
        {"ftp://app.example", -EINVAL},
        {"http://app.example/", -EINVAL},
        {"http://app.example/a", -EINVAL},
        {"http://a b", -EINVAL},
        {"http://u@app.example", -EINVAL},
        {"http://app.example:99999", -EINVAL},
        {"HTTP://app.example", -EINVAL},
        {"http://App.example", -EINVAL},
        {"*", -EINVAL},
        {"null", -EINVAL},
        {"http://a\r\nX-Evil: 1", -EINVAL},
        {"", -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cors cors = {.count = 0};

        print_message("  %s\n", cases[i].origin);
        assert_int_equal(cors_add(&cors, text_of(cases[i].origin)), cases[i].rc);
        assert_int_equal(cors.count, cases[i].rc == 0);
    }
}

static void a_list_names_what_is_wrong_in_it(void **state)
{
    struct cors cors = {.count = 0};
    struct text bad;

    (void)state;
    assert_int_equal(cors_add_list(&cors, text_of(""), &bad), 0);
    assert_int_equal(cors_add_list(&cors, text_of("http://a, https://b:1 ,http://a"), &bad), 0);
    assert_int_equal(cors.count, 2);
    assert_int_equal(cors_add_list(&cors, text_of("http://c,nonsense,http://d"), &bad), -EINVAL);
    assert_true(text_equal(bad, "nonsense"));
}

static void there_are_only_so_many(void **state)
{
    struct cors cors = {.count = 0};
    char origin[32];

    (void)state;
    for (unsigned i = 0; i <= CORS_ORIGINS_MAX; i++) {
        snprintf(origin, sizeof(origin), "http://localhost:%u", 1000 + i);
        assert_int_equal(cors_add(&cors, text_of(origin)), i < CORS_ORIGINS_MAX ? 0 : -ENOSPC);
    }
}

static void the_longest_origin_fits(void **state)
{
    char origin[CORS_ORIGIN_BYTES + 2] = "http://";
    struct cors cors = {.count = 0};
    struct http_request request;

    (void)state;
    memset(origin + 7, 'a', CORS_ORIGIN_BYTES - 7);
    assert_int_equal(cors_add(&cors, text_of(origin)), 0);
    request = asked(HTTP_GET, origin, NULL);
    assert_true(allows(&cors, &request, origin));
    assert_true(memmem(cors_fields(&cors, &request).at, cors_fields(&cors, &request).bytes,
                       "X-Request-Id\r\n", 14) != NULL);
    origin[CORS_ORIGIN_BYTES] = 'a';
    assert_int_equal(cors_add(&cors, text_of(origin)), -EINVAL);
}

static void who_is_listed_may_read(void **state)
{
    struct cors cors = {.count = 0};
    struct http_request listed = asked(HTTP_GET, "http://a", NULL), other = asked(HTTP_GET, "http://b", NULL),
                        longer = asked(HTTP_GET, "http://a.evil", NULL), none = asked(HTTP_GET, NULL, NULL),
                        twice = asked(HTTP_GET, "http://a", NULL);

    (void)state;
    assert_int_equal(cors_add(&cors, text_of("http://a")), 0);
    twice.fields[twice.field_count++] = other.fields[0];
    assert_true(allows(&cors, &listed, "http://a"));
    assert_false(allows(&cors, &other, "http://b"));
    assert_false(allows(&cors, &other, "http://a"));
    assert_false(allows(&cors, &longer, "http://a"));
    assert_false(allows(&cors, &none, "http://a"));
    assert_false(allows(&cors, &twice, "http://a"));
}

static void a_preflight_is_told_from_other_options(void **state)
{
    struct cors cors = {.count = 0};
    struct http_request asks = asked(HTTP_OPTIONS, "http://a", "GET"),
                        foreign = asked(HTTP_OPTIONS, "http://b", "GET"),
                        plain = asked(HTTP_OPTIONS, "http://a", NULL),
                        nobody = asked(HTTP_OPTIONS, NULL, "GET"), get = asked(HTTP_GET, "http://a", "GET");
    struct text fields;

    (void)state;
    assert_int_equal(cors_add(&cors, text_of("http://a")), 0);
    assert_true(cors_preflight(&cors, &asks, &fields));
    assert_non_null(memmem(fields.at, fields.bytes, "Allow-Methods: GET, HEAD, DELETE\r\n", 34));
    assert_non_null(memmem(fields.at, fields.bytes, "Client-Id", 9));
    assert_true(cors_preflight(&cors, &foreign, &fields));
    assert_null(fields.at);
    assert_false(cors_preflight(&cors, &plain, &fields));
    assert_false(cors_preflight(&cors, &nobody, &fields));
    assert_false(cors_preflight(&cors, &get, &fields));
}

static bool allows_orders(const struct cors *cors, const struct http_request *request, const char *origin)
{
    struct text fields = cors_order_fields(cors, request);
    char line[CORS_FIELDS_BYTES];

    snprintf(line, sizeof(line), "Access-Control-Allow-Origin: %s\r\n", origin);
    return memmem(fields.at, fields.bytes, line, strlen(line)) != NULL;
}

static void only_the_dashboard_may_order(void **state)
{
    const struct text pages[] = {text_of("http://own"), text_of("http://both")};
    struct http_request own = asked(HTTP_OPTIONS, "http://own", "PUT"),
                        both = asked(HTTP_OPTIONS, "http://both", "PUT"),
                        listed = asked(HTTP_OPTIONS, "http://a", "PUT"),
                        foreign = asked(HTTP_OPTIONS, "http://b", "PUT"), twice = own;
    struct cors cors = {.count = 0};
    struct text fields;

    (void)state;
    assert_int_equal(cors_add(&cors, text_of("http://a")), 0);
    assert_int_equal(cors_add(&cors, text_of("http://both")), 0);
    assert_int_equal(cors_own(&cors, pages, 2), 0);
    twice.fields[twice.field_count++] = own.fields[0];
    assert_true(allows_orders(&cors, &own, "http://own") && allows(&cors, &own, "http://own"));
    assert_true(allows_orders(&cors, &both, "http://both"));
    assert_false(allows_orders(&cors, &listed, "http://a"));
    assert_false(allows_orders(&cors, &foreign, "http://b"));
    assert_false(allows_orders(&cors, &twice, "http://own") || cors_is_own(&cors, &twice));
    assert_true(cors_is_own(&cors, &own) && cors_is_own(&cors, &both) && !cors_is_own(&cors, &listed));

    assert_true(cors_order_preflight(&cors, &own, &fields));
    assert_non_null(memmem(fields.at, fields.bytes, "GET, HEAD, POST, PUT, DELETE\r\n", 30));
    assert_non_null(memmem(fields.at, fields.bytes, "Authorization, Content-Type", 27));
    assert_true(cors_preflight(&cors, &own, &fields) && fields.at);
    assert_true(cors_order_preflight(&cors, &listed, &fields) && !fields.at);
    assert_true(cors_preflight(&cors, &listed, &fields) && fields.at);
    assert_null(memmem(fields.at, fields.bytes, "Authorization", 13));
    assert_true(cors_order_preflight(&cors, &foreign, &fields) && !fields.at);
    assert_true(cors_order_preflight(&cors, &twice, &fields) && !fields.at);
}

static void a_dashboard_that_moves_is_forgotten_where_it_was(void **state)
{
    struct http_request before = asked(HTTP_GET, "http://localhost:1000", NULL), now;
    struct cors cors = {.count = 0};
    struct text kept, page = text_of("http://localhost:1000");
    char origin[32], copy[CORS_FIELDS_BYTES];
    unsigned moves = 0;

    (void)state;
    assert_int_equal(cors_own(&cors, &page, 1), 0);
    kept = cors_order_fields(&cors, &before);
    memcpy(copy, kept.at, kept.bytes);
    for (int rc = 0; rc == 0; moves++) {
        snprintf(origin, sizeof(origin), "http://localhost:%u", 1001 + moves);
        page = text_of(origin);
        rc = cors_own(&cors, &page, 1);
        now = asked(HTTP_GET, origin, NULL);
        assert_int_equal(cors_is_own(&cors, &now), rc == 0); /* none, when it has moved too often */
        assert_false(cors_is_own(&cors, &before));
        assert_memory_equal(copy, kept.at, kept.bytes); /* an answer that waits still borrows it */
    }
    assert_int_equal(moves, CORS_OWN_MAX);
    page = text_of("nonsense");
    assert_int_equal(cors_own(&cors, &page, 1), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_list_names_what_is_wrong_in_it),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(the_longest_origin_fits),
        cmocka_unit_test(who_is_listed_may_read),
        cmocka_unit_test(a_preflight_is_told_from_other_options),
        cmocka_unit_test(only_the_dashboard_may_order),
        cmocka_unit_test(a_dashboard_that_moves_is_forgotten_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
