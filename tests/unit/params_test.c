/* params_test.c - query strings, and what is read out of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/params.h"

#define NONE "(none)"

static const struct {
    const char *query;
    const char *cpf, *priority; /* as read; NONE: not given */
    const char *bad;            /* NULL: it is good */
} cases[] = {
    {"", NONE, NONE, NULL},
    {"cpf=52998224725", "52998224725", NONE, NULL},
    {"cpf=52998224725&priority=1", "52998224725", "1", NULL},
    {"priority=1&cpf=52998224725", "52998224725", "1", NULL},
    {"cpf", "", NONE, NULL},
    {"cpf=", "", NONE, NULL},
    {"cpf=a=b", "a=b", NONE, NULL},
    {"&&cpf=1&&", "1", NONE, NULL},
    {"cpf=529%2E982%2e247-25", "529.982.247-25", NONE, NULL},
    {"cpf=529+982%20247", "529 982 247", NONE, NULL},
    {"%63pf=1&priorit%79=2", "1", "2", NULL},
    {"cpf=%25%2B", "%+", NONE, NULL},
    {"other=1&other=2&cpf=3", "3", NONE, NULL}, /* what is not wanted may come as it likes */
    {"cpf[]=1&CPF=2&cpf =3", NONE, NONE, NULL}, /* names are exact */
    {"=1&cpf=2", "2", NONE, NULL},
    {"cpf=1&cpf=2", NONE, NONE, "cpf"},
    {"cpf=1&%63pf=1", NONE, NONE, "cpf"},
    {"cpf&cpf", NONE, NONE, "cpf"},
    {"priority=1&cpf=2&priority=1", NONE, NONE, "priority"},
    {"cpf=%", NONE, NONE, "cpf"},
    {"cpf=%4", NONE, NONE, "cpf"},
    {"cpf=%4g", NONE, NONE, "cpf"},
    {"cpf=1&other=%zz", NONE, NONE, "query"},
    {"%zz=1&cpf=1", NONE, NONE, "query"},
};

static void check(const char *query, struct text value, const char *want)
{
    if (strcmp(want, NONE) == 0 ? value.at != NULL : !value.at || !text_equal(value, want))
        fail_msg("in \"%s\": not \"%s\"", query, want);
}

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct param params[] = {{.name = "cpf"}, {.name = "priority"}};
        struct text query = text_of(cases[i].query);
        const char *bad = NULL;
        char *room = test_malloc(query.bytes + 1); /* exactly what is promised: ASan watches */
        int rc = params_read(query, params, 2, room, &bad);

        if (rc != (cases[i].bad ? -EINVAL : 0))
            fail_msg("\"%s\" gives %d", cases[i].query, rc);
        if (cases[i].bad)
            assert_string_equal(bad, cases[i].bad);
        if (rc == 0) {
            check(cases[i].query, params[0].value, cases[i].cpf);
            check(cases[i].query, params[1].value, cases[i].priority);
        }
        test_free(room);
    }
}

static void test_no_query_at_all(void **state)
{
    struct param params[] = {{.name = "cpf", .value = {"left over", 9}}};
    const char *bad;

    (void)state;
    assert_int_equal(params_read((struct text){NULL, 0}, params, 1, NULL, &bad), 0);
    assert_null(params[0].value.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_no_query_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
