/* history_test.c - metricsd/history.c and history_json.c: what happened in which second and minute, and what
 * nobody knows. */
#include "metricsd/history.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "metricsd/history_json.h"

#define SECOND 1000000LL
#define START  (5000 * SECOND)
#define WALL   1700000000000000LL
#define NONE   HISTORY_NONE

struct fixture {
    struct history *history;
    struct store *store;
    struct metrics seen;
    int64_t now_us;
    char room[HISTORY_JSON_BYTES + 1];
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    if (!fixture)
        return -1;
    fixture->history = history_new();
    fixture->store = store_new(START);
    fixture->now_us = START;
    return fixture->history && fixture->store ? 0 : -1;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    history_free(fixture->history);
    store_free(fixture->store);
    free(fixture);
    return 0;
}

static void hear(struct fixture *fixture, const char *process)
{
    struct message_totals totals = {.process = text_of(process)};

    assert_int_equal(store_add_totals(fixture->store, fixture->now_us, 1, &totals), 0);
}

/* So much later it ticks. */
static bool tick(struct fixture *fixture, int64_t after_us)
{
    fixture->now_us += after_us;
    hear(fixture, "gateway");
    return history_tick(fixture->history, fixture->store, &fixture->seen, fixture->now_us,
                        WALL + fixture->now_us - START);
}

static void count(struct fixture *fixture, int64_t requests)
{
    metric_add(&fixture->seen, METRIC_GATEWAY_REQUESTS, requests);
}

static unsigned series_of(const struct history *history, const char *key)
{
    for (unsigned i = 0; i < HISTORY_SERIES; i++) {
        if (text_equal(history_key(history, i), key))
            return i;
    }
    fail_msg("no series %s", key);
    return 0;
}

/* `back` 0 is the newest point. */
static int64_t at(const struct fixture *fixture, enum history_span span, const char *key, unsigned back)
{
    unsigned points = history_points(fixture->history, span);

    assert_true(back < points);
    return history_point(fixture->history, span, points - 1 - back)[series_of(fixture->history, key)];
}

#define REQUESTS "gateway.requests_total"
#define WAITING  "gateway.requests_waiting"
#define P50      "gateway.request_seconds.p50"

static void test_a_second_has_what_happened_in_it(void **state)
{
    struct fixture *fixture = *state;

    count(fixture, 1000); /* before the first tick: when, is not known */
    tick(fixture, 0);
    assert_int_equal(history_points(fixture->history, HISTORY_15M), 0);
    count(fixture, 3);
    metric_set(&fixture->seen, METRIC_GATEWAY_WAITING, 7);
    histogram_add(&fixture->seen.histograms[HISTOGRAM_GATEWAY_REQUEST], 5000);
    tick(fixture, SECOND);
    assert_int_equal(at(fixture, HISTORY_15M, REQUESTS, 0), 3);
    assert_int_equal(at(fixture, HISTORY_15M, WAITING, 0), 7);
    assert_in_range(at(fixture, HISTORY_15M, P50, 0), 5000, 6250);
    assert_true(at(fixture, HISTORY_15M, "fetcher.breaker_state", 0) == NONE); /* there is no fetcher */
    assert_int_equal(at(fixture, HISTORY_15M, "fetcher.upstream_requests_total", 0), 0);
    hear(fixture, "fetcher");
    tick(fixture, SECOND);
    assert_int_equal(at(fixture, HISTORY_15M, REQUESTS, 0), 0);
    assert_true(at(fixture, HISTORY_15M, P50, 0) == NONE); /* nothing was counted */
    assert_int_equal(at(fixture, HISTORY_15M, "fetcher.breaker_state", 0), 0);
    assert_int_equal(history_points(fixture->history, HISTORY_15M), 2);
    assert_int_equal(history_end_us(fixture->history, HISTORY_15M), WALL + 2 * SECOND);
}

