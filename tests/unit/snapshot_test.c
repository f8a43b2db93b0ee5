/* snapshot_test.c - metricsd/snapshot.c and metricsd/state_json.c: the feed's message and the JSON tell the
 * same, under the names that others rely on. */
#include "metricsd/snapshot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "metricsd/state_json.h"

#define SECOND 1000000LL
#define NOW    (1000 * SECOND)

struct fixture {
    struct store *store;
    struct metrics sum;
    struct snapshot snapshot;
    char room[STATE_JSON_BYTES + 1];
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    if (!fixture)
        return -1;
    snapshot_init(&fixture->snapshot);
    fixture->store = store_new();
    return fixture->store ? 0 : -1;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    store_free(fixture->store);
    free(fixture);
    return 0;
}

static void fill(struct fixture *fixture)
{
    struct message_totals totals = {.process = text_of("gateway"), .pid = 42, .uptime_us = 5 * SECOND};
    struct message_event event = {.process = text_of("gateway"),
                                  .seq = 2,
                                  .at_us = 1700000000000000,
                                  .name = text_of("rejected"),
                                  .request = text_of("r\"1"),
                                  .reason = text_of("queue_full"),
                                  .value = 12};

    metric_set(&fixture->sum, METRIC_GATEWAY_REQUESTS, 9);
    metric_set(&fixture->sum, metric_refused(REASON_QUEUE_FULL), 2);
    metric_set(&fixture->sum, METRIC_SCHEDULER_NEXT, 250000);
    for (int i = 1; i <= 100; i++)
        histogram_add(&fixture->sum.histograms[HISTOGRAM_GATEWAY_REQUEST], i * SECOND / 100);
    assert_int_equal(store_add_totals(fixture->store, NOW, 255, &totals), 0);
    assert_int_equal(store_add_event(fixture->store, NOW, 255, &event), 0);
    fixture->snapshot.seq = 17;
    fixture->snapshot.at_us = 1700000000000001;
    snapshot_fill(&fixture->snapshot, fixture->store, &fixture->sum, NOW + SECOND);
}

static int64_t value_of(const struct message_pairs *pairs, const char *key)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        if (text_equal(pairs->items[i].key, key))
            return pairs->items[i].value;
    }
    fail_msg("%s is not there", key);
    return 0;
}

/* What goes over the wire and back is what was counted. */
static void test_the_message(void **state)
{
    static const struct {
        const char *key;
        int64_t value;
    } values[] = {
        {"gateway.requests_total", 9},
        {"gateway.refused_total{reason=\"queue_full\"}", 2},
        {"scheduler.limiter_next_slot_seconds", 250000},
        {"gateway.request_seconds.count", 100},
        {"gateway.request_seconds.sum_us", 50500000},
        {"gateway.hit_seconds.count", 0},
        {"gateway.up", 1},
        {"scheduler.up", 0},
    };
    static const struct {
        const char *key;
        int64_t least, most; /* 25 % at most above the true value */
    } quantiles[] = {
        {"gateway.request_seconds.p50", 500000, 625000},  {"gateway.request_seconds.p90", 900000, 1125000},
        {"gateway.request_seconds.p95", 950000, 1187500}, {"gateway.request_seconds.p99", 990000, 1237500},
        {"fetcher.upstream_seconds.p99", 0, 0},
    };
    struct message_codec *codec = message_codec_new();
    struct fixture *fixture = *state;
    struct message sent, got;
    struct text frame;

    fill(fixture);
    sent = snapshot_message(&fixture->snapshot);
    assert_int_equal(message_encode(codec, &sent, &frame), 0);
    assert_int_equal(message_decode(codec, frame, &got), 0);
    assert_int_equal(got.type, MESSAGE_TYPE_snapshot);
    assert_int_equal(got.snapshot.schema, SNAPSHOT_SCHEMA);
    assert_int_equal(got.snapshot.seq, 17);
    assert_int_equal(got.snapshot.at_us, 1700000000000001);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_int_equal(value_of(&got.snapshot.values, values[i].key), values[i].value);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        assert_in_range(value_of(&got.snapshot.quantiles, quantiles[i].key), quantiles[i].least,
                        quantiles[i].most);
    message_codec_free(codec);
}

