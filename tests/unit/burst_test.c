/* burst_test.c - when the requests of a burst begin, what is asked, and what they come to; in time that is
 * played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/burst.h"
#include "gateway/caller.h"
#include "tests/support/scarce.h"

#define MS    1000
#define BEGAN 5000000
#define CPF_A "52998224725"

static char query[BURST_QUERY_BYTES];

static struct burst *start_list(unsigned count, unsigned concurrency, double rate,
                                const char *const *subjects)
{
    struct burst_order order = {
        .lane = &lanes[0], .count = count, .subject_count = count, .concurrency = concurrency, .rate = rate};
    struct burst *burst;

    order.subjects = calloc(count, sizeof(order.subjects[0]));
    assert_non_null(order.subjects);
    for (unsigned i = 0; i < count; i++)
        snprintf(order.subjects[i], sizeof(order.subjects[i]), "%s", subjects ? subjects[i] : CPF_A);
    burst = burst_new(&order, BEGAN);
    assert_non_null(burst);
    assert_null(order.subjects); /* taken */
    return burst;
}

static struct burst_request *begin(struct burst *burst, int64_t now_us)
{
    struct text written;
    struct burst_request *request = burst_begin(burst, now_us, query, &written);

    assert_ptr_equal(written.at, query);
    query[written.bytes] = '\0';
    return request;
}

static void end(struct burst_request *request, enum decision_id outcome, enum reason reason, int status,
                int64_t took_us)
{
    struct decision decision = {.outcome = outcome, .reason = reason, .status = status};

    burst_end(request, &decision, took_us);
}

/* Each request takes so long, the first one (where that is not 0) another time; all times in ms. Seen: when
 * each begins. */
static const struct {
    unsigned count, concurrency;
    double rate;
    int takes, first_takes;
    const char *begins;
} schedules[] = {
    {5, 5, 0, 10, 0, "0 0 0 0 0"},
    {5, 2, 0, 10, 0, "0 0 10 10 20"},
    {4, 1, 0, 10, 0, "0 10 20 30"},
    {4, 9, 100, 1, 0, "0 10 20 30"},
    {4, 9, 0.5, 1, 0, "0 2000 4000 6000"},
    {4, 2, 100, 15, 0, "0 10 20 30"},
    {4, 1, 100, 25, 0, "0 25 50 75"},
    {5, 1, 10, 1, 1000, "0 1000 1100 1200 1300"}, /* what was held back for long is not made up */
    {5, 1, 100, 1, 95, "0 95 96 97 98"},          /* what was late by little is */
    {1, 1, 0.001, 1, 0, "0"},
};

static int64_t earliest_end(const struct burst *burst, const int64_t *ends)
{
    int64_t earliest = INT64_MAX;

    for (unsigned i = 0; i < burst->begun; i++) {
        if (burst->requests[i].phase == BURST_IN_FLIGHT && ends[i] < earliest)
            earliest = ends[i];
    }
    return earliest;
}

static void end_until(struct burst *burst, const int64_t *ends, int64_t now_us)
{
    for (unsigned i = 0; i < burst->begun; i++) {
        if (burst->requests[i].phase == BURST_IN_FLIGHT && ends[i] <= now_us)
            end(&burst->requests[i], DECISION_GATEWAY_ANSWERED, REASON_NONE, 200, 1);
    }
}

static void play(size_t row, char *begins, size_t size)
{
    struct burst *burst =
        start_list(schedules[row].count, schedules[row].concurrency, schedules[row].rate, NULL);
    int64_t now_us = BEGAN, ends[16] = {0};
    size_t used = 0;

    while (!burst_finish(burst, now_us)) {
        int64_t due_us = burst_due_us(burst), end_us = earliest_end(burst, ends);

        if (due_us <= now_us) {
            unsigned index = burst->begun;
            int takes =
                index == 0 && schedules[row].first_takes ? schedules[row].first_takes : schedules[row].takes;

            begin(burst, now_us);
            ends[index] = now_us + (int64_t)takes * MS;
            used += (size_t)snprintf(begins + used, size - used, "%s%d", index ? " " : "",
                                     (int)((now_us - BEGAN) / MS));
            continue;
        }
        now_us = due_us < end_us ? due_us : end_us;
        end_until(burst, ends, now_us);
        assert_true(burst->in_flight <= schedules[row].concurrency);
    }
    assert_int_equal(burst_state(burst), BURST_DONE);
    assert_int_equal(burst->successful, schedules[row].count);
    assert_true(burst_due_us(burst) == INT64_MAX);
    burst_free(burst);
}

static void test_when_they_begin(void **state)
{
    char begins[128];

    (void)state;
    for (size_t row = 0; row < sizeof(schedules) / sizeof(schedules[0]); row++) {
        play(row, begins, sizeof(begins));
        assert_string_equal(begins, schedules[row].begins);
    }
}

