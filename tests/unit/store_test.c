/* store_test.c - metricsd/store.c: sums stay true when processes die, restart, lose messages or lie. */
#include "metricsd/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define START  (1000 * SECOND)

static int open_store(void **state)
{
    *state = store_new(START);
    return *state ? 0 : -1;
}

static int close_store(void **state)
{
    store_free(*state);
    return 0;
}

static int add_totals(struct store *store, int64_t now_us, const char *process, uint64_t epoch,
                      uint64_t events, struct message_pair pair)
{
    struct message_totals totals = {.process = text_of(process),
                                    .pid = 7,
                                    .uptime_us = 5 * SECOND,
                                    .events = events,
                                    .values = {.count = 1, .items = &pair}};

    return store_add_totals(store, now_us, epoch, &totals);
}

static struct message_pair pair_of(const char *key, int64_t value)
{
    return (struct message_pair){.key = text_of(key), .value = value};
}

static int add_event(struct store *store, int64_t now_us, const char *process, uint64_t epoch, uint64_t seq)
{
    struct message_event event = {
        .process = text_of(process), .seq = seq, .name = text_of("sent"), .reason = text_of("none")};

    return store_add_event(store, now_us, epoch, &event, 1);
}

static int add_histogram(struct store *store, int64_t now_us, uint64_t epoch,
                         const struct histogram *histogram)
{
    struct message_distribution distribution = {
        .process = text_of("gateway"),
        .name = text_of("request_seconds"),
        .sum_us = histogram->sum_us,
        .buckets = {.count = HISTOGRAM_BUCKETS, .items = histogram->buckets}};

    return store_add_distribution(store, now_us, epoch, &distribution);
}

static int64_t value_of(const struct store *store, int64_t now_us, enum metric metric)
{
    static struct metrics sum;

    store_sum(store, now_us, &sum);
    return sum.values[metric];
}

/* Each step: a gateway of that epoch tells totals at that second; the sum must be as told. */
static void test_sums_survive_the_death_of_a_process(void **state)
{
    static const struct {
        const char *story;
        int second;
        uint64_t epoch; /* 0: nobody speaks */
        int64_t total, waiting;
        int64_t sum_total, sum_waiting;
    } steps[] = {
        {"the first gateway speaks", 0, 1, 10, 3, 10, 3},
        {"a second one adds to it", 1, 2, 100, 5, 110, 8},
        {"the same values again change nothing", 2, 1, 10, 3, 110, 8},
        {"both go on", 3, 1, 12, 2, 112, 7},
        {"the second is silent for 3 s: its gauges end, its counters stay", 4, 1, 12, 2, 112, 2},
        {"it comes back under a new epoch and starts at nothing", 5, 3, 1, 1, 113, 3},
        {"it was only slow: the old epoch speaks again and is not counted twice", 6, 2, 104, 4, 117, 7},
        {"all are silent", 20, 0, 0, 0, 117, 0},
    };
    struct store *store = *state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int64_t now_us = START + steps[i].second * SECOND;
        uint64_t epoch = steps[i].epoch;

        if (epoch) {
            add_totals(store, now_us, "gateway", epoch, 0, pair_of("requests_total", steps[i].total));
            add_totals(store, now_us, "gateway", epoch, 0, pair_of("requests_waiting", steps[i].waiting));
        }
        if (value_of(store, now_us, METRIC_GATEWAY_REQUESTS) != steps[i].sum_total ||
            value_of(store, now_us, METRIC_GATEWAY_WAITING) != steps[i].sum_waiting)
            fail_msg("%s: %lld and %lld", steps[i].story,
                     (long long)value_of(store, now_us, METRIC_GATEWAY_REQUESTS),
                     (long long)value_of(store, now_us, METRIC_GATEWAY_WAITING));
    }
    assert_int_equal(store_kind_starts(store, STORE_GATEWAY), 3);
}

