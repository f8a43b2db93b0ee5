/* content_test.c - what is JSON and may be stored, and what is not. */
#include "fetcher/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/json_check.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const good[] = {
    "{}",
    "[]",
    " \t\r\n{ } \n",
    "0",
    "-0",
    "12",
    "-12.50",
    "1e9",
    "1E+9",
    "1.5e-300",
    "\"\"",
    "\"\xc3\xa9 \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\uABCD\"",
    "true",
    "false",
    "null",
    "[1,2,[3,{\"a\":[]}],{}]",
    "{\"a\":1,\"b\":{\"c\":[null,true]},\"a\":\"}\"}",
    "{\"cpf\":\"529.982.247-25\",\"score\":308,\"message\":\"O score de 529.982.247-25 \xc3\xa9 308\"}",
    " [ 1 , 2 ] ",
    "{ \"a\" : 1 , \"b\" : 2 }",
};

static const char *const bad[] = {
    "",
    " ",
    "<html>oops</html>",
    "Internal Server Error",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{\"a\" 1}",
    "{1:1}",
    "{\"a\":1]",
    "[1}",
    "[1 2]",
    "{}{}",
    "{} x",
    "01",
    "+1",
    ".5",
    "-",
    "1e",
    "1e+",
    "0x10",
    "tru",
    "nul",
    "True",
    "\"",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u1",
    "'a'",
    "/* */ 1",
    "{\"a\":1",
    "{\"a\":\"b}",
    "[\"a\\\"]",
    "1,2",
};

static void json_is_told_from_what_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        print_message("  %s\n", good[i]);
        assert_true(content_storable(CONTENT_JSON, true, text_of(good[i])));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        print_message("  not %s\n", bad[i]);
        assert_false(content_storable(CONTENT_JSON, true, text_of(bad[i])));
    }
    assert_false(content_storable(CONTENT_JSON, true, (struct text){"{}\0", 3}));
    assert_false(content_storable(CONTENT_JSON, true, (struct text){NULL, 0}));
}

/* Whatever is cut off, it does not read as whole, nor beyond its end (the copy has none to spare). */
static void what_is_cut_is_none(void **state)
{
    const char *whole = "{\"a\":[true,false,null,-1.5e+3,\"\\u00e9\\n\"],\"b\":{}}";

    (void)state;
    for (size_t bytes = 0; bytes < strlen(whole); bytes++) {
        char *copy = malloc(bytes + 1);

        assert_non_null(copy);
        copy = realloc(copy, bytes > 0 ? bytes : 1);
        memcpy(copy, whole, bytes);
        assert_false(content_storable(CONTENT_JSON, true, (struct text){copy, bytes}));
        free(copy);
    }
}

static void depth_is_bounded(void **state)
{
    char nest[2 * (JSON_CHECK_VALUE_DEPTH + 1)];

    (void)state;
    for (size_t depth = JSON_CHECK_VALUE_DEPTH; depth <= JSON_CHECK_VALUE_DEPTH + 1; depth++) {
        memset(nest, '[', depth);
        memset(nest + depth, ']', depth);
        assert_int_equal(content_storable(CONTENT_JSON, true, (struct text){nest, 2 * depth}),
                         depth == JSON_CHECK_VALUE_DEPTH);
    }
}

static void what_is_long_is_taken_at_its_word(void **state)
{
    static char junk[CONTENT_CHECKED_BYTES + 1];

    (void)state;
    memset(junk, 'x', sizeof(junk));
    assert_false(content_storable(CONTENT_JSON, true, (struct text){junk, sizeof(junk) - 1}));
    assert_true(content_storable(CONTENT_JSON, true, (struct text){junk, sizeof(junk)}));
    assert_false(content_storable(CONTENT_JSON, false, (struct text){junk, sizeof(junk)}));
}

static void the_type_must_say_so_unless_anything_goes(void **state)
{
    enum content_rule rule;

    (void)state;
    assert_false(content_storable(CONTENT_JSON, false, text_of("{}")));
    assert_true(content_storable(CONTENT_ANY, false, text_of("<html>")));
    assert_true(content_storable(CONTENT_ANY, false, text_of("")));
    assert_true(content_rule_find("json", &rule));
    assert_int_equal(rule, CONTENT_JSON);
    assert_true(content_rule_find("any", &rule));
    assert_int_equal(rule, CONTENT_ANY);
    assert_false(content_rule_find("xml", &rule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_told_from_what_is_none),
        cmocka_unit_test(what_is_cut_is_none),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(what_is_long_is_taken_at_its_word),
        cmocka_unit_test(the_type_must_say_so_unless_anything_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
