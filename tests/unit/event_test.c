/* event_test.c - what a process tells metricsd, as it arrives there. */
#include "common/event.h"

#include "tests/unit/ledger_stage.h"

#define ENOUGH_TURNS 5000 /* of at most 1 ms */

struct heard {
    unsigned views;
    uint64_t epoch;
    char process[MESSAGE_LABEL_BYTES + 1], name[MESSAGE_LABEL_BYTES + 1];
    size_t body_bytes;
    char first, last; /* of the body */
};

static void on_view(void *arg, struct text topic, const struct message *message, struct bus_body *body)
{
    struct text json = bus_body_text(body);
    struct heard *heard = arg;

    assert_true(text_equal(topic, "view"));
    assert_int_equal(message->type, MESSAGE_TYPE_view);
    assert_true(json.bytes > 0);
    heard->views++;
    heard->epoch = message->from;
    snprintf(heard->process, sizeof(heard->process), "%.*s", TEXT_ARGS(message->view.process));
    snprintf(heard->name, sizeof(heard->name), "%.*s", TEXT_ARGS(message->view.name));
    heard->body_bytes = json.bytes;
    heard->first = json.at[0];
    heard->last = json.at[json.bytes - 1];
}

/* Sends it again and again, as processes do, until it is heard. */
static void send_until_heard(struct event_base *base, struct event_publisher *publisher, struct text json,
                             struct heard *heard)
{
    static const struct timeval a_moment = {.tv_usec = 1000};

    heard->views = 0;
    for (int turn = 0; turn < ENOUGH_TURNS && heard->views == 0; turn++) {
        assert_int_equal(event_view(publisher, "queue", json), 0);
        event_base_loopexit(base, &a_moment);
        event_base_dispatch(base);
    }
    assert_true(heard->views > 0);
}

static void a_view_arrives_whole_or_is_not_sent(void **state)
{
    static const char *const topics[] = {"", NULL};
    static char longest[MESSAGE_VIEW_BYTES + 1];
    struct event_base *base = event_base_new();
    struct bus *bus = bus_new(base);
    struct event_publisher *publisher;
    char endpoint[CONFIG_ENDPOINT_BYTES];
    struct heard heard = {0};
    static struct config config;

    (void)state;
    snprintf(config.runtime_dir, sizeof(config.runtime_dir), "%s", dir);
    config_endpoint(&config, "events", endpoint);
    memset(longest, ' ', sizeof(longest));
    longest[0] = '{';
    longest[MESSAGE_VIEW_BYTES - 1] = '}';
    assert_non_null(bus);
    assert_non_null(bus_subscribe_bind(bus, endpoint, topics, on_view, &heard));
    publisher = event_publisher_new(bus, &config, "scheduler");
    assert_non_null(publisher);
    send_until_heard(base, publisher, text_of("{\"total\":0}"), &heard);
    assert_true(heard.epoch == bus_epoch(bus));
    assert_string_equal(heard.process, "scheduler");
    assert_string_equal(heard.name, "queue");
    assert_int_equal(heard.body_bytes, 11);
    assert_int_equal(event_view(publisher, "queue", (struct text){longest, sizeof(longest)}), -EMSGSIZE);
    while (heard.body_bytes != MESSAGE_VIEW_BYTES)
        send_until_heard(base, publisher, (struct text){longest, MESSAGE_VIEW_BYTES}, &heard);
    assert_true(heard.first == '{' && heard.last == '}');
    event_publisher_free(publisher);
    bus_free(bus);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_view_arrives_whole_or_is_not_sent, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
