/* prometheus_test.c - metricsd/prometheus.c: each line that Prometheus reads is right (promtool looks over
 * the whole in tests/process/test_metricsd.py). */
#include "metricsd/prometheus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define NOW    (1000 * SECOND)
#define WALL   (1700000000 * SECOND)

struct fixture {
    struct store *store;
    struct metrics sum;
    char room[PROMETHEUS_BYTES + 1];
    struct text text;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    if (fixture)
        fixture->store = store_new(0);
    return fixture && fixture->store ? 0 : -1;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    store_free(fixture->store);
    free(fixture);
    return 0;
}

static void meet(struct store *store, const char *process, uint64_t epoch)
{
    struct message_totals totals = {.process = text_of(process), .uptime_us = 10 * SECOND + 5};

    assert_int_equal(store_add_totals(store, NOW, epoch, &totals), 0);
}

static void render(struct fixture *fixture)
{
    assert_int_equal(prometheus_render(fixture->store, &fixture->sum, NOW + SECOND, WALL, fixture->room,
                                       PROMETHEUS_BYTES, &fixture->text),
                     0);
    fixture->room[fixture->text.bytes] = '\0';
}

static unsigned count_of(const char *in, const char *what)
{
    unsigned count = 0;

    for (const char *at = in; (at = strstr(at, what)); at++)
        count++;
    return count;
}

static void test_lines(void **state)
{
    static const char *const lines[] = {
        "\n# HELP sluice_gateway_requests_total Requests for a provider's answer\n"
        "# TYPE sluice_gateway_requests_total counter\n"
        "sluice_gateway_requests_total 12345678901\n",
        "\n# TYPE sluice_scheduler_queue_length gauge\nsluice_scheduler_queue_length 7\n",
        "\nsluice_gateway_refused_total{reason=\"queue_full\"} 3\n",
        "\nsluice_scheduler_limiter_hold_seconds 1.500000\n",
        "\nsluice_scheduler_limiter_next_slot_seconds -0.000250\n",
        "\nsluice_up{process=\"gateway\"} 2\nsluice_up{process=\"scheduler\"} 1\n"
        "sluice_up{process=\"fetcher\"} 0\n",
        "\nsluice_process_starts_total{process=\"gateway\"} 2\n",
        "\nsluice_process_start_time_seconds{process=\"gateway\",instance=\"0\"} 1699999988.999995\n"
        "sluice_process_start_time_seconds{process=\"gateway\",instance=\"1\"} 1699999988.999995\n"
        "sluice_process_start_time_seconds{process=\"scheduler\",instance=\"0\"} ",
    };
    struct fixture *fixture = *state;

    metric_set(&fixture->sum, METRIC_GATEWAY_REQUESTS, 12345678901);
    metric_set(&fixture->sum, METRIC_SCHEDULER_QUEUE, 7);
    metric_set(&fixture->sum, metric_refused(REASON_QUEUE_FULL), 3);
    metric_set(&fixture->sum, METRIC_SCHEDULER_HOLD, 1500000);
    metric_set(&fixture->sum, METRIC_SCHEDULER_NEXT, -250);
    meet(fixture->store, "gateway", 1);
    meet(fixture->store, "gateway", 2);
    meet(fixture->store, "scheduler", 3);
    render(fixture);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (count_of(fixture->room, lines[i]) != 1)
            fail_msg("not there just once: %s", lines[i]);
    }
    assert_int_equal(strncmp(fixture->room, "# HELP sluice_build_info ", 25), 0);
    assert_int_equal(fixture->room[fixture->text.bytes - 1], '\n');
}

static void test_each_family_is_introduced_once(void **state)
{
    struct fixture *fixture = *state;
    char line[128];

    render(fixture);
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        snprintf(line, sizeof(line), "\n# TYPE sluice_%s_%s ", spec->process, spec->name);
        assert_int_equal(count_of(fixture->room, line), 1);
        snprintf(line, sizeof(line), "\n# HELP sluice_%s_%s ", spec->process, spec->name);
        assert_int_equal(count_of(fixture->room, line), 1);
    }
}

static void test_histograms_are_cumulated_in_seconds(void **state)
{
    static const struct {
        const char *le;
        unsigned count;
    } buckets[] = {
        {"0.000064", 1},   {"0.000128", 2},   {"0.000256", 3},      {"67.108864", 3},
        {"134.217728", 4}, {"536.870912", 4}, {"137438.953472", 5}, {"+Inf", 6},
    };
    struct fixture *fixture = *state;
    struct histogram *histogram = &fixture->sum.histograms[HISTOGRAM_GATEWAY_REQUEST];
    const char *text;
    char line[128];

    histogram_add(histogram, 64);
    histogram_add(histogram, 65);
    histogram_add(histogram, 129);
    histogram_add(histogram, 100 * SECOND);
    histogram_add(histogram, 80000 * SECOND);
    histogram_add(histogram, 200000 * SECOND);
    render(fixture);
    text = strstr(fixture->room, "# TYPE sluice_gateway_request_seconds histogram\n");
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
        snprintf(line, sizeof(line), "\nsluice_gateway_request_seconds_bucket{le=\"%s\"} %u\n", buckets[i].le,
                 buckets[i].count);
        text = strstr(text, line + 1);
        if (!text) {
            fail_msg("not there, or not in order: %s", line);
            return;
        }
    }
    assert_non_null(strstr(text, "\nsluice_gateway_request_seconds_sum 280100.000258\n"
                                 "sluice_gateway_request_seconds_count 6\n"));
    assert_int_equal(count_of(fixture->room, "sluice_gateway_request_seconds_bucket"), 28);
}

static void test_everything_fits_and_too_little_room_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct text text;

    for (int i = 0; i < METRIC_COUNT; i++)
        fixture->sum.values[i] = INT64_MIN;
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        fixture->sum.histograms[i].count = fixture->sum.histograms[i].sum_us = INT64_MAX;
        fixture->sum.histograms[i].buckets[0] = UINT64_MAX;
    }
    for (uint64_t epoch = 1; epoch <= STORE_EPOCHS; epoch++)
        meet(fixture->store, "gateway", epoch);
    render(fixture);
    for (size_t size = 1; size <= fixture->text.bytes; size += size < 2000 ? 1 : 997) {
        char *room = malloc(size);

        assert_int_equal(
            prometheus_render(fixture->store, &fixture->sum, NOW + SECOND, WALL, room, size, &text),
            -ENOBUFS);
        free(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_each_family_is_introduced_once, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_histograms_are_cumulated_in_seconds, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_everything_fits_and_too_little_room_is_told, open_fixture,
                                        close_fixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
