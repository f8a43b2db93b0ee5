/* views_test.c - metricsd/views.c: whose views are kept, and for how long. */
#include "metricsd/views.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define START  (5000 * SECOND)

struct fixture {
    struct views *views;
    struct store *store;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    if (!fixture)
        return -1;
    fixture->views = views_new();
    fixture->store = store_new(START);
    return fixture->views && fixture->store ? 0 : -1;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    views_free(fixture->views);
    store_free(fixture->store);
    free(fixture);
    return 0;
}

static int add(struct fixture *fixture, int second, const char *process, uint64_t epoch, const char *name,
               const char *json)
{
    struct message_view view = {.process = text_of(process), .name = text_of(name)};

    return views_add(fixture->views, fixture->store, epoch, &view, text_of(json), START + second * SECOND);
}

static void hear(struct fixture *fixture, int second, const char *process, uint64_t epoch)
{
    struct message_totals totals = {.process = text_of(process)};

    assert_int_equal(store_add_totals(fixture->store, START + second * SECOND, epoch, &totals), 0);
}

/* The view of that key; "" when there is none. */
static const char *of(const struct fixture *fixture, const char *key)
{
    static char json[64];
    const struct view *view;

    for (unsigned i = 0; (view = views_at(fixture->views, i)); i++) {
        if (strcmp(view->key, key) == 0) {
            snprintf(json, sizeof(json), "%.*s", TEXT_ARGS(view->json));
            return json;
        }
    }
    return "";
}

static void test_the_last_one_is_kept_as_it_came(void **state)
{
    struct fixture *fixture = *state;
    uint64_t changes;

    hear(fixture, 0, "scheduler", 1);
    assert_int_equal(add(fixture, 0, "scheduler", 1, "queue", "{ \"total\" : 1.0e1 }"), 1);
    assert_string_equal(of(fixture, "scheduler.queue"), "{ \"total\" : 1.0e1 }");
    changes = views_at(fixture->views, 0)->changes;
    assert_int_equal(add(fixture, 0, "scheduler", 1, "queue", "{ \"total\" : 1.0e1 }"), 0);
    assert_int_equal(views_at(fixture->views, 0)->changes, changes);
    assert_int_equal(add(fixture, 0, "scheduler", 1, "queue", "{}"), 1);
    assert_true(views_at(fixture->views, 0)->changes > changes);
    assert_string_equal(of(fixture, "scheduler.queue"), "{}");
    assert_int_equal(add(fixture, 0, "scheduler", 1, "clients", "{\"top\":[]}"), 1);
    assert_string_equal(of(fixture, "scheduler.queue"), "{}");
    assert_string_equal(of(fixture, "scheduler.clients"), "{\"top\":[]}");
    assert_null(views_at(fixture->views, 2));
}

static void test_bad_ones_change_nothing(void **state)
{
    static const struct {
        const char *process, *name, *json;
    } cases[] = {
        {"stranger", "queue", "{}"},       {"", "queue", "{}"},
        {"scheduler", "", "{}"},           {"scheduler", "a.b", "{}"},
        {"scheduler", "Queue", "{}"},      {"scheduler", "queue", ""},
        {"scheduler", "queue", "[]"},      {"scheduler", "queue", "{\"a\":NaN}"},
        {"scheduler", "queue", "{}\n"},    {"scheduler", "queue", "{\"a\":\"\x01\"}"},
        {"scheduler", "queue", "{\"a\":"}, {"scheduler", "queue", "{} {}"},
    };
    static char long_json[MESSAGE_VIEW_BYTES + 2];
    struct fixture *fixture = *state;

    hear(fixture, 0, "scheduler", 1);
    assert_int_equal(add(fixture, 0, "scheduler", 1, "queue", "{\"good\":1}"), 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (add(fixture, 0, cases[i].process, 1, cases[i].name, cases[i].json) != -EINVAL)
            fail_msg("%zu was taken", i);
    }
    assert_int_equal(add(fixture, 0, "scheduler", 0, "queue", "{}"), -EINVAL);
    memset(long_json, ' ', sizeof(long_json) - 1);
    long_json[0] = '{';
    long_json[MESSAGE_VIEW_BYTES] = '}';
    assert_int_equal(add(fixture, 0, "scheduler", 1, "queue", long_json), -EINVAL);
    assert_string_equal(of(fixture, "scheduler.queue"), "{\"good\":1}");
    assert_null(views_at(fixture->views, 1));
    long_json[MESSAGE_VIEW_BYTES - 1] = '}';
    long_json[MESSAGE_VIEW_BYTES] = '\0';
    assert_int_equal(add(fixture, 0, "scheduler", 1, "queue", long_json), 1);
}