/* Its ledger knows what it counted after its last word. */
static void test_the_last_word_is_the_ledgers(void **state)
{
    struct ledger_counts counts = {.events = 7};
    struct store *store = *state;
    struct text gateway = text_of("gateway");

    add_totals(store, START, "gateway", 1, 4, pair_of("requests_total", 10));
    assert_false(store_may_bury(store, START + SECOND / 10, gateway, 1)); /* more may be on its way */
    assert_true(store_may_bury(store, START + SECOND, gateway, 1));
    counts.metrics.values[METRIC_GATEWAY_REQUESTS] = 12;
    counts.metrics.values[METRIC_GATEWAY_FAILED] = 11;
    counts.metrics.values[METRIC_GATEWAY_WAITING] = 1;
    assert_int_equal(store_bury(store, gateway, 1, &counts), 0);
    assert_int_equal(store_bury(store, gateway, 1, &counts), -ESTALE);
    assert_int_equal(store_bury(store, text_of("stranger"), 1, &counts), -EINVAL);
    assert_int_equal(value_of(store, START + SECOND, METRIC_GATEWAY_REQUESTS), 12);
    assert_int_equal(value_of(store, START + SECOND, METRIC_GATEWAY_DROPPED), 1);
    assert_int_equal(value_of(store, START + SECOND, METRIC_GATEWAY_WAITING), 0);
    assert_int_equal(store_counts(store).lost, 3); /* of which it never heard */
    assert_int_equal(store_kind_up(store, STORE_GATEWAY, START + SECOND), 0);
    assert_int_equal(add_totals(store, START + SECOND, "gateway", 1, 7, pair_of("requests_total", 12)), 0);
    assert_int_equal(value_of(store, START + SECOND, METRIC_GATEWAY_REQUESTS), 12);
}

/* The breaker's state is a number from 0 to 2: it must not be summed over a fetcher and its successor. */
static void test_a_successor_takes_over_the_gauges_at_once(void **state)
{
    struct store *store = *state;

    add_totals(store, START, "fetcher", 1, 0, pair_of("breaker_state", 2));
    add_totals(store, START + SECOND / 2, "fetcher", 2, 0, pair_of("breaker_state", 2));
    assert_int_equal(value_of(store, START + SECOND, METRIC_FETCHER_BREAKER), 2);
    assert_int_equal(store_kind_up(store, STORE_FETCHER, START + SECOND), 1);
    assert_false(store_process_is_up(store, store_process_at(store, 0), START + SECOND));
    assert_true(store_process_is_up(store, store_process_at(store, 1), START + SECOND));
    assert_null(store_process_at(store, 2));
}

static void test_instances_have_small_numbers(void **state)
{
    struct store *store = *state;
    static const unsigned wanted[] = {0, 1, 2};

    for (uint64_t epoch = 1; epoch <= 3; epoch++)
        add_event(store, START, "gateway", epoch * 1000, 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(store_process_at(store, i)->instance, wanted[i]);
    add_event(store, START + 2 * SECOND, "gateway", 1000, 2);
    add_event(store, START + 2 * SECOND, "gateway", 3000, 2);
    add_event(store, START + 4 * SECOND, "gateway", 4000, 1);
    assert_int_equal(store_process_at(store, 3)->instance, 1); /* that of the one which fell silent */
}

static void test_gaps_are_losses_and_restarts_are_not(void **state)
{
    static const struct {
        const char *story;
        uint64_t epoch, seq;
        bool totals; /* seq is the number of events emitted so far */
        uint64_t lost;
    } steps[] = {
        {"metricsd came later: what went before is no loss", 1, 500, false, 0},
        {"the next", 1, 501, false, 0},
        {"one is missing", 1, 503, false, 1},
        {"one comes twice", 1, 503, false, 1},
        {"an old one", 1, 400, false, 1},
        {"a new epoch begins at 1: a restart", 2, 1, false, 1},
        {"its totals say that no more were emitted", 2, 1, true, 1},
        {"its totals say that two more were: the last ones are lost", 2, 3, true, 3},
        {"the next", 2, 4, false, 3},
        {"another process, first heard by its totals", 3, 9, true, 3},
        {"its next", 3, 10, false, 3},
        {"its next but one", 3, 12, false, 4},
    };
    struct store *store = *state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i].totals)
            add_totals(store, START, "gateway", steps[i].epoch, steps[i].seq, pair_of("connections", 0));
        else
            add_event(store, START, "gateway", steps[i].epoch, steps[i].seq);
        if (store_counts(store).lost != steps[i].lost)
            fail_msg("%s: %llu lost", steps[i].story, (unsigned long long)store_counts(store).lost);
    }
    assert_int_equal(store_counts(store).events, 9);
}

