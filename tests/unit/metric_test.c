/* metric_test.c - common/metrics.def: the table keeps the rules that Prometheus and the feed rely on. */
#include "common/metric.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/message.h"

static bool ends_with(const char *string, const char *end)
{
    size_t bytes = strlen(string), end_bytes = strlen(end);

    return bytes >= end_bytes && strcmp(string + bytes - end_bytes, end) == 0;
}

static bool same_family(const struct metric_spec *a, const struct metric_spec *b)
{
    return strcmp(a->process, b->process) == 0 && strcmp(a->name, b->name) == 0;
}

static void check_name(const char *name, const char *help)
{
    size_t i = 0;

    for (; name[i]; i++) {
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && name[i] != '_')
            fail_msg("%s: not a snake_case name", name);
    }
    if (i == 0 || isdigit((unsigned char)name[0]) || i > MESSAGE_LABEL_BYTES)
        fail_msg("'%s': empty, too long, or begins with a digit", name);
    if (strlen(help) < 5 || strpbrk(help, "\\\n") || ends_with(help, "."))
        fail_msg("%s: help is missing, ends with a point or needs escaping", name);
}

static void test_names_say_what_prometheus_expects(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        check_name(spec->name, spec->help);
        if ((spec->kind == METRIC_KIND_COUNTER) != ends_with(spec->name, "_total"))
            fail_msg("%s: counters, and only they, end with _total", spec->name);
        if ((spec->kind == METRIC_KIND_SECONDS) != ends_with(spec->name, "_seconds"))
            fail_msg("%s: durations, and only they, end with _seconds", spec->name);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram_spec *spec = metric_histogram_spec((enum metric_histogram)i);

        check_name(spec->name, spec->help);
        assert_true(ends_with(spec->name, "_seconds"));
    }
}

/* The exposition writes HELP and TYPE once for a run of rows of one name. */
static void test_a_family_stands_together_and_agrees(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        for (int j = i + 1; j < METRIC_COUNT; j++) {
            const struct metric_spec *other = metric_spec((enum metric)j);
            const struct metric_spec *before = metric_spec((enum metric)(j - 1));

            if (!same_family(spec, other))
                continue;
            if (!same_family(before, other))
                fail_msg("%s: its rows do not stand together", spec->name);
            if (spec->kind != other->kind || strcmp(spec->help, other->help) != 0)
                fail_msg("%s: its rows disagree", spec->name);
            if (!spec->labels[0] || strcmp(spec->labels, other->labels) == 0)
                fail_msg("%s: the same series twice", spec->name);
        }
    }
}

static void test_each_row_is_found_by_process_and_key(void **state)
{
    char key[128];

    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        snprintf(key, sizeof(key), spec->labels[0] ? "%s{%s}" : "%s", spec->name, spec->labels);
        assert_string_equal(spec->key, key);
        assert_int_equal(metric_find(text_of(spec->process), text_of(key)), i);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram_spec *spec = metric_histogram_spec((enum metric_histogram)i);

        assert_int_equal(metric_histogram_find(text_of(spec->process), text_of(spec->name)), i);
    }
}

static void test_what_is_not_in_the_table_is_not_found(void **state)
{
    static const struct {
        const char *process, *key;
    } strangers[] = {
        {"gateway", ""},
        {"gateway", "requests"},
        {"gateway", "requests_total2"},
        {"", "requests_total"},
        {"fetcher", "requests_total"},
        {"gateway", "REQUESTS_TOTAL"},
        {"gateway", "refused_total"},
        {"gateway", "refused_total{reason=\"luck\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        struct text process = text_of(strangers[i].process), key = text_of(strangers[i].key);

        assert_int_equal(metric_find(process, key), METRIC_COUNT);
        assert_int_equal(metric_histogram_find(process, key), HISTOGRAM_COUNT);
    }
}

static void test_each_reason_has_its_counter(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const struct metric_spec *spec = metric_spec(metric_refused((enum reason)i));
        char labels[64];

        snprintf(labels, sizeof(labels), "reason=\"%s\"", reason_name((enum reason)i));
        assert_string_equal(spec->name, "refused_total");
        assert_string_equal(spec->labels, labels);
    }
}

/* One message carries a process's values, and one the values of all. */
static void test_the_table_fits_into_messages(void **state)
{
    (void)state;
    assert_true(METRIC_COUNT + 2 * HISTOGRAM_COUNT + 8 <= MESSAGE_PAIRS);
    assert_true(4 * HISTOGRAM_COUNT <= MESSAGE_PAIRS);
    assert_true(HISTOGRAM_BUCKETS <= MESSAGE_UINTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_say_what_prometheus_expects),
        cmocka_unit_test(test_a_family_stands_together_and_agrees),
        cmocka_unit_test(test_each_row_is_found_by_process_and_key),
        cmocka_unit_test(test_what_is_not_in_the_table_is_not_found),
        cmocka_unit_test(test_each_reason_has_its_counter),
        cmocka_unit_test(test_the_table_fits_into_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