/* Each tick counts one request; what it gives is told by its point, '1', or '-' where nothing is known. */
static void test_missing_ticks_are_gaps(void **state)
{
    static const struct {
        const char *story;
        int ticks_ms[8]; /* after the one before */
        const char *points;
    } cases[] = {
        {"in time", {1000, 1000, 1000}, "111"},
        {"early and late", {1020, 960, 1040, 970, 1010}, "11111"},
        {"one is missing", {1000, 2000, 1000}, "1--1"},
        {"five are", {1000, 6000, 1000}, "1------1"},
        {"after a stall they come at another part of the second", {1000, 2490, 1000, 1000, 1000}, "1--111"},
        {"an extra one adds to the next", {1000, 300, 700, 1000}, "121"},
        {"too slow a clock", {1300, 1300, 1300, 1300, 1300, 1300}, "1--111--"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[16] = "";
        struct fixture *fixture;

        close_fixture(state);
        assert_int_equal(open_fixture(state), 0);
        fixture = *state;
        if (!fixture)
            return; /* which the assertion has said; clang-tidy does not believe it */
        tick(fixture, 0);
        for (int t = 0; t < 8 && cases[i].ticks_ms[t]; t++) {
            count(fixture, 1);
            tick(fixture, cases[i].ticks_ms[t] * SECOND / 1000);
        }
        for (unsigned p = 0; p < history_points(fixture->history, HISTORY_15M); p++) {
            int64_t value = history_point(fixture->history, HISTORY_15M, p)[0];

            got[p] = (char)(value == NONE ? '-' : '0' + value);
        }
        if (strcmp(got, cases[i].points) != 0)
            fail_msg("%s: %s", cases[i].story, got);
    }
}

/* The gauge is known where the tick came, though the increase across the gap is not. */
static void test_the_tick_behind_a_gap_has_gauges(void **state)
{
    struct fixture *fixture = *state;

    tick(fixture, 0);
    metric_set(&fixture->seen, METRIC_GATEWAY_WAITING, 9);
    tick(fixture, 4 * SECOND);
    assert_int_equal(at(fixture, HISTORY_15M, WAITING, 0), 9);
    assert_true(at(fixture, HISTORY_15M, REQUESTS, 0) == NONE);
    assert_true(at(fixture, HISTORY_15M, WAITING, 1) == NONE);
}

static void test_a_minute_adds_up(void **state)
{
    struct fixture *fixture = *state;

    tick(fixture, 0);
    for (int second = 1; second <= 125; second++) {
        count(fixture, second <= 60 ? 2 : 5);
        metric_set(&fixture->seen, METRIC_GATEWAY_WAITING, second == 17 ? 40 : 3);
        if (second == 70)
            histogram_add(&fixture->seen.histograms[HISTOGRAM_GATEWAY_REQUEST], SECOND);
        assert_int_equal(tick(fixture, SECOND), second % 60 == 0);
    }
    assert_int_equal(history_points(fixture->history, HISTORY_24H), 2);
    assert_int_equal(at(fixture, HISTORY_24H, REQUESTS, 1), 120);
    assert_int_equal(at(fixture, HISTORY_24H, REQUESTS, 0), 300);
    assert_int_equal(at(fixture, HISTORY_24H, WAITING, 1), 40);
    assert_int_equal(at(fixture, HISTORY_24H, WAITING, 0), 3);
    assert_true(at(fixture, HISTORY_24H, P50, 1) == NONE);
    assert_in_range(at(fixture, HISTORY_24H, P50, 0), SECOND, SECOND * 5 / 4);
    assert_int_equal(history_end_us(fixture->history, HISTORY_24H), WALL + 120 * SECOND);
}

/* 50 ticks, one request each; a gap; then on to the end of that minute. */
static void test_gaps_and_minutes(void **state)
{
    static const struct {
        const char *story;
        int gap;
        int64_t minutes[4]; /* oldest first; 0: there is none */
    } cases[] = {
        {"within the minute: all is known", 5, {60 - 4}},
        {"up to its last second", 10, {51}},
        {"into the next: what came in between counts there", 20, {50, 51}},
        {"a minute is missing, and but for its last second another", 130, {50, NONE, NONE}},
        {"then the next begins anew", 131, {50, NONE, NONE, 59}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *fixture;
        unsigned minutes = 0;
        bool over;

        close_fixture(state);
        assert_int_equal(open_fixture(state), 0);
        fixture = *state;
        if (!fixture)
            return; /* which the assertion has said; clang-tidy does not believe it */
        tick(fixture, 0);
        for (int second = 0; second < 50; second++) {
            count(fixture, 1);
            tick(fixture, SECOND);
        }
        count(fixture, 1);
        over = tick(fixture, cases[i].gap * SECOND);
        while (!over || (fixture->now_us - START) % (60 * SECOND) != 0) {
            count(fixture, 1);
            over = tick(fixture, SECOND);
        }
        while (minutes < 4 && cases[i].minutes[minutes])
            minutes++;
        if (history_points(fixture->history, HISTORY_24H) != minutes)
            fail_msg("%s: %u minutes", cases[i].story, history_points(fixture->history, HISTORY_24H));
        for (unsigned m = 0; m < minutes; m++) {
            int64_t value = history_point(fixture->history, HISTORY_24H, m)[0];

            if (value != cases[i].minutes[m])
                fail_msg("%s: minute %u: %lld", cases[i].story, m, (long long)value);
        }
    }
}

/* Setting the wall clock moves the dates, and nothing else. */
static void test_the_wall_clock_only_dates(void **state)
{
    struct fixture *fixture = *state;

    tick(fixture, 0);
    count(fixture, 1);
    tick(fixture, SECOND);
    count(fixture, 1);
    hear(fixture, "gateway");
    history_tick(fixture->history, fixture->store, &fixture->seen, fixture->now_us + SECOND,
                 WALL - 3600 * SECOND);
    assert_int_equal(history_points(fixture->history, HISTORY_15M), 2);
    assert_int_equal(at(fixture, HISTORY_15M, REQUESTS, 0), 1);
    assert_int_equal(history_end_us(fixture->history, HISTORY_15M), WALL - 3600 * SECOND);
}

static void test_rings_have_an_end(void **state)
{
    struct fixture *fixture = *state;

    tick(fixture, 0);
    for (int second = 1; second <= 60 * (HISTORY_MINUTES + 2); second++) {
        count(fixture, second);
        tick(fixture, SECOND);
    }
    assert_int_equal(history_points(fixture->history, HISTORY_15M), HISTORY_SECONDS);
    assert_int_equal(history_points(fixture->history, HISTORY_24H), HISTORY_MINUTES);
    assert_int_equal(at(fixture, HISTORY_15M, REQUESTS, 0), 60 * (HISTORY_MINUTES + 2));
    assert_int_equal(at(fixture, HISTORY_15M, REQUESTS, HISTORY_SECONDS - 1),
                     60 * (HISTORY_MINUTES + 2) - HISTORY_SECONDS + 1);
    assert_int_equal(at(fixture, HISTORY_24H, REQUESTS, HISTORY_MINUTES - 1), 60 * (60 * 2) + 60 * 61 / 2);
    tick(fixture, 1000000 * SECOND); /* 12 days */
    assert_int_equal(history_points(fixture->history, HISTORY_15M), HISTORY_SECONDS);
    assert_true(at(fixture, HISTORY_24H, REQUESTS, 0) == NONE);
    assert_true(at(fixture, HISTORY_24H, REQUESTS, HISTORY_MINUTES - 1) == NONE);
}

static void expect(struct fixture *fixture, struct text text, const char *wanted)
{
    assert_true(text.at == fixture->room);
    fixture->room[text.bytes] = '\0';
    if (!strstr(fixture->room, wanted))
        fail_msg("%s is not in %s", wanted, fixture->room);
}

static void test_the_json(void **state)
{
    struct fixture *fixture = *state;
    struct json json;
    struct text text;

    assert_int_equal(
        history_json_render(fixture->history, HISTORY_24H, fixture->room, HISTORY_JSON_BYTES, &text), 0);
    expect(fixture, text,
           "{\"schema\":1,\"step_us\":60000000,\"end_at_us\":0,\"series\":{\"" REQUESTS "\":[],");
    json_init(&json, fixture->room, HISTORY_JSON_BYTES);
    history_json_put_newest(&json, fixture->history, HISTORY_15M);
    assert_int_equal(json_finish(&json, &text), 0);
    expect(fixture, text, "null");
    tick(fixture, 0);
    count(fixture, 3);
    tick(fixture, SECOND);
    tick(fixture, 2 * SECOND);
    tick(fixture, SECOND);
    assert_int_equal(
        history_json_render(fixture->history, HISTORY_15M, fixture->room, HISTORY_JSON_BYTES, &text), 0);
    expect(fixture, text,
           "{\"schema\":1,\"step_us\":1000000,\"end_at_us\":1700000004000000,\"series\":{\"" REQUESTS
           "\":[3,null,null,0],\"gateway.requests_successful_total\":[");
    expect(fixture, text, ",\"gateway.requests_waiting\":[0,null,0,0],");
    expect(fixture, text, ",\"fetcher.upstream_seconds.p99\":[null,null,null,null]}}");
    json_init(&json, fixture->room, HISTORY_JSON_BYTES);
    history_json_put_newest(&json, fixture->history, HISTORY_15M);
    assert_int_equal(json_finish(&json, &text), 0);
    expect(fixture, text, "{\"at_us\":1700000004000000,\"values\":{\"" REQUESTS "\":0,");
    expect(fixture, text, ",\"gateway.request_seconds.p50\":null,");
}

static void test_the_longest_json_fits(void **state)
{
    struct fixture *fixture = *state;
    struct text text;

    tick(fixture, 0);
    for (int minute = 0; minute < HISTORY_MINUTES; minute++) {
        for (int i = 0; i < METRIC_COUNT; i++)
            fixture->seen.values[i] = 1LL << 62; /* gauges, and counters once */
        for (int i = 0; i < HISTOGRAM_COUNT; i++)
            fixture->seen.histograms[i].buckets[HISTOGRAM_BUCKETS - 1] += 1;
        for (int second = 0; second < 60; second++) {
            hear(fixture, "scheduler");
            hear(fixture, "fetcher");
            tick(fixture, SECOND);
        }
    }
    for (int span = 0; span < HISTORY_SPANS; span++) {
        assert_int_equal(history_json_render(fixture->history, (enum history_span)span, fixture->room,
                                             HISTORY_JSON_BYTES, &text),
                         0);
        assert_int_equal(history_json_render(fixture->history, (enum history_span)span, fixture->room,
                                             text.bytes - 1, &text),
                         -ENOBUFS);
    }
}

static void test_spans_have_names(void **state)
{
    (void)state;
    for (int span = 0; span < HISTORY_SPANS; span++)
        assert_int_equal(history_span_find(text_of(history_span_name((enum history_span)span))), span);
    assert_int_equal(history_span_find(text_of("15")), HISTORY_SPANS);
    assert_int_equal(history_span_find(text_of("")), HISTORY_SPANS);
    assert_int_equal(history_span_find(text_of("15m ")), HISTORY_SPANS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_second_has_what_happened_in_it, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_missing_ticks_are_gaps, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_tick_behind_a_gap_has_gauges, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_a_minute_adds_up, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_gaps_and_minutes, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_wall_clock_only_dates, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_rings_have_an_end, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_json, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_longest_json_fits, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_spans_have_names, open_fixture, close_fixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
