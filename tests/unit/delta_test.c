/* delta_test.c - metricsd/delta.c: only what has changed is told, and nothing that has is left out. */
#include "metricsd/delta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define NOW    (1000 * SECOND)

#define NOTHING "{\"seq\":17,\"at_us\":5,\"point\":null}"

struct fixture {
    struct store *store;
    struct windows *windows;
    struct slots *slots;
    struct views *views;
    struct links links;
    struct history *history;
    struct snapshot snapshot;
    struct state_parts parts;
    struct delta delta;
    char room[STATE_JSON_BYTES];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->store = store_new(NOW);
    fixture->windows = windows_new();
    fixture->slots = slots_new();
    fixture->views = views_new();
    fixture->history = history_new();
    snapshot_init(&fixture->snapshot);
    fixture->snapshot.seq = 17;
    fixture->snapshot.at_us = 5;
    fixture->parts = (struct state_parts){.store = fixture->store,
                                          .snapshot = &fixture->snapshot,
                                          .windows = fixture->windows,
                                          .slots = fixture->slots,
                                          .views = fixture->views,
                                          .links = &fixture->links,
                                          .history = fixture->history};
    *state = fixture;
    return fixture->store && fixture->windows && fixture->slots && fixture->views && fixture->history ? 0
                                                                                                      : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    store_free(fixture->store);
    windows_free(fixture->windows);
    slots_free(fixture->slots);
    views_free(fixture->views);
    history_free(fixture->history);
    free(fixture);
    return 0;
}

static const char *render(struct fixture *fixture, int64_t now_us)
{
    struct text text;
    struct json json;

    json_init(&json, fixture->room, sizeof(fixture->room) - 1);
    delta_put(&fixture->delta, &json, &fixture->parts, now_us);
    assert_int_equal(json_finish(&json, &text), 0);
    fixture->room[text.bytes] = '\0';
    return fixture->room;
}

static void test_the_first_tells_all(void **state)
{
    struct fixture *fixture = *state;
    const char *text = render(fixture, NOW);

    assert_non_null(strstr(text, "{\"seq\":17,\"at_us\":5,\"values\":{\"gateway.requests_total\":0,"));
    assert_non_null(strstr(text, "\"metricsd.up\":0},\"quantiles\":{\"gateway.request_seconds.p50\":0,"));
    assert_non_null(strstr(text, "},\"windows\":{\"1m\":{"));
    assert_non_null(strstr(text, "},\"15m\":{"));
    assert_non_null(strstr(text, "}},\"processes\":[],\"slots\":{\"window_us\":"));
    assert_null(strstr(text, "views"));
    assert_non_null(strstr(text, "},\"links\":{\"gateway\":null,\"simulator\":null},\"point\":null}"));
}

static void test_then_what_has_changed(void **state)
{
    struct fixture *fixture = *state;

    render(fixture, NOW);
    fixture->snapshot.seq = 18;
    assert_string_equal(render(fixture, NOW), "{\"seq\":18,\"at_us\":5,\"point\":null}");
    fixture->snapshot.seq = 17;
    fixture->snapshot.values[1].value = 7;
    fixture->snapshot.values[SNAPSHOT_VALUES - 1].value = -3;
    assert_string_equal(
        render(fixture, NOW),
        "{\"seq\":17,\"at_us\":5,\"values\":{\"gateway.requests_successful_total\":7,\"metricsd.up\":-3},"
        "\"point\":null}");
    assert_string_equal(render(fixture, NOW), NOTHING);
    fixture->snapshot.values[1].value = 0; /* back at what it was first */
    fixture->snapshot.quantiles[1].value = 9;
    assert_string_equal(render(fixture, NOW),
                        "{\"seq\":17,\"at_us\":5,\"values\":{\"gateway.requests_successful_total\":0},"
                        "\"quantiles\":{\"gateway.request_seconds.p90\":9},\"point\":null}");
}

static void test_processes_are_told_when_they_differ(void **state)
{
    struct fixture *fixture = *state;
    const struct message_totals totals = {.process = text_of("gateway"), .uptime_us = SECOND};

    render(fixture, NOW);
    assert_int_equal(store_add_totals(fixture->store, NOW, 1, &totals), 0);
    assert_non_null(strstr(render(fixture, NOW), "\"at_us\":5,\"processes\":[{\"process\":\"gateway\","));
    assert_null(strstr(render(fixture, NOW), "processes"));
    assert_non_null(strstr(render(fixture, NOW + 1), "\"silent_us\":1,"));
}

static void test_who_was_forgotten_hears_all(void **state)
{
    struct fixture *fixture = *state;

    render(fixture, NOW);
    delta_forget(&fixture->delta);
    test_the_first_tells_all(state);
}

static void test_windows_key_by_key(void **state)
{
    struct fixture *fixture = *state;
    struct metrics seen = {0};

    windows_tick(fixture->windows, &seen, NOW);
    render(fixture, NOW);
    histogram_add(&seen.histograms[HISTOGRAM_GATEWAY_HIT], 0);
    windows_tick(fixture->windows, &seen, NOW + SECOND);
    assert_non_null(
        strstr(render(fixture, NOW), "\"at_us\":5,\"windows\":{\"1m\":{\"gateway.hit_seconds.p50\":"));
    assert_non_null(
        strstr(fixture->room, "\"gateway.hit_seconds.count\":1},\"15m\":{\"gateway.hit_seconds."));
    assert_null(strstr(fixture->room, "gateway.request_seconds"));
    windows_tick(fixture->windows, &seen, NOW + 2 * SECOND);
    assert_string_equal(render(fixture, NOW), NOTHING);
}