/* A timer that is always late by 3 ms does not slow the burst down. */
static void test_a_late_timer_keeps_the_rate(void **state)
{
    struct burst *burst = start_list(10, 10, 100, NULL);
    int64_t now_us = BEGAN;

    (void)state;
    while (burst_due_us(burst) != INT64_MAX) {
        now_us = burst_due_us(burst) + 3 * MS;
        begin(burst, now_us);
    }
    assert_true(now_us == BEGAN + 93 * MS);
    burst_free(burst);
}

static void test_what_is_asked(void **state)
{
    static const char *const subjects[] = {CPF_A, "a&b=c%\xc3\xa9 ", "111.444.777-35"};
    struct burst *burst = start_list(3, 3, 0, subjects);

    (void)state;
    burst->order.priority_count = 2;
    burst->order.priorities[1] = 99;
    begin(burst, BEGAN);
    assert_string_equal(query, "priority=0&cpf=%35%32%39%39%38%32%32%34%37%32%35");
    assert_string_equal(burst->requests[0].subject, "***.***.***-25");
    snprintf(burst->order.client_id, sizeof(burst->order.client_id), "a+b");
    begin(burst, BEGAN);
    assert_string_equal(query, "priority=99&cpf=%61%26%62%3D%63%25%C3%A9%20&client_id=%61%2B%62");
    assert_string_equal(burst->requests[1].subject, "");
    assert_int_equal(burst_priority(burst, 2), 0);
    burst->order.priority_count = 0;
    assert_int_equal(burst_priority(burst, 2), CALLER_PRIORITY);
    burst_free(burst);
}

static void test_the_longest_query_fits(void **state)
{
    char longest[BURST_SUBJECT_BYTES + 1] = {0};
    const char *const subjects[] = {longest};
    struct burst *burst;

    (void)state;
    memset(longest, 'x', BURST_SUBJECT_BYTES);
    burst = start_list(1, 1, 0, subjects);
    memset(burst->order.client_id, '~', CALLER_CLIENT_BYTES);
    begin(burst, BEGAN);
    assert_int_equal(strlen(query), strlen("priority=10&cpf=") + 3 * BURST_SUBJECT_BYTES +
                                        strlen("&client_id=") + 3 * CALLER_CLIENT_BYTES);
    burst_free(burst);
}

static const struct {
    enum decision_id outcome;
    bool cached;
    enum reason reason;
    int status;
    enum burst_source source;
    unsigned successful, failed, dropped;
} ends[] = {
    {DECISION_GATEWAY_HIT, false, REASON_NONE, 200, BURST_FROM_CACHE, 1, 0, 0},
    {DECISION_GATEWAY_ANSWERED, false, REASON_NONE, 200, BURST_FROM_UPSTREAM, 1, 0, 0},
    {DECISION_GATEWAY_ANSWERED, true, REASON_NONE, 200, BURST_FROM_CACHE, 1, 0, 0},
    {DECISION_GATEWAY_ANSWERED, false, REASON_NONE, 404, BURST_FROM_UPSTREAM, 0, 1, 0},
    {DECISION_GATEWAY_FAILED, false, REASON_UPSTREAM_ERROR, 500, BURST_FROM_UPSTREAM, 0, 1, 0},
    {DECISION_GATEWAY_STALE, false, REASON_BREAKER_OPEN, 200, BURST_FROM_STALE, 1, 0, 0},
    {DECISION_GATEWAY_REFUSED, false, REASON_QUEUE_FULL, 503, BURST_FROM_NOBODY, 0, 0, 1},
    {DECISION_GATEWAY_REFUSED, false, REASON_UPSTREAM_TIMEOUT, 504, BURST_FROM_NOBODY, 0, 1, 0},
    {DECISION_GATEWAY_MALFORMED, false, REASON_NONE, 400, BURST_FROM_NOBODY, 0, 1, 0},
    {DECISION_GATEWAY_GONE, false, REASON_CANCELLED, 0, BURST_FROM_NOBODY, 0, 0, 1},
};

static void test_what_becomes_of_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct decision decision = {.outcome = ends[i].outcome,
                                    .cached = ends[i].cached,
                                    .reason = ends[i].reason,
                                    .status = ends[i].status,
                                    .request_id = text_of("0123456789abcdef"),
                                    .wait_us = 7,
                                    .attempt = 8};
        struct burst *burst = start_list(1, 1, 0, NULL);
        struct burst_request *request = begin(burst, BEGAN);

        assert_int_equal(burst->in_flight, 1);
        burst_end(request, &decision, 9);
        assert_int_equal(request->source, ends[i].source);
        assert_int_equal(request->reason, ends[i].reason);
        assert_int_equal(request->status, ends[i].status);
        assert_true(request->wait_us == 7 && request->attempt == 8 && request->total_us == 9);
        assert_memory_equal(request->request_id, "0123456789abcdef", RENDER_ID_BYTES);
        assert_int_equal(burst->successful, ends[i].successful);
        assert_int_equal(burst->failed, ends[i].failed);
        assert_int_equal(burst->dropped, ends[i].dropped);
        assert_int_equal(burst->in_flight, 0);
        burst_free(burst);
    }
}