/* Each step happens at its second; "view" comes from that epoch; afterwards that epoch's is shown. */
static void test_the_newest_process_speaks_for_its_kind(void **state)
{
    static const struct {
        const char *story;
        int second;
        const char *what;
        uint64_t epoch, shown; /* 0: none */
    } steps[] = {
        {"the first tells of itself before it is known", 0, "view", 1, 1},
        {"", 1, "totals", 1, 1},
        {"a tick", 1, "tick", 0, 1},
        {"a second one begins", 2, "view", 2, 2},
        {"the first is older, though the second is not known yet", 2, "view", 1, 1},
        {"", 2, "totals", 2, 1},
        {"", 3, "view", 2, 2},
        {"now it is", 3, "view", 1, 2},
        {"", 4, "totals", 1, 2},
        {"the second is silent for 3 s: the first one's counts again", 5, "view", 1, 1},
        {"it speaks again", 6, "totals", 2, 1},
        {"and is the newer one", 6, "view", 2, 2},
        {"", 7, "view", 1, 2},
        {"all are silent, for a while", 8, "tick", 0, 2},
        {"", 10, "tick", 0, 0},
        {"they come back", 20, "view", 1, 1},
    };
    struct fixture *fixture = *state;
    char json[32];

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        snprintf(json, sizeof(json), "{\"of\":%d}", (int)steps[i].epoch);
        if (strcmp(steps[i].what, "view") == 0)
            assert_true(add(fixture, steps[i].second, "gateway", steps[i].epoch, "configuration", json) >= 0);
        else if (strcmp(steps[i].what, "totals") == 0)
            hear(fixture, steps[i].second, "gateway", steps[i].epoch);
        else
            views_tick(fixture->views, fixture->store, START + steps[i].second * SECOND);
        snprintf(json, sizeof(json), steps[i].shown ? "{\"of\":%d}" : "", (int)steps[i].shown);
        if (strcmp(of(fixture, "gateway.configuration"), json) != 0)
            fail_msg("%zu %s: %s", i, steps[i].story, of(fixture, "gateway.configuration"));
    }
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct fixture *fixture = *state;
    char name[32];

    hear(fixture, 0, "scheduler", 1);
    hear(fixture, 60, "fetcher", 2);
    for (int i = 0; i < VIEWS_MAX; i++) {
        snprintf(name, sizeof(name), "view%d", i);
        assert_int_equal(add(fixture, 0, i % 2 ? "scheduler" : "fetcher", i % 2 ? 1 : 2, name, "{}"), 1);
    }
    assert_int_equal(add(fixture, 0, "scheduler", 1, "more", "{}"), -ENOSPC);
    assert_int_equal(add(fixture, 0, "scheduler", 1, "view1", "{\"a\":1}"), 1);
    views_tick(fixture->views, fixture->store, START + 60 * SECOND); /* the scheduler is gone */
    assert_int_equal(add(fixture, 60, "fetcher", 2, "more", "{\"b\":2}"), 1);
    assert_string_equal(of(fixture, "fetcher.more"), "{\"b\":2}");
    assert_string_equal(of(fixture, "scheduler.view1"), "");
    for (int i = 0; i < VIEWS_MAX; i += 2) {
        snprintf(name, sizeof(name), "fetcher.view%d", i);
        assert_string_equal(of(fixture, name), "{}");
    }
    assert_null(views_at(fixture->views, VIEWS_MAX / 2 + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_one_is_kept_as_it_came, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_bad_ones_change_nothing, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_the_newest_process_speaks_for_its_kind, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_no_more_than_there_is_room_for, open_fixture, close_fixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