static void test_the_newest_second(void **state)
{
    struct fixture *fixture = *state;
    struct metrics seen = {0};

    for (int i = 0; i < 2; i++) {
        seen.values[METRIC_GATEWAY_REQUESTS] += 7;
        history_tick(fixture->history, fixture->store, &seen, NOW + i * SECOND, 3 + i * SECOND);
    }
    assert_non_null(strstr(render(fixture, NOW), "\"point\":{\"at_us\":1000003,\"values\":{"));
    assert_non_null(strstr(fixture->room, "\"gateway.requests_total\":7,"));
}

static void add_view(struct fixture *fixture, const char *name, const char *json, int64_t now_us)
{
    const struct message_view view = {.process = text_of("scheduler"), .name = text_of(name)};

    assert_int_equal(views_add(fixture->views, fixture->store, 1, &view, text_of(json), now_us), 1);
}

static void hear_scheduler(struct fixture *fixture, int64_t now_us)
{
    const struct message_totals totals = {.process = text_of("scheduler"), .uptime_us = SECOND};

    assert_int_equal(store_add_totals(fixture->store, now_us, 1, &totals), 0);
    render(fixture, now_us); /* of processes, these stories tell nothing */
}

static const char *between(struct fixture *fixture, int64_t now_us)
{
    struct text text;
    struct json json;

    json_init(&json, fixture->room, sizeof(fixture->room) - 1);
    if (!delta_put_between(&fixture->delta, &json, &fixture->parts, now_us)) {
        assert_int_equal(json.bytes, 0);
        return "nothing";
    }
    assert_int_equal(json_finish(&json, &text), 0);
    fixture->room[text.bytes] = '\0';
    return fixture->room;
}

static void test_views_come_change_and_go(void **state)
{
    struct fixture *fixture = *state;

    hear_scheduler(fixture, NOW);
    assert_string_equal(between(fixture, NOW), "nothing");
    add_view(fixture, "queue", "{\"total\":1}", NOW);
    add_view(fixture, "clients", "{}", NOW);
    assert_string_equal(between(fixture, NOW),
                        "{\"views\":{\"scheduler.queue\":{\"total\":1},\"scheduler.clients\":{}}}");
    assert_string_equal(render(fixture, NOW), NOTHING); /* it has been told in between */
    add_view(fixture, "queue", "{\"total\":2}", NOW);
    assert_string_equal(
        render(fixture, NOW),
        "{\"seq\":17,\"at_us\":5,\"views\":{\"scheduler.queue\":{\"total\":2}},\"point\":null}");
    views_tick(fixture->views, fixture->store, NOW + STORE_UP_US);
    assert_string_equal(between(fixture, NOW),
                        "{\"views\":{\"scheduler.queue\":null,\"scheduler.clients\":null}}");
    assert_string_equal(render(fixture, NOW), NOTHING);
    add_view(fixture, "queue", "{\"total\":2}", NOW);
    assert_string_equal(between(fixture, NOW), "{\"views\":{\"scheduler.queue\":{\"total\":2}}}");
}

/* A reader came when nobody else listened; its state had a view, and that must be taken from it, too. */
static void test_a_view_that_only_a_state_told(void **state)
{
    struct fixture *fixture = *state;

    hear_scheduler(fixture, NOW);
    add_view(fixture, "queue", "{}", NOW);
    delta_forget(&fixture->delta);
    delta_add_state(&fixture->delta, &fixture->parts);
    views_tick(fixture->views, fixture->store, NOW + STORE_UP_US);
    assert_non_null(strstr(render(fixture, NOW), "\"views\":{\"scheduler.queue\":null},"));
}

static void test_links_are_told_when_they_differ(void **state)
{
    struct fixture *fixture = *state;

    render(fixture, NOW);
    links_init(&fixture->links, "http://a:1", "");
    assert_string_equal(render(fixture, NOW), "{\"seq\":17,\"at_us\":5,\"links\":{\"gateway\":\"http://a:1\","
                                              "\"simulator\":null},\"point\":null}");
    assert_string_equal(render(fixture, NOW), NOTHING);
}

static void test_slots_between_ticks(void **state)
{
    struct fixture *fixture = *state;
    const struct message_event sent = {.process = text_of("fetcher"),
                                       .seq = 1,
                                       .at_us = 1234,
                                       .name = text_of("sent"),
                                       .lane = text_of("score"),
                                       .attempt = 9};

    render(fixture, NOW);
    assert_true(slots_add(fixture->slots, &sent, 1, NOW, NOW));
    assert_non_null(strstr(between(fixture, NOW), "{\"slots\":{\"window_us\":"));
    assert_non_null(strstr(fixture->room, "\"sent\":[{\"at_us\":1234,"));
    assert_string_equal(between(fixture, NOW), "nothing");
    assert_string_equal(render(fixture, NOW), NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_first_tells_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_then_what_has_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_processes_are_told_when_they_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_was_forgotten_hears_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows_key_by_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_newest_second, setup, teardown),
        cmocka_unit_test_setup_teardown(test_views_come_change_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_view_that_only_a_state_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_are_told_when_they_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slots_between_ticks, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
