/* savings_test.c - slots saved and the hit ratio, from the sums of the processes. */
#include "metricsd/savings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *name;
    int64_t hits, backed_off, stale, misses, coalesced, saved;
    int64_t slots, ppm;
} rows[] = {
    {"nothing yet", 0, 0, 0, 0, 0, 0, 0, 0},
    {"misses save none", 0, 0, 0, 7, 0, 0, 0, 0},
    {"each hit saves one", 3, 0, 0, 1, 0, 0, 3, 750000},
    {"so does a stale one after a failure", 0, 2, 2, 2, 0, 0, 2, 500000},
    {"but none in place of a refusal", 0, 0, 5, 5, 0, 0, 0, 0},
    {"calls shared, and grants given back", 0, 0, 0, 10, 6, 3, 9, 0},
    {"all together", 10, 20, 25, 70, 5, 1, 36, 300000},
};

static void every_row_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct metrics sum;

        print_message("  %s\n", rows[i].name);
        sum.values[METRIC_GATEWAY_HITS] = rows[i].hits;
        sum.values[METRIC_GATEWAY_BACKED_OFF] = rows[i].backed_off;
        sum.values[METRIC_GATEWAY_STALE] = rows[i].stale;
        sum.values[METRIC_GATEWAY_MISSES] = rows[i].misses;
        sum.values[METRIC_SCHEDULER_COALESCED] = rows[i].coalesced;
        sum.values[METRIC_FETCHER_SAVED] = rows[i].saved;
        savings_derive(&sum);
        assert_int_equal(sum.values[METRIC_METRICSD_SLOTS_SAVED], rows[i].slots);
        assert_int_equal(sum.values[METRIC_METRICSD_HIT_RATIO], rows[i].ppm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_holds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
