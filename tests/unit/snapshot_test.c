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
    struct windows *windows;
    struct slots *slots;
    struct views *views;
    struct links links;
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
    fixture->store = store_new(NOW);
    fixture->windows = windows_new();
    fixture->slots = slots_new();
    fixture->views = views_new();
    return fixture->store && fixture->windows && fixture->slots && fixture->views ? 0 : -1;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    views_free(fixture->views);
    slots_free(fixture->slots);
    windows_free(fixture->windows);
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
    assert_int_equal(store_add_event(fixture->store, NOW, 255, &event, 16), 0);
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

static int render(const struct fixture *fixture, int64_t now_us, size_t size, struct text *text)
{
    struct state_parts parts = {.epoch = 0xabc,
                                .store = fixture->store,
                                .snapshot = &fixture->snapshot,
                                .windows = fixture->windows,
                                .slots = fixture->slots,
                                .views = fixture->views,
                                .links = &fixture->links};

    return state_json_render(&parts, now_us, (char *)fixture->room, size, text);
}

static int add_view(struct fixture *fixture, const char *name, struct text json)
{
    struct message_view view = {.process = text_of("gateway"), .name = text_of(name)};

    return views_add(fixture->views, fixture->store, 255, &view, json, NOW);
}

static void add_send(struct fixture *fixture, int64_t at_us, uint64_t attempt, const char *end)
{
    struct message_event event = {.process = text_of("fetcher"),
                                  .name = text_of("sent"),
                                  .lane = text_of("score"),
                                  .at_us = at_us,
                                  .attempt = attempt,
                                  .value = 7};

    slots_add(fixture->slots, &event, 9, NOW, NOW);
    event.name = text_of(end);
    slots_add(fixture->slots, &event, 9, NOW, NOW);
}

static void test_the_json(void **state)
{
    static const char *const parts[] = {
        "{\"schema\":2,\"version\":\"" SLUICE_VERSION
        "\",\"epoch\":\"0000000000000abc\",\"seq\":17,\"at_us\":1700000000000001,\"processes\":["
        "{\"process\":\"gateway\",\"instance\":0,\"epoch\":\"00000000000000ff\",\"pid\":42,\"up\":true,"
        "\"uptime_us\":5000000,\"silent_us\":1000000,\"events\":1,\"events_lost\":1}],"
        "\"values\":{\"gateway.requests_total\":9,",
        "\"gateway.refused_total{reason=\\\"queue_full\\\"}\":2,",
        "},\"quantiles\":{\"gateway.request_seconds.p50\":",
        "},\"windows\":{\"1m\":{\"gateway.request_seconds.p50\":",
        "\"gateway.request_seconds.count\":100",
        "},\"15m\":{\"gateway.request_seconds.p50\":",
        "}},\"slots\":{\"window_us\":1000000,\"burst\":1,\"sent\":["
        "{\"at_us\":1000,\"gap_us\":null,\"late_us\":7,\"attempt\":1,\"outcome\":\"limited\"},"
        "{\"at_us\":1500,\"gap_us\":500,\"late_us\":7,\"attempt\":2,\"outcome\":\"flying\"}],"
        "\"smallest_gap_us\":500,\"violations\":1},\"views\":{"
        "\"gateway.configuration\":{ \"options\" : {} },\"gateway.queue\":{\"total\":1}},"
        "\"links\":{\"gateway\":null,\"simulator\":\"http://127.0.0.1:5555\"},\"events\":["
        "{\"id\":16,\"at_us\":1700000000000000,\"process\":\"gateway\",\"epoch\":",
        "\"seq\":2,\"event\":\"rejected\",\"request\":\"r\\\"1\",\"reason\":\"queue_full\",\"value\":12}]}",
    };
    static const struct metrics nothing;
    struct fixture *fixture = *state;
    const char *at = fixture->room;
    struct text text;

    fill(fixture);
    links_init(&fixture->links, "", "http://127.0.0.1:5555/");
    windows_tick(fixture->windows, &nothing, NOW);
    windows_tick(fixture->windows, &fixture->sum, NOW + SECOND);
    slots_tick(fixture->slots, SECOND, 1, 9, NOW);
    add_send(fixture, 1000, 1, "limited");
    add_send(fixture, 1500, 2, "stored");
    slots_tick(fixture->slots, SECOND, 1, 9, NOW + 5 * SECOND);
    assert_int_equal(add_view(fixture, "configuration", text_of("{ \"options\" : {} }")), 1);
    assert_int_equal(add_view(fixture, "queue", text_of("{\"total\":1}")), 1);
    assert_int_equal(render(fixture, NOW + SECOND, STATE_JSON_BYTES, &text), 0);
    fixture->room[text.bytes] = '\0';
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        at = strstr(at, parts[i]);
        if (!at) {
            fail_msg("%s is not in %s", parts[i], fixture->room);
            return;
        }
    }
}

