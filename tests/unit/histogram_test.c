/* histogram_test.c - common/histogram.c: each duration lies within its bucket's edges, and quantiles are off
 * by at most 25 %. */
#include "common/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_US 3600000000LL

static unsigned bucket_of(int64_t duration_us)
{
    struct histogram histogram = {0};
    unsigned bucket = 0;

    histogram_add(&histogram, duration_us);
    while (histogram.buckets[bucket] == 0)
        bucket++;
    return bucket;
}

static void test_each_duration_lies_within_its_edges(void **state)
{
    int64_t duration_us = 0;

    (void)state;
    while (duration_us < 40 * HOUR_US) {
        unsigned bucket = bucket_of(duration_us);

        assert_true(duration_us <= histogram_edge_us(bucket));
        assert_true(bucket == 0 || duration_us > histogram_edge_us(bucket - 1));
        duration_us += 1 + duration_us / 97;
    }
}

/* Prometheus's `le` is inclusive: a duration that is an edge belongs below it, the next one above. */
static void test_edges_are_inclusive_and_grow_by_a_quarter_at_most(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        int64_t edge = histogram_edge_us(i);

        assert_int_equal(bucket_of(edge), i);
        assert_int_equal(bucket_of(edge + 1), i + 1);
        if (i > 0)
            assert_true(4 * edge <= 5 * histogram_edge_us(i - 1));
    }
    assert_int_equal(histogram_edge_us(0), 16);
    assert_int_equal(histogram_edge_us(4), 32);
    assert_int_equal(histogram_edge_us(HISTOGRAM_BUCKETS - 2), 1LL << 37);
    assert_int_equal(histogram_edge_us(HISTOGRAM_BUCKETS - 1), INT64_MAX);
}

static void test_the_longest_deadline_has_a_bucket_of_its_own(void **state)
{
    (void)state;
    assert_true(bucket_of(24 * HOUR_US) < HISTOGRAM_BUCKETS - 1);
    assert_int_equal(bucket_of(39 * HOUR_US), HISTOGRAM_BUCKETS - 1);
    assert_int_equal(bucket_of(INT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void test_negative_durations_count_as_nothing(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    histogram_add(&histogram, INT64_MIN);
    histogram_add(&histogram, -1);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram.sum_us, 0);
    assert_int_equal(histogram.buckets[0], 2);
}

static void test_quantiles(void **state)
{
    static const struct {
        const char *story;
        int64_t durations_us[4];
        double quantile;
        int64_t wanted_us;
    } cases[] = {
        {"one value is every quantile", {1000}, 0.01, 1024},
        {"one value is every quantile", {1000}, 0.99, 1024},
        {"the least of four", {100, 1000, 10000, 100000}, 0, 112},
        {"half of four: the second", {100, 1000, 10000, 100000}, 0.5, 1024},
        {"three quarters: the third", {100, 1000, 10000, 100000}, 0.75, 10240},
        {"a little more: the fourth", {100, 1000, 10000, 100000}, 0.76, 114688},
        {"the greatest", {100, 1000, 10000, 100000}, 1, 114688},
        {"beyond the last edge: the longest that is known", {50 * HOUR_US}, 0.5, 1LL << 37},
    };
    struct histogram empty = {0};

    (void)state;
    assert_int_equal(histogram_quantile_us(&empty, 0.5), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct histogram histogram = {0};
        int64_t got;

        for (size_t j = 0; j < 4 && cases[i].durations_us[j]; j++)
            histogram_add(&histogram, cases[i].durations_us[j]);
        got = histogram_quantile_us(&histogram, cases[i].quantile);
        if (got != cases[i].wanted_us)
            fail_msg("%s: %lld, wanted %lld", cases[i].story, (long long)got, (long long)cases[i].wanted_us);
    }
}

static void test_merging_is_adding(void **state)
{
    struct histogram left = {0}, right = {0}, both = {0};

    (void)state;
    for (int64_t duration_us = 1; duration_us < HOUR_US; duration_us = duration_us * 3 + 1) {
        histogram_add(duration_us % 2 ? &left : &right, duration_us);
        histogram_add(&both, duration_us);
    }
    histogram_merge(&left, &right);
    assert_memory_equal(&left, &both, sizeof(both));
}

static void test_subtracting_leaves_what_came_since(void **state)
{
    struct histogram histogram = {0}, before, since = {0};
    static const struct histogram empty;

    (void)state;
    for (int64_t duration_us = 1; duration_us < HOUR_US; duration_us *= 3)
        histogram_add(&histogram, duration_us);
    before = histogram;
    for (int64_t duration_us = 7; duration_us < HOUR_US; duration_us *= 5) {
        histogram_add(&histogram, duration_us);
        histogram_add(&since, duration_us);
    }
    histogram_subtract(&histogram, &before);
    assert_memory_equal(&histogram, &since, sizeof(since));
    histogram_subtract(&histogram, &before); /* which is no part of it */
    histogram_subtract(&since, &since);
    assert_memory_equal(&since, &empty, sizeof(empty));
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        assert_true(histogram.buckets[i] <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_duration_lies_within_its_edges),
        cmocka_unit_test(test_edges_are_inclusive_and_grow_by_a_quarter_at_most),
        cmocka_unit_test(test_the_longest_deadline_has_a_bucket_of_its_own),
        cmocka_unit_test(test_negative_durations_count_as_nothing),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_merging_is_adding),
        cmocka_unit_test(test_subtracting_leaves_what_came_since),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