static void test_no_name_is_cut_or_twice(void **state)
{
    struct fixture *fixture = *state;
    const unsigned count = SNAPSHOT_VALUES + SNAPSHOT_QUANTILES;

    for (unsigned i = 0; i < count; i++) {
        size_t bytes = strlen(fixture->snapshot.keys[i]);

        assert_in_range(bytes, 1, SNAPSHOT_KEY_BYTES - 2);
        for (unsigned j = i + 1; j < count; j++)
            assert_string_not_equal(fixture->snapshot.keys[i], fixture->snapshot.keys[j]);
    }
}

static void test_the_json(void **state)
{
    static const char *const parts[] = {
        "{\"schema\":1,\"version\":\"" SLUICE_VERSION
        "\",\"seq\":17,\"at_us\":1700000000000001,\"processes\":["
        "{\"process\":\"gateway\",\"instance\":0,\"epoch\":\"00000000000000ff\",\"pid\":42,\"up\":true,"
        "\"uptime_us\":5000000,\"silent_us\":1000000,\"events\":1,\"events_lost\":1}],"
        "\"values\":{\"gateway.requests_total\":9,",
        "\"gateway.refused_total{reason=\\\"queue_full\\\"}\":2,",
        "},\"quantiles\":{\"gateway.request_seconds.p50\":",
        "},\"events\":[{\"at_us\":1700000000000000,\"process\":\"gateway\",\"epoch\":",
        "\"seq\":2,\"event\":\"rejected\",\"request\":\"r\\\"1\",\"reason\":\"queue_full\",\"value\":12}]}",
    };
    struct fixture *fixture = *state;
    const char *at = fixture->room;
    struct text text;

    fill(fixture);
    assert_int_equal(state_json_render(fixture->store, &fixture->snapshot, NOW + SECOND, fixture->room,
                                       STATE_JSON_BYTES, &text),
                     0);
    fixture->room[text.bytes] = '\0';
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        at = strstr(at, parts[i]);
        if (!at) {
            fail_msg("%s is not in %s", parts[i], fixture->room);
            return;
        }
    }
}

static void test_the_worst_fits(void **state)
{
    char bad[MESSAGE_ID_BYTES], word[MESSAGE_LABEL_BYTES];
    struct message_event event = {.process = text_of("scheduler"),
                                  .at_us = INT64_MIN,
                                  .name = {word, MESSAGE_LABEL_BYTES},
                                  .lane = {bad, MESSAGE_LABEL_BYTES},
                                  .request = {bad, MESSAGE_ID_BYTES},
                                  .reason = {bad, MESSAGE_LABEL_BYTES},
                                  .attempt = UINT64_MAX,
                                  .value = INT64_MIN};
    struct fixture *fixture = *state;
    struct text text;

    memset(bad, 1, sizeof(bad)); /* \u0001 */
    memset(word, 'a', sizeof(word));
    for (unsigned i = 0; i < SNAPSHOT_VALUES; i++)
        fixture->snapshot.values[i].value = INT64_MIN;
    for (unsigned i = 0; i < SNAPSHOT_QUANTILES; i++)
        fixture->snapshot.quantiles[i].value = INT64_MIN;
    for (uint64_t i = 0; i < STORE_EVENTS; i++) {
        event.seq = UINT64_MAX - STORE_EVENTS + i;
        assert_int_equal(store_add_event(fixture->store, NOW, UINT64_MAX - i % STORE_EPOCHS, &event), 0);
    }
    assert_int_equal(state_json_render(fixture->store, &fixture->snapshot, INT64_MAX, fixture->room,
                                       STATE_JSON_BYTES, &text),
                     0);
    assert_int_equal(state_json_render(fixture->store, &fixture->snapshot, INT64_MAX, fixture->room,
                                       text.bytes - 1, &text),
                     -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_message, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_no_name_is_cut_or_twice, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_json, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_worst_fits, open_fixture, close_fixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