static void test_what_they_come_to(void **state)
{
    struct burst *burst = start_list(104, 104, 0, NULL);
    struct burst_summary summary;

    (void)state;
    assert_true(burst_sum_up(burst, &summary));
    assert_true(summary.max_us == 0 && summary.status_count == 0);
    for (int i = 100; i > 0; i--) /* whichever comes first */
        end(begin(burst, BEGAN), i % 2 ? DECISION_GATEWAY_HIT : DECISION_GATEWAY_ANSWERED, REASON_NONE, 200,
            (int64_t)i * MS);
    end(begin(burst, BEGAN), DECISION_GATEWAY_REFUSED, REASON_QUEUE_FULL, 503, 200 * MS);
    end(begin(burst, BEGAN), DECISION_GATEWAY_GONE, REASON_CANCELLED, 0, 999 * MS);
    begin(burst, BEGAN);
    assert_true(burst_sum_up(burst, &summary));
    assert_int_equal(summary.sources[BURST_FROM_CACHE], 50);
    assert_int_equal(summary.sources[BURST_FROM_UPSTREAM], 50);
    assert_int_equal(summary.reasons[REASON_QUEUE_FULL], 1);
    assert_int_equal(summary.reasons[REASON_CANCELLED], 1);
    assert_int_equal(summary.status_count, 2);
    assert_int_equal(summary.statuses[0].count, 100);
    assert_int_equal(summary.statuses[1].status, 503);
    assert_true(summary.min_us == MS && summary.max_us == 200 * MS); /* who was left has no time */
    assert_true(summary.mean_us == (5050 + 200) * MS / 101);
    assert_true(summary.p50_us == 51 * MS && summary.p95_us == 96 * MS && summary.p99_us == 100 * MS);
    burst_free(burst);
}

/* More different statuses than are told. */
static void test_the_table_of_statuses_has_a_bound(void **state)
{
    struct burst *burst = start_list(40, 40, 0, NULL);
    struct burst_summary summary;

    (void)state;
    for (int i = 0; i < 40; i++)
        end(begin(burst, BEGAN), DECISION_GATEWAY_ANSWERED, REASON_NONE, 400 + i % 20, 1);
    assert_true(burst_sum_up(burst, &summary));
    assert_int_equal(summary.status_count, 16);
    assert_int_equal(summary.statuses[15].status, 415);
    assert_int_equal(summary.statuses[0].count, 2);
    burst_free(burst);
}

static void test_its_states(void **state)
{
    struct burst *burst = start_list(3, 2, 0, NULL);
    size_t bytes = burst_bytes(burst);

    (void)state;
    begin(burst, BEGAN);
    begin(burst, BEGAN);
    assert_false(burst_finish(burst, BEGAN));
    assert_int_equal(burst_state(burst), BURST_RUNNING);
    end(&burst->requests[0], DECISION_GATEWAY_HIT, REASON_NONE, 200, 1);
    assert_true(burst_due_us(burst) == BEGAN);
    burst_stop(burst);
    assert_true(burst_due_us(burst) == INT64_MAX);
    assert_int_equal(burst_state(burst), BURST_STOPPING);
    assert_false(burst_finish(burst, BEGAN + 1));
    end(&burst->requests[1], DECISION_GATEWAY_GONE, REASON_CANCELLED, 0, 1);
    assert_true(burst_finish(burst, BEGAN + 2));
    assert_false(burst_finish(burst, BEGAN + 3)); /* once */
    assert_int_equal(burst_state(burst), BURST_CANCELLED);
    assert_string_equal(burst_state_name(BURST_CANCELLED), "cancelled");
    assert_true(burst->over_us == BEGAN + 2);
    assert_null(burst->order.subjects); /* what was asked for is not kept */
    assert_true(burst_bytes(burst) < bytes);
    burst_free(burst);
    burst_free(NULL);
}

static void test_memory_runs_out(void **state)
{
    struct burst_order order = {.lane = &lanes[0], .count = 2, .subject_count = 1, .concurrency = 1};
    struct burst_summary summary;
    struct burst *burst = NULL;

    (void)state;
    order.subjects = calloc(1, sizeof(order.subjects[0]));
    assert_non_null(order.subjects);
    for (unsigned allocations = 0; allocations < 2; allocations++) {
        scarce_after(allocations);
        burst = burst_new(&order, BEGAN);
        assert_true(scarce_no_more() > 0);
        assert_null(burst);
        assert_non_null(order.subjects); /* stays with who has ordered */
    }
    burst = burst_new(&order, BEGAN);
    assert_non_null(burst);
    scarce_after(0);
    assert_false(burst_sum_up(burst, &summary));
    scarce_no_more();
    assert_true(burst_sum_up(burst, &summary));
    burst_free(burst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_they_begin),
        cmocka_unit_test(test_a_late_timer_keeps_the_rate),
        cmocka_unit_test(test_what_is_asked),
        cmocka_unit_test(test_the_longest_query_fits),
        cmocka_unit_test(test_what_becomes_of_one),
        cmocka_unit_test(test_what_they_come_to),
        cmocka_unit_test(test_the_table_of_statuses_has_a_bound),
        cmocka_unit_test(test_its_states),
        cmocka_unit_test(test_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