static void test_only_newer_events(void **state)
{
    struct fixture *fixture = *state;
    struct message_event event = {.process = text_of("gateway"), .name = text_of("gone")};
    struct json json;
    struct text text;

    for (event.seq = 1; event.seq <= 3; event.seq++)
        assert_int_equal(store_add_event(fixture->store, NOW, 5, &event, 10 * event.seq), 0);
    json_init(&json, fixture->room, sizeof(fixture->room) - 1);
    state_json_put_events(&json, fixture->store, 10);
    assert_int_equal(json_finish(&json, &text), 0);
    fixture->room[text.bytes] = '\0';
    assert_ptr_equal(strstr(fixture->room, "{\"id\":30,"), fixture->room + 1);
    assert_non_null(strstr(fixture->room, "{\"id\":20,"));
    assert_null(strstr(fixture->room, "{\"id\":10,"));
    json_init(&json, fixture->room, sizeof(fixture->room));
    state_json_put_events(&json, fixture->store, 30);
    assert_int_equal(json_finish(&json, &text), 0);
    assert_true(text_equal(text, "[]"));
}

static void add_worst_views(struct fixture *fixture)
{
    static char json[MESSAGE_VIEW_BYTES];
    char name[MESSAGE_LABEL_BYTES + 1];

    memset(json, ' ', sizeof(json));
    json[0] = '{';
    json[sizeof(json) - 1] = '}';
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        snprintf(name, sizeof(name), "%048u", i);
        assert_int_equal(add_view(fixture, name, (struct text){json, sizeof(json)}), 1);
    }
}

static void add_worst_sends(struct fixture *fixture)
{
    struct message_event event = {.process = text_of("fetcher"),
                                  .name = text_of("sent"),
                                  .lane = text_of("score"),
                                  .attempt = UINT64_MAX,
                                  .value = INT64_MIN};

    slots_tick(fixture->slots, INT64_MAX, 1, 9, NOW);
    for (int i = 0; i < SLOTS_KEPT; i++) {
        event.at_us = i % 2 ? INT64_MAX : -1;
        slots_add(fixture->slots, &event, UINT64_MAX, NOW, NOW);
    }
    slots_tick(fixture->slots, INT64_MAX, 64, UINT64_MAX, NOW + 5 * SECOND);
}

static void add_worst_events(struct fixture *fixture)
{
    char bad[MESSAGE_NOTE_BYTES], word[MESSAGE_LABEL_BYTES];
    struct message_event event = {.process = text_of("scheduler"),
                                  .at_us = INT64_MIN,
                                  .name = {word, MESSAGE_LABEL_BYTES},
                                  .lane = {bad, MESSAGE_LABEL_BYTES},
                                  .request = {bad, MESSAGE_ID_BYTES},
                                  .reason = {bad, MESSAGE_LABEL_BYTES},
                                  .note = {bad, MESSAGE_NOTE_BYTES},
                                  .attempt = UINT64_MAX,
                                  .value = INT64_MIN};

    memset(bad, 1, sizeof(bad)); /* \u0001 */
    memset(word, 'a', sizeof(word));
    for (uint64_t i = 0; i < STORE_EVENTS; i++) {
        event.seq = UINT64_MAX - STORE_EVENTS + i;
        assert_int_equal(
            store_add_event(fixture->store, NOW, UINT64_MAX - i % STORE_EPOCHS, &event, UINT64_MAX - i), 0);
    }
}

static void test_the_worst_fits(void **state)
{
    struct fixture *fixture = *state;
    static struct metrics sum;
    struct text text;

    for (unsigned i = 0; i < SNAPSHOT_VALUES; i++)
        fixture->snapshot.values[i].value = INT64_MIN;
    for (unsigned i = 0; i < SNAPSHOT_QUANTILES; i++)
        fixture->snapshot.quantiles[i].value = INT64_MIN;
    windows_tick(fixture->windows, &sum, NOW);
    for (unsigned i = 0; i < HISTOGRAM_COUNT; i++)
        sum.histograms[i].buckets[HISTOGRAM_BUCKETS - 1] = INT64_MAX;
    windows_tick(fixture->windows, &sum, NOW + SECOND);
    add_worst_views(fixture);
    add_worst_sends(fixture);
    add_worst_events(fixture);
    assert_int_equal(render(fixture, INT64_MAX, STATE_JSON_BYTES, &text), 0);
    assert_true(text.bytes > STATE_JSON_BYTES / 2); /* it is about the worst */
    assert_int_equal(render(fixture, INT64_MAX, text.bytes - 1, &text), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_message, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_no_name_is_cut_or_twice, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_json, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_only_newer_events, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_worst_fits, open_fixture, close_fixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
