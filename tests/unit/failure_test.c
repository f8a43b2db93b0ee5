/* failure_test.c - the pauses after failed attempts, and what is true within and after them. */
#include "common/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#define S   1000000LL
#define NOW (1700000000LL * S)

static void each_failure_doubles_the_pause(void **state)
{
    static const struct {
        int64_t first, most;
        int64_t pauses[6]; /* after so many failures, in seconds */
    } rows[] = {
        {5, 60, {5, 10, 20, 40, 60, 60}},
        {1, 1, {1, 1, 1, 1, 1, 1}},
        {10, 3, {3, 3, 3, 3, 3, 3}}, /* the bound is one for the first, too */
        {0, 60, {0, 0, 0, 0, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct failure_policy policy = {
            .first_us = rows[i].first * S, .most_us = rows[i].most * S, .attempt_us = 7 * S};
        struct failure failure, before;

        for (unsigned n = 0; n < 6; n++) {
            failure = failure_after(n > 0 ? &before : NULL, &policy, REASON_UPSTREAM_TIMEOUT, NOW + n);
            assert_int_equal(failure.count, n + 1);
            assert_int_equal(failure.failed_wall_us, NOW + n);
            assert_int_equal(failure.until_wall_us, NOW + n + rows[i].pauses[n] * S);
            assert_int_equal(failure.past_wall_us - failure.until_wall_us,
                             (rows[i].pauses[n] > 7 ? rows[i].pauses[n] : 7) * S);
            assert_int_equal(failure.reason, REASON_UPSTREAM_TIMEOUT);
            before = failure;
        }
    }
}

static void there_is_no_end_to_counting(void **state)
{
    struct failure_policy policy = {.first_us = 1, .most_us = 86400 * S};
    struct failure before = {.failed_wall_us = NOW, .until_wall_us = NOW, .count = UINT32_MAX};
    struct failure after = failure_after(&before, &policy, REASON_UPSTREAM_ERROR, NOW);

    (void)state;
    assert_int_equal(after.count, UINT32_MAX);
    assert_int_equal(after.until_wall_us, NOW + 86400 * S);
}

static void phases(void **state)
{
    static const struct {
        int64_t at; /* seconds after the failure; the pause is 10 */
        enum failure_phase phase;
    } rows[] = {
        {-1, FAILURE_IS_PAST}, {0, FAILURE_PAUSES},   {9, FAILURE_PAUSES},    {10, FAILURE_IS_DUE},
        {19, FAILURE_IS_DUE},  {20, FAILURE_IS_PAST}, {900, FAILURE_IS_PAST},
    };
    struct failure failure = {
        .failed_wall_us = NOW, .until_wall_us = NOW + 10 * S, .past_wall_us = NOW + 20 * S, .count = 2};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(failure_phase(&failure, NOW + rows[i].at * S), rows[i].phase);
    failure.until_wall_us = failure.past_wall_us = NOW; /* no pause at all */
    assert_int_equal(failure_phase(&failure, NOW), FAILURE_IS_PAST);
}

static void records(void **state)
{
    struct failure failure = {.failed_wall_us = NOW,
                              .until_wall_us = NOW + 1,
                              .past_wall_us = NOW + 2,
                              .count = 3,
                              .reason = REASON_UPSTREAM_BROKEN};
    struct failure bad = failure, read;
    char record[FAILURE_BYTES + 1];

    (void)state;
    failure_write(&failure, record + 1); /* at any address */
    assert_int_equal(failure_read((struct text){record + 1, FAILURE_BYTES}, &read), 0);
    assert_int_equal(read.failed_wall_us, NOW);
    assert_int_equal(read.until_wall_us, NOW + 1);
    assert_int_equal(read.past_wall_us, NOW + 2);
    assert_int_equal(read.count, 3);
    assert_int_equal(read.reason, REASON_UPSTREAM_BROKEN);
    assert_int_equal(failure_read((struct text){record + 1, FAILURE_BYTES - 1}, &read), -EBADMSG);
    assert_int_equal(failure_read(text_of(""), &read), -EBADMSG);
    bad.count = 0;
    failure_write(&bad, record);
    assert_int_equal(failure_read((struct text){record, FAILURE_BYTES}, &read), -EBADMSG);
    bad = failure;
    bad.reason = REASON_COUNT;
    failure_write(&bad, record);
    assert_int_equal(failure_read((struct text){record, FAILURE_BYTES}, &read), -EBADMSG);
    bad = failure;
    bad.until_wall_us = NOW - 1;
    failure_write(&bad, record);
    assert_int_equal(failure_read((struct text){record, FAILURE_BYTES}, &read), -EBADMSG);
    bad = failure;
    bad.past_wall_us = NOW;
    failure_write(&bad, record);
    assert_int_equal(failure_read((struct text){record, FAILURE_BYTES}, &read), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_doubles_the_pause),
        cmocka_unit_test(there_is_no_end_to_counting),
        cmocka_unit_test(phases),
        cmocka_unit_test(records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
