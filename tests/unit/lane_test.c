/* lane_test.c - the lanes, and what each makes of its parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lane.h"

static void test_finding(void **state)
{
    (void)state;
    assert_ptr_equal(lane_at_path(text_of("/proxy/score")), &lanes[0]);
    assert_ptr_equal(lane_named(text_of("score")), &lanes[0]);
    assert_null(lane_at_path(text_of("/proxy/score/")));
    assert_null(lane_at_path(text_of("/proxy/Score")));
    assert_null(lane_named(text_of("")));
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        unsigned count = 0;

        while (lanes[i].params[count])
            count++;
        assert_in_range(count, 0, LANE_PARAMS);
        assert_int_equal(lane_place(&lanes[i]), i);
    }
}

static const struct {
    const char *cpf;  /* NULL: not given */
    const char *body; /* of the refusal; NULL: none */
    const char *query, *subject;
} scores[] = {
    {"529.982.247-25", NULL, "cpf=52998224725", "***.***.***-25"},
    {"52998224725", NULL, "cpf=52998224725", "***.***.***-25"},
    {NULL, "{\"message\":\"CPF \xc3\xa9 obrigat\xc3\xb3rio\"}", NULL, NULL},
    {"", "{\"message\":\"CPF \xc3\xa9 obrigat\xc3\xb3rio\"}", NULL, NULL},
    {"52998224724", "{\"message\":\"CPF inv\xc3\xa1lido\"}", NULL, NULL},
};

static void test_score(void **state)
{
    const struct lane *score = lane_named(text_of("score"));

    (void)state;
    for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++) {
        struct text value = scores[i].cpf ? text_of(scores[i].cpf) : (struct text){NULL, 0};
        struct lane_call call;
        const struct lane_refusal *refusal = score->prepare(&value, &call);

        assert_int_equal(refusal != NULL, scores[i].body != NULL);
        if (refusal) {
            assert_int_equal(refusal->status, 400);
            assert_string_equal(refusal->type, "application/json; charset=utf-8");
            assert_string_equal(refusal->body, scores[i].body);
        } else {
            assert_string_equal(call.query, scores[i].query);
            assert_int_equal(call.query_bytes, strlen(scores[i].query));
            assert_string_equal(call.subject, scores[i].subject);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_score),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
