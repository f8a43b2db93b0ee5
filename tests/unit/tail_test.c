/* tail_test.c - which events are new, and how many were missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "ctl/tail.h"

static struct tail tail;

static enum tail_verdict take(const char *text, int64_t *missed)
{
    struct json_object *event = json_tokener_parse(text);
    enum tail_verdict verdict = tail_take(&tail, event, missed);

    json_object_put(event);
    return verdict;
}

static void test_a_story(void **state)
{
    static const struct {
        const char *event;
        enum tail_verdict verdict;
        int64_t missed;
    } rows[] = {
        {"{\"epoch\":\"a\",\"seq\":7}", TAIL_NEW, 0}, /* what came before is not known to be missed */
        {"{\"epoch\":\"a\",\"seq\":7}", TAIL_OLD, 0},
        {"{\"epoch\":\"a\",\"seq\":8}", TAIL_NEW, 0},
        {"{\"epoch\":\"b\",\"seq\":1}", TAIL_NEW, 0}, /* a process that was restarted counts anew */
        {"{\"epoch\":\"a\",\"seq\":12}", TAIL_NEW, 3},
        {"{\"epoch\":\"a\",\"seq\":10}", TAIL_OLD, 0},
        {"{\"epoch\":\"b\",\"seq\":2}", TAIL_NEW, 0},
        {"{\"epoch\":\"c\",\"seq\":0}", TAIL_NEW, 0},
        {"{\"epoch\":\"c\",\"seq\":-1}", TAIL_BAD, 0},
        {"{\"epoch\":\"\",\"seq\":1}", TAIL_BAD, 0},
        {"{\"epoch\":\"0123456789abcdef0\",\"seq\":1}", TAIL_BAD, 0},
        {"{\"epoch\":1,\"seq\":1}", TAIL_BAD, 0},
        {"{\"epoch\":\"a\",\"seq\":\"13\"}", TAIL_BAD, 0},
        {"{\"epoch\":\"a\"}", TAIL_BAD, 0},
        {"[]", TAIL_BAD, 0},
        {"null", TAIL_BAD, 0},
    };
    int64_t missed;

    (void)state;
    tail = (struct tail){.clock = 0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(take(rows[i].event, &missed), rows[i].verdict);
        assert_int_equal(missed, rows[i].missed);
    }
}

static void test_the_epoch_that_was_silent_for_longest_makes_room(void **state)
{
    char text[64];
    int64_t missed;

    (void)state;
    tail = (struct tail){.clock = 0};
    for (unsigned i = 0; i < TAIL_EPOCHS; i++) {
        snprintf(text, sizeof(text), "{\"epoch\":\"%x\",\"seq\":5}", i);
        assert_int_equal(take(text, &missed), TAIL_NEW);
    }
    assert_int_equal(take("{\"epoch\":\"0\",\"seq\":5}", &missed), TAIL_OLD);
    assert_int_equal(take("{\"epoch\":\"fff\",\"seq\":5}", &missed), TAIL_NEW);
    assert_int_equal(take("{\"epoch\":\"0\",\"seq\":5}", &missed), TAIL_OLD);
    assert_int_equal(take("{\"epoch\":\"2\",\"seq\":5}", &missed), TAIL_OLD);
    assert_int_equal(take("{\"epoch\":\"1\",\"seq\":5}", &missed), TAIL_NEW);
}

static void test_one_story(void **state)
{
    struct json_object *list = json_tokener_parse("[{\"at_us\":5,\"seq\":0},{\"at_us\":9,\"seq\":1},{\"at_"
                                                  "us\":3,\"seq\":2},{\"at_us\":5,\"seq\":3},{\"seq\":4}]");
    static const int64_t order[] = {4, 2, 0, 3, 1};
    const struct json_object *events[5];

    (void)state;
    for (size_t i = 0; i < 5; i++)
        events[i] = json_object_array_get_idx(list, i);
    tail_sort(events, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(json_object_get_int64(json_object_object_get(events[i], "seq")), order[i]);
    tail_sort(events, 0);
    json_object_put(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_story),
        cmocka_unit_test(test_the_epoch_that_was_silent_for_longest_makes_room),
        cmocka_unit_test(test_one_story),
    };

    return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
