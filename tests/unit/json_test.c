/* json_test.c - common/json.c: what is written is JSON, whatever the input and however small the buffer. */
#include "common/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const struct json *json, const char *wanted)
{
    struct text out;

    assert_int_equal(json_finish(json, &out), 0);
    if (!text_equal(out, wanted))
        fail_msg("wrote %.*s, wanted %s", TEXT_ARGS(out), wanted);
}

static void test_texts_are_escaped(void **state)
{
    static const struct {
        struct text value;
        const char *wanted;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"queue_full", 10}, "\"queue_full\""},
        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\\u007f\""},
        {{"\xc3\xa9", 2}, "\"\xc3\xa9\""},                                         /* two bytes */
        {{"\xe2\x82\xac\xf0\x9f\x98\x80", 7}, "\"\xe2\x82\xac\xf0\x9f\x98\x80\""}, /* three and four */
        {{"\xf4\x8f\xbf\xbf", 4}, "\"\xf4\x8f\xbf\xbf\""},                         /* U+10FFFF, the last */
        {{"a\xff"
          "b",
          3},
         "\"a\xef\xbf\xbd"
         "b\""},                                                           /* never in UTF-8 */
        {{"\x80", 1}, "\"\xef\xbf\xbd\""},                                 /* a continuation alone */
        {{"\xc3", 1}, "\"\xef\xbf\xbd\""},                                 /* cut short by the end */
        {{"\xc3(", 2}, "\"\xef\xbf\xbd(\""},                               /* cut short by a letter */
        {{"\xe2\x82\"", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\""},           /* cut short by a quote */
        {{"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* '/' in two bytes */
        {{"\xe0\x80\xaf", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* '/' in three */
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {{"\xf4\x90\x80\x80", 4}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* U+110000 */
        {{"\xf0\x8f\xbf\xbf", 4}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* too long */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buffer[64];
        struct json json;

        json_init(&json, buffer, sizeof(buffer));
        json_text(&json, cases[i].value);
        expect(&json, cases[i].wanted);
    }
}

static void test_numbers(void **state)
{
    char buffer[256];
    struct json json;

    (void)state;
    json_init(&json, buffer, sizeof(buffer));
    json_begin_array(&json);
    json_int(&json, INT64_MIN);
    json_uint(&json, UINT64_MAX);
    json_hex(&json, 255);
    json_double(&json, 0.1);
    json_double(&json, 1.0 / 3);
    json_double(&json, -2);
    json_double(&json, NAN);
    json_double(&json, INFINITY);
    json_end_array(&json);
    expect(&json, "[-9223372036854775808,18446744073709551615,\"00000000000000ff\",0.1,"
                  "0.33333333333333331,-2,null,null]");
}

static void write_problem(struct json *json)
{
    json_begin_object(json);
    json_key(json, "reason");
    json_string(json, "queue_full");
    json_key(json, "list");
    json_begin_array(json);
    json_int(json, 1);
    json_begin_object(json);
    json_end_object(json);
    json_begin_array(json);
    json_end_array(json);
    json_bool(json, true);
    json_bool(json, false);
    json_null(json);
    json_end_array(json);
    json_key_text(json, (struct text){"a\"b", 3});
    json_int(json, 2);
    json_end_object(json);
}

static const char problem[] = "{\"reason\":\"queue_full\",\"list\":[1,{},[],true,false,null],\"a\\\"b\":2}";

static void test_commas_come_by_themselves(void **state)
{
    char buffer[128];
    struct json json;

    (void)state;
    json_init(&json, buffer, sizeof(buffer));
    write_problem(&json);
    expect(&json, problem);
}

/* Every size too small is told, and no byte beyond it is touched (the sanitizer watches the heap block). */
static void test_a_small_buffer_is_never_overrun(void **state)
{
    (void)state;
    for (size_t size = 0; size <= sizeof(problem); size++) {
        char *buffer = malloc(size ? size : 1);
        struct json json;
        struct text out;

        json_init(&json, buffer, size);
        write_problem(&json);
        assert_int_equal(json_finish(&json, &out), size < strlen(problem) ? -ENOBUFS : 0);
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_escaped),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_commas_come_by_themselves),
        cmocka_unit_test(test_a_small_buffer_is_never_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