/* A process that metricsd has seen begin cannot have sent anything before: what is missing was lost. */
static void test_a_young_process_has_no_past(void **state)
{
    static const struct {
        const char *story;
        uint64_t epoch, seq, events; /* an event, unless 0; then totals */
        int uptime, second;
        uint64_t lost;
    } steps[] = {
        {"its first event is its fourth: three were lost", 1, 4, 5, 2, 10, 4},
        {"nothing is counted twice", 1, 6, 6, 3, 11, 4},
        {"heard of only by its totals: all of it was lost", 2, 0, 7, 9, 12, 11},
        {"a second older than metricsd: nobody knows what it sent", 3, 500, 500, 14, 13, 11},
        {"but what it sends from now on", 3, 502, 502, 15, 14, 12},
    };
    struct store *store = *state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct message_totals totals = {.process = text_of("scheduler"),
                                        .uptime_us = steps[i].uptime * SECOND,
                                        .events = steps[i].events};
        int64_t now_us = START + steps[i].second * SECOND;

        if (steps[i].seq)
            add_event(store, now_us, "scheduler", steps[i].epoch, steps[i].seq);
        store_add_totals(store, now_us, steps[i].epoch, &totals);
        if (store_counts(store).lost != steps[i].lost)
            fail_msg("%s: %llu lost", steps[i].story, (unsigned long long)store_counts(store).lost);
    }
}

static void add_aged(struct store *store, int64_t now_us, uint64_t epoch, int64_t uptime_us, int64_t requests,
                     const struct histogram *histogram)
{
    struct message_pair pairs[] = {pair_of("requests_total", requests), pair_of("connections", 3)};
    struct message_totals totals = {
        .process = text_of("gateway"), .uptime_us = uptime_us, .values = {.count = 2, .items = pairs}};

    assert_int_equal(store_add_totals(store, now_us, epoch, &totals), 0);
    assert_int_equal(add_histogram(store, now_us, epoch, histogram), 0);
}

/* A metricsd that was restarted must not tell the work of a day as that of its first second. */
static void test_what_was_before_is_in_the_sum_and_not_seen(void **state)
{
    struct store *store = *state;
    struct histogram old = {0}, young = {0};
    static struct metrics sum, seen;

    histogram_add(&old, 1000);
    histogram_add(&young, 2000);
    add_aged(store, START + 5 * SECOND, 1, 3600 * SECOND, 1000, &old);
    add_aged(store, START + 5 * SECOND, 2, 6 * SECOND, 7, &young); /* they were started together */
    store_sum(store, START + 5 * SECOND, &sum);
    store_seen(store, &sum, &seen);
    assert_int_equal(sum.values[METRIC_GATEWAY_REQUESTS], 1007);
    assert_int_equal(seen.values[METRIC_GATEWAY_REQUESTS], 7);
    assert_int_equal(seen.values[METRIC_GATEWAY_CONNECTIONS], 6);
    assert_int_equal(sum.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 2);
    assert_int_equal(seen.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 1);
    assert_int_equal(seen.histograms[HISTOGRAM_GATEWAY_REQUEST].sum_us, 2000);
    histogram_add(&old, 500);
    add_aged(store, START + 6 * SECOND, 1, 3601 * SECOND, 1010, &old);
    for (uint64_t epoch = 10; epoch < 10 + STORE_EPOCHS; epoch++) /* both are folded away */
        add_totals(store, START + 60 * SECOND, "scheduler", epoch, 0, pair_of("queue_length", 1));
    assert_int_equal(store_order(store, STORE_GATEWAY, 1), 0);
    store_sum(store, START + 60 * SECOND, &sum);
    store_seen(store, &sum, &seen);
    assert_int_equal(sum.values[METRIC_GATEWAY_REQUESTS], 1017);
    assert_int_equal(seen.values[METRIC_GATEWAY_REQUESTS], 17);
    assert_int_equal(seen.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 2);
}

