/* clock_test.c - common/clock.c: a point of the monotonic clock, dated by the wall clock. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* However often it is asked, it gives the same date, to what two readings of clocks differ by. */
static void a_moment_has_one_date(void **state)
{
    int64_t before_us = clock_wall_us(), at_us = clock_now_us(), after_us = clock_wall_us();
    unsigned apart = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t date_us = clock_wall_of_us(at_us);

        apart += date_us < before_us - 10 || date_us > after_us + 10;
        assert_in_range(clock_wall_of_us(at_us - US_PER_SECOND), date_us - US_PER_SECOND - US_PER_MS,
                        date_us - US_PER_SECOND + US_PER_MS);
    }
    assert_in_range(apart, 0, 20); /* the processor may be taken away in between, but not each time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_has_one_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
