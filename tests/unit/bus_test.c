/* bus_test.c - real ZeroMQ sockets in one libevent loop: links that go up and down, credits, restarts, and
 * hostile peers. Each test runs the loop until a condition holds, with a deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <czmq.h>
#include <errno.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/link.h"
#include "tests/support/scarce.h"

#define DEADLINE_US (10 * US_PER_SECOND)

struct end {
    struct bus *bus;
    struct bus_socket *socket;
    uint64_t peer;
    unsigned ups, downs, messages, bads, writables;
    uint64_t last_id, disorder;
    size_t body_bytes;
    bool echo;
};

static char directory[64], endpoint[128];
static struct event_base *base;

static void on_up(void *arg, uint64_t peer, struct text role)
{
    struct end *end = arg;

    assert_true(text_equal(role, "gateway") || text_equal(role, "server"));
    end->peer = peer;
    end->ups++;
}

static void on_down(void *arg, uint64_t peer, const char *why)
{
    struct end *end = arg;

    (void)why;
    assert_true(peer == end->peer);
    end->peer = 0;
    end->downs++;
}

static void on_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct end *end = arg;

    assert_true(peer == end->peer);
    end->messages++;
    end->disorder += message->cancel.id != end->last_id + 1;
    end->last_id = message->cancel.id;
    end->body_bytes += bus_body_text(body).bytes;
    if (end->echo) {
        struct message reply = *message;

        assert_int_equal(bus_send(end->socket, peer, &reply, body), 0);
    }
}

static void on_writable(void *arg, uint64_t peer)
{
    (void)peer;
    ((struct end *)arg)->writables++;
}

static void on_bad(void *arg, uint64_t peer, int error)
{
    (void)peer;
    assert_true(error == -EBADMSG || error == -EPROTONOSUPPORT || error == -ENOMSG || error == -ENOMEM);
    ((struct end *)arg)->bads++;
}

static const struct bus_link_handlers handlers = {
    .up = on_up, .down = on_down, .message = on_message, .writable = on_writable, .bad = on_bad};

static void server_open(struct end *end)
{
    *end = (struct end){.bus = bus_new(base)};
    assert_non_null(end->bus);
    end->socket = bus_serve(end->bus, endpoint, &handlers, end);
    assert_non_null(end->socket);
}

static void client_open(struct end *end)
{
    *end = (struct end){.bus = bus_new(base)};
    assert_non_null(end->bus);
    end->socket = bus_connect(end->bus, endpoint, "gateway", &handlers, end);
    assert_non_null(end->socket);
}

#define run_until(condition)                                                                                 \
    do {                                                                                                     \
        int64_t deadline_us = clock_now_us() + DEADLINE_US;                                                  \
                                                                                                             \
        while (!(condition)) {                                                                               \
            if (clock_now_us() > deadline_us)                                                                \
                fail_msg("not within the deadline: %s", #condition);                                         \
            event_base_loop(base, EVLOOP_ONCE);                                                              \
        }                                                                                                    \
    } while (0)

static int open_base(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/bus_test.XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/link.ipc", directory);
    base = event_base_new();
    return base ? 0 : -1;
}

static int close_base(void **state)
{
    (void)state;
    event_base_free(base);
    unlink(endpoint + strlen("ipc://"));
    return rmdir(directory);
}

static void messages_and_bodies_pass_both_ways_in_order(void **state)
{
    struct message message = {.type = MESSAGE_TYPE_cancel};
    struct bus_body *body =
        bus_body_new(text_of("a body that is longer than what libzmq keeps in place ...."));
    struct end server, client;

    (void)state;
    client_open(&client); /* the client may come first */
    server_open(&server);
    server.echo = true;
    run_until(client.peer && server.peer);
    assert_true(client.peer == bus_epoch(server.bus) && server.peer == bus_epoch(client.bus));
    for (uint64_t id = 1; id <= 1000; id++) {
        message.cancel.id = id;
        assert_int_equal(bus_send(client.socket, client.peer, &message, body), 0);
    }
    run_until(client.messages == 1000);
    assert_int_equal(server.disorder + client.disorder, 0);
    assert_int_equal(client.body_bytes, 1000 * bus_body_text(body).bytes);
    bus_body_free(body);
    bus_free(client.bus);
    run_until(server.downs == 1); /* the goodbye, long before silence would tell */
    bus_free(server.bus);
}