/* Nobody knows when those who were never heard of have counted; of all others each count is seen once. */
static void test_what_the_dead_leave_is_seen_if_they_were_heard(void **state)
{
    struct store *store = *state, *next = store_new(START);
    struct ledger_counts counts = {.events = 0};
    static struct metrics sum, seen;
    static struct store_past past;

    counts.metrics.values[METRIC_GATEWAY_REQUESTS] = 12;
    histogram_add(&counts.metrics.histograms[HISTOGRAM_GATEWAY_REQUEST], 1000);
    add_totals(store, START + 6 * SECOND, "gateway", 1, 0, pair_of("requests_total", 10));
    assert_int_equal(store_bury(store, text_of("gateway"), 1, &counts), 0);
    assert_int_equal(store_bury(store, text_of("gateway"), 2, &counts), 0);
    store_sum(store, START + 8 * SECOND, &sum);
    store_seen(store, &sum, &seen);
    assert_int_equal(sum.values[METRIC_GATEWAY_REQUESTS], 24);
    assert_int_equal(seen.values[METRIC_GATEWAY_REQUESTS], 12);
    assert_int_equal(seen.values[METRIC_GATEWAY_DROPPED], 12);
    assert_int_equal(seen.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 1);
    store_give_past(store, &past);
    assert_int_equal(store_take_past(next, &past), 0);
    store_sum(next, START, &sum);
    store_seen(next, &sum, &seen);
    assert_int_equal(sum.values[METRIC_GATEWAY_REQUESTS], 24);
    assert_int_equal(seen.values[METRIC_GATEWAY_REQUESTS], 0);
    assert_int_equal(seen.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 0);
    store_free(next);
}

/* A file can be damaged. */
static void test_counts_that_cannot_be_are_not_taken(void **state)
{
    static const struct {
        enum metric metric;
        int64_t value;
    } cases[] = {{METRIC_GATEWAY_REQUESTS, -1},
                 {METRIC_GATEWAY_REQUESTS, INT64_MAX},
                 {METRIC_GATEWAY_CONNECTIONS, INT64_MIN},
                 {METRIC_GATEWAY_SUCCESSFUL, 3}}; /* of no request */
    static struct ledger_counts counts;
    static struct store_past past;
    static struct metrics sum;
    struct store *store = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        counts.metrics = (struct metrics){.values = {0}};
        counts.metrics.values[cases[i].metric] = cases[i].value;
        assert_int_equal(store_bury(store, text_of("gateway"), i, &counts), -EINVAL);
    }
    past.base.values[METRIC_GATEWAY_REQUESTS] = -1;
    assert_int_equal(store_take_past(store, &past), -EBADMSG);
    past.base.values[METRIC_GATEWAY_REQUESTS] = 1;
    past.grave_count = STORE_GRAVES + 1;
    assert_int_equal(store_take_past(store, &past), -EBADMSG);
    store_sum(store, START, &sum);
    assert_int_equal(sum.values[METRIC_GATEWAY_REQUESTS], 0);
}

