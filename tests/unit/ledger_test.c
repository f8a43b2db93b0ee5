/* ledger_test.c - common/ledger.c: what was counted outlives who counted it. */
#include "tests/unit/ledger_stage.h"

#define EPOCH UINT64_C(0xabc)

static void note_past(void *arg, const struct ledger_past *past)
{
    *(struct ledger_past *)arg = *past;
}

static void killed_processes_leave_their_counts(void **state)
{
    struct ledger_past past = {.epoch = 0};

    (void)state;
    live_and_die("gateway", EPOCH, 10, 7);
    assert_int_equal(ledger_each_past(dir, note_past, &past), 0);
    assert_string_equal(past.process, "gateway");
    assert_true(past.epoch == EPOCH && past.good);
    assert_int_equal(past.counts.events, 5);
    assert_int_equal(past.counts.metrics.values[METRIC_GATEWAY_REQUESTS], 10);
    assert_int_equal(past.counts.metrics.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 1);
    ledger_remove(dir, "gateway", EPOCH);
    past.epoch = 0;
    assert_int_equal(ledger_each_past(dir, note_past, &past), 0);
    assert_int_equal(past.epoch, 0);
}

static void who_lives_is_left_alone(void **state)
{
    struct ledger_past past = {.epoch = 0};
    int error;
    struct ledger *ledger = ledger_open(dir, "fetcher", 1, &error);

    (void)state;
    assert_non_null(ledger);
    assert_int_equal(error, 0);
    assert_int_equal(ledger_each_past(dir, note_past, &past), 0);
    assert_int_equal(past.epoch, 0);
    ledger_close(ledger);
    assert_int_equal(ledger_each_past(dir, note_past, &past), 0);
    assert_int_equal(past.epoch, 1);
}

/* No folder, no room: it counts in memory, and says why. */
static void without_a_file_it_counts_all_the_same(void **state)
{
    struct ledger *ledger;
    char path[128];
    int error;

    (void)state;
    ledger = ledger_open("/proc/nothing", "gateway", 1, &error);
    assert_non_null(ledger);
    assert_true(error < 0);
    metric_add(&ledger_counts(ledger)->metrics, METRIC_GATEWAY_REQUESTS, 3);
    assert_int_equal(ledger_counts(ledger)->metrics.values[METRIC_GATEWAY_REQUESTS], 3);
    ledger_close(ledger);
    ledger_close(ledger_open(dir, "gateway", 1, &error));
    for (int i = 0; i < LEDGERS_MAX; i++) {
        snprintf(path, sizeof(path), "%s/ledgers/other-%d", dir, i);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    ledger = ledger_open(dir, "gateway", 2, &error);
    assert_int_equal(error, -ENOSPC);
    ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_processes_leave_their_counts, enter, leave),
        cmocka_unit_test_setup_teardown(who_lives_is_left_alone, enter, leave),
        cmocka_unit_test_setup_teardown(without_a_file_it_counts_all_the_same, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
