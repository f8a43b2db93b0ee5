/* heard_test.c - who is well by metricsd's word, and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "ctl/heard.h"

static void test_who_is_heard(void **state)
{
    static const struct {
        const char *told, *process;
        int64_t pid;
        bool heard;
    } rows[] = {
        {"{\"processes\":[{\"process\":\"gateway\",\"pid\":7,\"up\":true}]}", "gateway", 7, true},
        {"{\"processes\":[{\"process\":\"gateway\",\"pid\":7,\"up\":false}]}", "gateway", 7, false},
        {"{\"processes\":[{\"process\":\"gateway\",\"pid\":8,\"up\":true}]}", "gateway", 7, false},
        {"{\"processes\":[{\"process\":\"fetcher\",\"pid\":7,\"up\":true}]}", "gateway", 7, false},
        {"{\"processes\":[{\"process\":\"gateway\",\"pid\":7,\"up\":false},"
         "{\"process\":\"gateway\",\"pid\":7,\"up\":true}]}",
         "gateway", 7, true}, /* the number was given again */
        {"{\"processes\":[7,{\"process\":7},{\"process\":\"gateway\",\"pid\":\"7\",\"up\":true}]}", "gateway",
         7, false},
        {"{\"processes\":[]}", "gateway", 7, false},
        {"{\"processes\":7}", "gateway", 7, false},
        {"[]", "gateway", 7, false},
        {"null", "gateway", 7, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_object *told = json_tokener_parse(rows[i].told);

        assert_int_equal(heard_of(told, rows[i].process, rows[i].pid), rows[i].heard);
        json_object_put(told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_is_heard)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