static void test_the_newest_of_a_kind(void **state)
{
    struct store *store = *state;

    assert_true(store_newest_up(store, STORE_FETCHER, START) == 0);
    add_totals(store, START, "fetcher", 90, 0, pair_of("breaker_state", 0));
    add_totals(store, START, "fetcher", 20, 0, pair_of("breaker_state", 0));
    assert_int_equal(store_newest_up(store, STORE_FETCHER, START), 20);
    assert_true(store_order(store, STORE_FETCHER, 20) > store_order(store, STORE_FETCHER, 90));
    assert_true(store_order(store, STORE_FETCHER, 21) == UINT64_MAX);
    assert_true(store_order(store, STORE_GATEWAY, 20) == UINT64_MAX);
    assert_true(store_epoch_is_up(store, STORE_FETCHER, 20, START));
    assert_false(store_epoch_is_up(store, STORE_FETCHER, 90, START));
    assert_false(store_epoch_is_up(store, STORE_FETCHER, 21, START));
    assert_true(store_newest_up(store, STORE_FETCHER, START + STORE_UP_US) == 0);
}

static void test_histograms_are_summed_and_never_go_back(void **state)
{
    struct store *store = *state;
    struct histogram first = {0}, second = {0};
    static struct metrics sum;

    histogram_add(&first, 1000);
    histogram_add(&second, 2000);
    histogram_add(&second, 90 * SECOND);
    assert_int_equal(add_histogram(store, START, 1, &first), -EAGAIN); /* its totals have not come yet */
    add_totals(store, START, "gateway", 1, 0, pair_of("connections", 0));
    add_totals(store, START, "gateway", 2, 0, pair_of("connections", 0));
    assert_int_equal(add_histogram(store, START, 1, &first), 0);
    assert_int_equal(add_histogram(store, START, 2, &second), 0);
    assert_int_equal(add_histogram(store, START, 2, &second), 0);
    assert_int_equal(add_histogram(store, START, 2, &first), -EINVAL);
    second.buckets[5] = UINT64_MAX;
    assert_int_equal(add_histogram(store, START, 2, &second), -EINVAL);
    second.buckets[5] = 0;
    second.sum_us = UINT64_MAX;
    assert_int_equal(add_histogram(store, START, 2, &second), -EINVAL);
    store_sum(store, START + 60 * SECOND, &sum);
    assert_int_equal(sum.histograms[HISTOGRAM_GATEWAY_REQUEST].count, 3);
    assert_int_equal(sum.histograms[HISTOGRAM_GATEWAY_REQUEST].sum_us, 90003000);
    assert_int_equal(store_counts(store).bad, 3);
}

static void test_bad_values_are_counted_and_kept_out(void **state)
{
    static const struct {
        const char *key;
        int64_t value;
        int64_t requests;
        uint64_t bad, unknown;
    } steps[] = {
        {"requests_total", 5, 5, 0, 0},
        {"requests_total", 4, 5, 1, 0}, /* a counter goes back */
        {"requests_total", -1, 5, 2, 0},
        {"requests_total", INT64_MAX, 5, 3, 0},
        {"connections", INT64_MIN, 5, 4, 0},
        {"queue_length", 1, 5, 4, 1}, /* the scheduler's */
        {"", 1, 5, 4, 2},
    };
    struct store *store = *state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        add_totals(store, START, "gateway", 1, 0, pair_of(steps[i].key, steps[i].value));
        assert_int_equal(value_of(store, START, METRIC_GATEWAY_REQUESTS), steps[i].requests);
        assert_int_equal(store_counts(store).bad, steps[i].bad);
        assert_int_equal(store_counts(store).unknown, steps[i].unknown);
    }
    assert_int_equal(value_of(store, START, METRIC_GATEWAY_CONNECTIONS), 0);
    assert_int_equal(add_totals(store, START, "stranger", 1, 0, pair_of("requests_total", 1)), -EINVAL);
    assert_int_equal(add_event(store, START, "stranger", 1, 1), -EINVAL);
    assert_int_equal(add_event(store, START, "gateway", 1, 0), -EINVAL); /* they count from 1 */
    assert_int_equal(add_event(store, START, "gateway", 0, 1), -EINVAL); /* 0 is nobody's epoch */
}