static void without_credit_nothing_is_sent_or_lost(void **state)
{
    struct message message = {.type = MESSAGE_TYPE_cancel};
    struct end server, client;
    uint64_t sent = 0;

    (void)state;
    server_open(&server);
    client_open(&client);
    run_until(client.peer && server.peer);
    for (;;) { /* the server has no turn, since the loop does not run */
        message.cancel.id = sent + 1;
        if (bus_send(client.socket, client.peer, &message, NULL) < 0)
            break;
        sent++;
    }
    assert_int_equal(sent, LINK_CREDITS);
    assert_int_equal(bus_send(client.socket, client.peer, &message, NULL), -EAGAIN);
    run_until(client.writables > 0 && server.messages == sent);
    assert_int_equal(server.disorder, 0);
    assert_int_equal(bus_send(client.socket, client.peer, &message, NULL), 0);
    run_until(server.messages == sent + 1);
    bus_free(client.bus);
    bus_free(server.bus);
}

static void a_restarted_server_is_another_peer(void **state)
{
    struct message message = {.type = MESSAGE_TYPE_cancel, .cancel = {.id = 1}};
    struct end server, client;
    uint64_t first;

    (void)state;
    server_open(&server);
    client_open(&client);
    run_until(client.peer && server.peer);
    first = client.peer;
    bus_free(server.bus);
    server_open(&server);
    run_until(client.ups == 2);
    assert_int_equal(client.downs, 1);
    assert_true(client.peer != first);
    assert_int_equal(bus_send(client.socket, first, &message, NULL), -ENOTCONN);
    assert_int_equal(bus_send(client.socket, client.peer, &message, NULL), 0);
    run_until(server.messages == 1);
    bus_free(client.bus);
    bus_free(server.bus);
}

static void a_dismissed_client_comes_again(void **state)
{
    struct end server, client;

    (void)state;
    server_open(&server);
    client_open(&client);
    run_until(client.peer && server.peer);
    bus_dismiss(server.socket, server.peer);
    assert_int_equal(server.downs, 1);
    run_until(client.ups == 2 && server.ups == 2);
    bus_free(client.bus);
    bus_free(server.bus);
}

/* What has no room here is lost; the rest of it is not taken for another message. */
static void lose_one(struct end *from, struct end *to)
{
    struct message message = {.type = MESSAGE_TYPE_cancel, .cancel = {.id = to->messages + 1}};
    struct bus_body *body = bus_body_new(text_of("what strangers wrote"));
    unsigned ups = from->ups, downs = to->downs, bads = to->bads;

    assert_int_equal(bus_send(from->socket, from->peer, &message, body), 0);
    scarce_after(0);
    run_until(to->bads > bads);
    scarce_no_more();
    run_until(to->downs == downs + 1 && from->ups == ups + 1 && from->peer && to->peer);
    assert_int_equal(to->bads, bads + 1);
    assert_int_equal(bus_send(from->socket, from->peer, &message, body), 0);
    run_until(to->messages == message.cancel.id);
    bus_body_free(body);
}

static void a_lost_message_begins_the_link_anew(void **state)
{
    struct end server, client;

    (void)state;
    server_open(&server);
    client_open(&client);
    run_until(client.peer && server.peer);
    lose_one(&client, &server);
    lose_one(&server, &client);
    assert_int_equal(server.disorder + client.disorder, 0);
    bus_free(client.bus);
    bus_free(server.bus);
}

/* The client's end is told at once; a stranger's, never. */
static void who_has_lost_something_may_say_so(void **state)
{
    struct end server, client;

    (void)state;
    server_open(&server);
    client_open(&client);
    run_until(client.peer && server.peer);
    bus_lose(client.socket, 4711);
    bus_lose(client.socket, client.peer);
    run_until(client.ups == 2 && server.ups == 2);
    assert_int_equal(client.downs + server.downs, 2);
    bus_free(client.bus);
    bus_free(server.bus);
}

