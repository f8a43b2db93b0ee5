/* json_check_test.c - what may be passed on as JSON, and what would break the text that it is put into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json_check.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }

static void good_objects_pass(void **state)
{
    static const struct text texts[] = {
        TEXT("{}"),
        TEXT("  { }  "),
        TEXT("{\"a\":1}"),
        TEXT("{ \"a\" : -0.5e+3 , \"b\" : [ ] , \"c\" : [ 1 , { } , [ [ ] ] ] }"),
        TEXT("{\"a\":0,\"b\":1E9,\"c\":10.25,\"d\":-7e-2}"),
        TEXT("{\"\":true,\"a\":false,\"b\":null}"),
        TEXT("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABcd\"}"),
        TEXT("{\"caf\xc3\xa9\":\"\xe2\x82\xac \xf0\x9f\x9a\xb0\"}"),
        TEXT("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"), /* 16 deep */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!json_check_object(texts[i]))
            fail_msg("refused: %s", texts[i].at);
    }
}

static const struct text bad_texts[] = {
    TEXT(""),
    TEXT("  "),
    TEXT("{"),
    TEXT("}"),
    TEXT("[]"),
    TEXT("null"),
    TEXT("\"{}\""),
    TEXT("{}{}"),
    TEXT("{},"),
    TEXT("{} x"),
    TEXT("{]"),
    TEXT("{\"a\":[}"),
    TEXT("{\"a\":[1}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\":1,}"),
    TEXT("{,\"a\":1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\":[1,]}"),
    TEXT("{\"a\":[,1]}"),
    TEXT("{\"a\":[1 2]}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("{\"a\":NaN}"),
    TEXT("{\"a\":Infinity}"),
    TEXT("{\"a\":-Infinity}"),
    TEXT("{\"a\":True}"),
    TEXT("{\"a\":nul}"),
    TEXT("{\"a\":truefalse}"),
    TEXT("{\"a\":01}"),
    TEXT("{\"a\":+1}"),
    TEXT("{\"a\":-}"),
    TEXT("{\"a\":1.}"),
    TEXT("{\"a\":.5}"),
    TEXT("{\"a\":1e}"),
    TEXT("{\"a\":1e+-2}"),
    TEXT("{\"a\":0x10}"),
    TEXT("{\"a\":\"\\x\"}"),
    TEXT("{\"a\":\"\\u12g4\"}"),
    TEXT("{\"a\":\"\\u12\"}"),
    TEXT("{\"a\":\"\\u12g4}"), /* a bad string, and a good number in its rest */
    TEXT("{\"a\":\"\\\"}"),
    TEXT("{\"a\":\"\\\0\"}"),
    TEXT("{\"a\":\"b}"),
    TEXT("{\"a\":\"line\nend\"}"),
    TEXT("{\"a\":\n1}"), /* it would end a line of the event stream */
    TEXT("{\"a\":\t1}"),
    TEXT("{}\n"),
    TEXT("{\"a\":\"\0\"}"),
    TEXT("{\"a\":1}\0"),
    TEXT("{\"a\":\"\x7f\"}"),
    TEXT("{\"a\":\"\xff\"}"),
    TEXT("{\"a\":\"\xc3\"}"),
    TEXT("{\"a\":\"\xed\xa0\x80\"}"), /* a surrogate */
    TEXT("{\"a\":\"\xc0\xaf\"}"),
    TEXT("\xef\xbb\xbf{}"),
    TEXT("/**/{}"),
    TEXT("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"), /* 17 deep */
};

static void all_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
        if (json_check_object(bad_texts[i]))
            fail_msg("%zu passed: %s", i, bad_texts[i].at);
    }
}

static void values_of_every_kind_pass(void **state)
{
    static const struct text texts[] = {
        TEXT("{}"),
        TEXT(" [ ] "),
        TEXT("\r\n\t[1,\n{\"a\":\t[]}\n]\r\n"),
        TEXT("0"),
        TEXT("-0.5e+3 "),
        TEXT("99999999999999999999999999"),
        TEXT("\"\xc3\xa9\x7f\""),
        TEXT("null"),
    };
    char nest[2 * JSON_CHECK_VALUE_DEPTH];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!json_check_value(texts[i]))
            fail_msg("refused: %s", texts[i].at);
    }
    memset(nest, '[', JSON_CHECK_VALUE_DEPTH);
    memset(nest + JSON_CHECK_VALUE_DEPTH, ']', JSON_CHECK_VALUE_DEPTH);
    assert_true(json_check_value((struct text){nest, sizeof(nest)}));
}

static void no_value_is_refused(void **state)
{
    static const struct text texts[] = {
        TEXT(""),         TEXT("\n"), TEXT("NaN"), TEXT("[NaN]"), TEXT("1 2"),   TEXT("01"),
        TEXT("{}[]"),     TEXT("[}"), TEXT("]"),   TEXT("1\0"),   TEXT("[1]\v"), TEXT("\"line\nend\""),
        TEXT("\"\xe9\""),
    };
    char nest[2 * (JSON_CHECK_VALUE_DEPTH + 1)];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (json_check_value(texts[i]))
            fail_msg("%zu passed: %s", i, texts[i].at);
    }
    memset(nest, '[', sizeof(nest) / 2);
    memset(nest + sizeof(nest) / 2, ']', sizeof(nest) / 2);
    assert_false(json_check_value((struct text){nest, sizeof(nest)}));
}

/* Whatever is cut off, it is noticed, and nothing behind the end is looked at. */
static void every_cut_is_noticed(void **state)
{
    static const char whole[] = "{\"a\":[1.5e3,\"\\u00e9\xc3\xa9\",{\"b\":null}],\"c\":true}";
    char exact[sizeof(whole)];

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(whole) - 1; bytes++) {
        char *end = exact + sizeof(exact) - bytes;

        memcpy(end, whole, bytes);
        assert_false(json_check_object((struct text){end, bytes}));
    }
    assert_true(json_check_object(text_of(whole)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_objects_pass),         cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(values_of_every_kind_pass), cmocka_unit_test(no_value_is_refused),
        cmocka_unit_test(every_cut_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