static void test_event_names_are_plain_words(void **state)
{
    static const struct text names[] = {{"", 0},    {"a b", 3},  {"A", 1},
                                        {"a.b", 3}, {"a\0b", 3}, {"\xc3\xa9", 2}};
    struct store *store = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct message_event event = {.process = text_of("gateway"), .seq = i + 1, .name = names[i]};

        assert_int_equal(store_add_event(store, START, 1, &event, 1), -EINVAL);
    }
    assert_null(store_event_at(store, 0));
    assert_null(store_process_at(store, 0));
}

static void test_endless_epochs_find_no_room_and_lose_nothing(void **state)
{
    struct store *store = *state;
    int64_t now_us = START;
    uint64_t epoch;

    for (epoch = 1; epoch <= STORE_EPOCHS; epoch++)
        assert_int_equal(add_totals(store, now_us, "gateway", epoch, 0, pair_of("requests_total", 1)), 0);
    assert_int_equal(add_totals(store, now_us, "gateway", epoch, 0, pair_of("requests_total", 1)), -ENOSPC);
    assert_int_equal(store_counts(store).refused, 1);
    now_us += STORE_UP_US;
    /* Later each finds the place of a dead one, whose counters stay. */
    for (; epoch <= 2000; epoch++) {
        now_us += SECOND;
        assert_int_equal(add_totals(store, now_us, "gateway", epoch, 0, pair_of("requests_total", 1)), 0);
        assert_int_equal(value_of(store, now_us, METRIC_GATEWAY_REQUESTS), epoch);
    }
    /* One that was folded away wakes up: its values are in the sum already. */
    assert_int_equal(
        add_totals(store, now_us, "gateway", epoch - STORE_EPOCHS - 9, 0, pair_of("requests_total", 2)),
        -ESTALE);
    assert_int_equal(value_of(store, now_us, METRIC_GATEWAY_REQUESTS), epoch - 1);
}

static void test_the_last_events_are_kept(void **state)
{
    struct store *store = *state;
    struct message_event event = {.process = text_of("scheduler"),
                                  .name = text_of("granted"),
                                  .lane = text_of("score"),
                                  .request = text_of("01h-1"),
                                  .reason = text_of("none"),
                                  .attempt = 4,
                                  .value = -5};

    for (event.seq = 1; event.seq <= STORE_EVENTS + 5; event.seq++) {
        event.at_us = (int64_t)event.seq * 10;
        assert_int_equal(store_add_event(store, START, 9, &event, 7 * event.seq), 0);
    }
    for (unsigned i = 0; i < STORE_EVENTS; i++) {
        const struct store_event *kept = store_event_at(store, i);

        assert_int_equal(kept->seq, STORE_EVENTS + 5 - i);
        assert_int_equal(kept->id, 7 * kept->seq);
        assert_int_equal(kept->at_us, kept->seq * 10);
        assert_int_equal(kept->kind, STORE_SCHEDULER);
        assert_string_equal(kept->name, "granted");
        assert_true(text_equal(kept->lane, "score"));
        assert_true(text_equal(kept->request, "01h-1"));
        assert_true(text_equal(kept->reason, "none"));
        assert_int_equal(kept->attempt, 4);
        assert_int_equal(kept->value, -5);
    }
    assert_null(store_event_at(store, STORE_EVENTS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums_survive_the_death_of_a_process, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_the_last_word_is_the_ledgers, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_a_successor_takes_over_the_gauges_at_once, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_instances_have_small_numbers, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_gaps_are_losses_and_restarts_are_not, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_a_young_process_has_no_past, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_what_was_before_is_in_the_sum_and_not_seen, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_what_the_dead_leave_is_seen_if_they_were_heard, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_counts_that_cannot_be_are_not_taken, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_the_newest_of_a_kind, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_histograms_are_summed_and_never_go_back, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_bad_values_are_counted_and_kept_out, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_event_names_are_plain_words, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_endless_epochs_find_no_room_and_lose_nothing, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_the_last_events_are_kept, open_store, close_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
