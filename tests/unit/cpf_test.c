/* cpf_test.c - which tax numbers pass, in which clothes. The numbers are synthetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "gateway/cpf.h"

static const struct {
    const char *given;
    int rc;
    const char *digits;
} cases[] = {
    {"52998224725", 0, "52998224725"},
    {"529.982.247-25", 0, "52998224725"},
    {"11144477735", 0, "11144477735"},
    {"39053344705", 0, "39053344705"},
    {" 529 982 247 25\n", 0, "52998224725"},
    {"cpf: 529.982.247-25!", 0, "52998224725"},
    {"", -ENODATA, NULL},
    {" ", -EINVAL, NULL},
    {"abc", -EINVAL, NULL},
    {"52998224724", -EINVAL, NULL},  /* second check digit */
    {"52998224735", -EINVAL, NULL},  /* first check digit */
    {"5299822472", -EINVAL, NULL},   /* 10 digits */
    {"529982247250", -EINVAL, NULL}, /* 12 digits */
    {"00000000000", -EINVAL, NULL},
    {"99999999999", -EINVAL, NULL},
    {"12345678909", -EINVAL, NULL},
    {"５２９98224725", -EINVAL, NULL}, /* only ASCII digits are digits */
};

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char digits[CPF_DIGITS + 1] = "";

        if (cpf_read(text_of(cases[i].given), digits) != cases[i].rc)
            fail_msg("\"%s\" is not judged as %d", cases[i].given, cases[i].rc);
        if (cases[i].rc == 0)
            assert_string_equal(digits, cases[i].digits);
    }
}

static void test_nul_bytes_are_stripped_too(void **state)
{
    char digits[CPF_DIGITS + 1];

    (void)state;
    assert_int_equal(cpf_read((struct text){"529982\00024725", 12}, digits), 0);
    assert_string_equal(digits, "52998224725");
}

static void test_mask(void **state)
{
    char mask[CPF_MASK_BYTES];

    (void)state;
    cpf_mask("52998224725", mask);
    assert_string_equal(mask, "***.***.***-25");
}

static void a_cpf_is_found_where_it_stands(void **state)
{
    static const struct {
        const char *text;
        bool found;
    } rows[] = {
        {"52998224725", true},
        {"req-52998224725", true},
        {"529.982.247-25", true},
        {"a/529.982.247-25=b", true},
        {"52998224726", false},   /* wrong check digit */
        {"1529982247250", false}, /* a longer number */
        {"529982247251", false},
        {"529.982.247-251", false},
        {"550e8400-e29b-41d4-a716-446655440000", false},
        {"", false},
        {"5299822472", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (cpf_stands_in(text_of(rows[i].text)) != rows[i].found)
            fail_msg("%s", rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpf_is_found_where_it_stands),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_nul_bytes_are_stripped_too),
        cmocka_unit_test(test_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