/* No room for a peer, nor for the table of them, nor for what that needs. */
static void a_peer_for_whom_there_is_no_room_asks_again(void **state)
{
    struct end server, client;

    (void)state;
    server_open(&server);
    client_open(&client);
    for (unsigned room = 0; room < 3; room++) {
        run_until(client.peer && server.peer);
        bus_dismiss(server.socket, server.peer);
        scarce_after(room);
        run_until(server.bads == room + 1);
        scarce_no_more();
    }
    run_until(client.peer && server.peer);
    assert_int_equal(client.ups + server.ups, 8);
    bus_free(client.bus);
    bus_free(server.bus);
}

static zsock_t *hostile_dealer(const char *identity)
{
    zsock_t *dealer = zsock_new(ZMQ_DEALER);

    zsock_set_identity(dealer, identity);
    zsock_set_linger(dealer, 100);
    assert_int_equal(zsock_connect(dealer, "%s", endpoint), 0);
    return dealer;
}

static void hostile_peers_are_counted_and_change_nothing(void **state)
{
    struct message message = {.type = MESSAGE_TYPE_cancel, .cancel = {.id = 1}};
    zsock_t *garbage, *impostor;
    struct end server, client;
    char own[17];

    (void)state;
    server_open(&server);
    client_open(&client);
    run_until(client.peer && server.peer);
    garbage = hostile_dealer("0000000000000abc");
    zstr_send(garbage, "not msgpack");
    zstr_sendx(garbage, "more", "frames", "than", "we", "know", NULL);
    zstr_send(garbage, "");
    snprintf(own, sizeof(own), "not-hexadecimal!");
    impostor = hostile_dealer(own);
    zstr_send(impostor, "\x80");
    run_until(server.bads >= 3 && bus_stats(server.socket)->bad_total >= 4);
    assert_int_equal(server.downs, 0);
    assert_int_equal(bus_send(client.socket, client.peer, &message, NULL), 0);
    run_until(server.messages == 1);
    zsock_destroy(&garbage);
    zsock_destroy(&impostor);
    bus_free(client.bus);
    bus_free(server.bus);
}

struct listener {
    unsigned events;
    uint64_t epoch;
    size_t body_bytes;
};

static void on_event(void *arg, struct text topic, const struct message *message, struct bus_body *body)
{
    struct listener *listener = arg;

    assert_true(text_equal(topic, "exposition"));
    assert_int_equal(message->type, MESSAGE_TYPE_exposition);
    listener->events++;
    listener->epoch = message->from;
    listener->body_bytes = bus_body_text(body).bytes;
}

static void the_events_path_carries_topics(void **state)
{
    static const char *const topics[] = {"exposition", NULL};
    struct message message = {.type = MESSAGE_TYPE_exposition};
    struct bus_body *body = bus_body_new(text_of("# HELP"));
    struct listener listener = {0};
    struct bus *bus = bus_new(base);
    struct bus_socket *publisher;

    (void)state;
    assert_non_null(bus);
    assert_non_null(bus_subscribe_bind(bus, endpoint, topics, on_event, &listener));
    publisher = bus_publish_connect(bus, endpoint);
    assert_non_null(publisher);
    run_until((bus_post(publisher, "snapshot", &message, NULL),
               bus_post(publisher, "exposition", &message, body), listener.events > 0));
    assert_true(listener.epoch == bus_epoch(bus));
    assert_int_equal(listener.body_bytes, 6);
    bus_body_free(body);
    bus_free(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_and_bodies_pass_both_ways_in_order, open_base, close_base),
        cmocka_unit_test_setup_teardown(without_credit_nothing_is_sent_or_lost, open_base, close_base),
        cmocka_unit_test_setup_teardown(a_restarted_server_is_another_peer, open_base, close_base),
        cmocka_unit_test_setup_teardown(a_dismissed_client_comes_again, open_base, close_base),
        cmocka_unit_test_setup_teardown(a_lost_message_begins_the_link_anew, open_base, close_base),
        cmocka_unit_test_setup_teardown(who_has_lost_something_may_say_so, open_base, close_base),
        cmocka_unit_test_setup_teardown(a_peer_for_whom_there_is_no_room_asks_again, open_base, close_base),
        cmocka_unit_test_setup_teardown(hostile_peers_are_counted_and_change_nothing, open_base, close_base),
        cmocka_unit_test_setup_teardown(the_events_path_carries_topics, open_base, close_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
