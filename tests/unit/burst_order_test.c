/* burst_order_test.c - what may be ordered of a burst, and how an order that is not quite right is refused by
 * name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/burst_order.h"

#define A "52998224725"
#define B "111.444.777-35"

static const struct burst_limits limits = {.requests_max = 3, .concurrency_max = 20};
static struct burst_order order;
static char detail[ADMIN_DETAIL_BYTES];

static int read_order(const char *body)
{
    return burst_order_read(text_of(body), &limits, &order, detail);
}

static const struct {
    const char *body, *says;
} refusals[] = {
    {"", "cpfs: is missing, and so is cpf"},
    {"{}", "cpfs: is missing, and so is cpf"},
    {"[]", "body: must be one JSON object"},
    {"{\"cpf\":\"" A "\"", "body: must be one JSON object"},
    {"{\"cpf\":\"" A "\",\"cpf\":\"" A "\"}", "body: a member comes twice"},
    {"{\"cpf\":\"" A "\",\"colour\":1}", "colour: no such member"},
    {"{\"cpf\":\"" A "\",\"cpfs\":[\"" A "\"]}", "cpf: cannot stand beside cpfs"},
    {"{\"cpf\":" A "}", "cpf: must be a string"},
    {"{\"cpf\":\"\"}", "cpf: must have 1 to 32 characters"},
    {"{\"cpf\":\"012345678901234567890123456789012\"}", "cpf: must have 1 to 32 characters"},
    {"{\"cpfs\":\"" A "\"}", "cpfs: must be a list of 1 to 3"},
    {"{\"cpfs\":null}", "cpfs: must be a list of 1 to 3"},
    {"{\"cpfs\":{}}", "cpfs: must be a list of 1 to 3"},
    {"{\"cpfs\":[]}", "cpfs: must be a list of 1 to 3"},
    {"{\"cpfs\":[\"1\",\"2\",\"3\",\"4\"]}", "cpfs: must be a list of 1 to 3"},
    {"{\"cpfs\":[\"1\",2]}", "cpfs[1]: must be a string"},
    {"{\"cpfs\":[null]}", "cpfs[0]: must be a string"},
    {"{\"cpfs\":[{\"a\":\"b\"}]}", "cpfs[0]: must be a string"},
    {"{\"cpfs\":[\"1\",\"\"]}", "cpfs[1]: must have 1 to 32 characters"},
    {"{\"cpfs\":[\"1\\u00002\"]}", "cpfs[0]: must have 1 to 32 characters"},
    {"{\"cpfs\":[\"1\"],\"repeat\":2}", "repeat: is only for cpf"},
    {"{\"cpf\":\"1\",\"repeat\":0}", "repeat: must be from 1 to 3"},
    {"{\"cpf\":\"1\",\"repeat\":4}", "repeat: must be from 1 to 3"},
    {"{\"cpf\":\"1\",\"repeat\":-1}", "repeat: must be from 1 to 3"},
    {"{\"cpf\":\"1\",\"repeat\":1e999}", "repeat: must be a whole number"},
    {"{\"cpf\":\"1\",\"repeat\":99999999999999999999}", "repeat: must be from 1 to 3"},
    {"{\"cpf\":\"1\",\"repeat\":1.5}", "repeat: must be a whole number"},
    {"{\"cpf\":\"1\",\"repeat\":\"2\"}", "repeat: must be a whole number"},
    {"{\"cpf\":\"1\",\"concurrency\":0}", "concurrency: must be from 1 to 20"},
    {"{\"cpf\":\"1\",\"concurrency\":21}", "concurrency: must be from 1 to 20"},
    {"{\"cpf\":\"1\",\"concurrency\":true}", "concurrency: must be a whole number"},
    {"{\"cpf\":\"1\",\"rate\":0}", "rate: must be from 0.001 to 10000"},
    {"{\"cpf\":\"1\",\"rate\":10001}", "rate: must be from 0.001 to 10000"},
    {"{\"cpf\":\"1\",\"rate\":NaN}", "body: must be one JSON object"},
    {"{\"cpf\":\"1\",\"rate\":\"fast\"}", "rate: must be a number"},
    {"{\"cpf\":\"1\",\"priority\":-1}", "priority: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"priority\":100}", "priority: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"priority\":1.0}", "priority: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"priority\":\"1\"}", "priority: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"priority\":null}", "priority: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"priority\":[]}", "priority: must be a list of 1 to 16"},
    {"{\"cpf\":\"1\",\"priority\":[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8]}",
     "priority: must be a list of 1 to 16"},
    {"{\"cpf\":\"1\",\"priority\":[0,100]}", "priority[1]: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"priority\":[[0]]}", "priority[0]: must be a whole number from 0 to 99"},
    {"{\"cpf\":\"1\",\"client_id\":7}", "client_id: must be a string"},
    {"{\"cpf\":\"1\",\"client_id\":\"\"}", "client_id: must have 1 to 128 characters"},
    {"{\"cpf\":\"1\",\"client_id\":\"a b\"}", "client_id: must be visible ASCII"},
    {"{\"cpf\":\"1\",\"client_id\":\"\xc3\xa9\"}", "client_id: must be visible ASCII"},
    {"{\"cpf\":\"1\",\"lane\":\"no\"}", "lane: no such lane"},
};

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        detail[0] = '\0';
        if (read_order(refusals[i].body) != -EINVAL || strcmp(detail, refusals[i].says) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", refusals[i].body, detail, refusals[i].says);
        assert_null(order.subjects);
    }
}

static void test_a_list(void **state)
{
    (void)state;
    assert_int_equal(read_order("{\"cpfs\":[\"" A "\",\"" B "\",\"rubbish: [,]\"],\"priority\":[0,50],"
                                "\"client_id\":\"billing\",\"concurrency\":20,\"rate\":0.001,"
                                "\"lane\":\"score\"}"),
                     0);
    assert_int_equal(order.count, 3);
    assert_int_equal(order.subject_count, 3);
    assert_string_equal(order.subjects[0], A);
    assert_string_equal(order.subjects[1], B);
    assert_string_equal(order.subjects[2], "rubbish: [,]"); /* whether it is a CPF is not asked here */
    assert_int_equal(order.priority_count, 2);
    assert_int_equal(order.priorities[1], 50);
    assert_string_equal(order.client_id, "billing");
    assert_int_equal(order.concurrency, 20);
    assert_true(order.rate > 0.0009 && order.rate < 0.0011);
    assert_ptr_equal(order.lane, &lanes[0]);
    burst_order_done(&order);
    assert_null(order.subjects);
}

static void test_what_is_not_told_is_as_ever(void **state)
{
    (void)state;
    assert_int_equal(read_order("{\"cpf\":\"" A "\"}"), 0);
    assert_int_equal(order.count, 1);
    assert_int_equal(order.priority_count, 0);
    assert_int_equal(order.concurrency, 20);
    assert_true(order.rate == 0);
    assert_string_equal(order.client_id, "");
    assert_ptr_equal(order.lane, &lanes[0]);
    burst_order_done(&order);
}

static void test_one_thing_again_and_again(void **state)
{
    (void)state;
    assert_int_equal(
        read_order("{\"cpf\":\"01234567890123456789012345678901\",\"repeat\":3,\"priority\":99}"), 0);
    assert_int_equal(order.count, 3);
    assert_int_equal(order.subject_count, 1);
    assert_int_equal(strlen(order.subjects[0]), BURST_SUBJECT_BYTES);
    assert_int_equal(order.priorities[0], 99);
    burst_order_done(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_a_list),
        cmocka_unit_test(test_what_is_not_told_is_as_ever),
        cmocka_unit_test(test_one_thing_again_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
