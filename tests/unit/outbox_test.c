/* outbox_test.c - an outbox on a real link: what finds no credit waits, whole and in order, up to the bound,
 * and not for the next link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

#include "common/clock.h"
#include "common/link.h"
#include "common/outbox.h"

#define DEADLINE_US (10 * US_PER_SECOND)
#define ROOM        500
#define BODY        "a body"

/* The sender is the server of the link, the receiver its client. */
struct stage {
    char directory[64], endpoint[128];
    struct event_base *base;
    struct bus *sender, *receiver;
    struct outbox outbox;
    unsigned received, spoiled;
};

static void on_up(void *arg, uint64_t peer, struct text role)
{
    (void)role;
    outbox_link(&((struct stage *)arg)->outbox, peer);
}

static void on_down(void *arg, uint64_t peer, const char *why)
{
    (void)peer;
    (void)why;
    outbox_link(&((struct stage *)arg)->outbox, 0);
}

static void on_writable(void *arg, uint64_t peer)
{
    (void)peer;
    outbox_flush(&((struct stage *)arg)->outbox);
}

static void on_nothing(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    (void)arg;
    (void)peer;
    (void)message;
    (void)body;
}

static void on_receiver_up(void *arg, uint64_t peer, struct text role)
{
    (void)arg;
    (void)peer;
    (void)role;
}

static void on_receiver_down(void *arg, uint64_t peer, const char *why)
{
    (void)arg;
    (void)peer;
    (void)why;
}

static void on_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct stage *stage = arg;
    char outcome[32];

    (void)peer;
    stage->received++;
    snprintf(outcome, sizeof(outcome), "outcome %u", stage->received);
    stage->spoiled +=
        message->type != MESSAGE_TYPE_control_result || message->control_result.id != stage->received ||
        !text_equal(message->control_result.outcome, outcome) || !text_equal(bus_body_text(body), BODY);
}

static const struct bus_link_handlers sender_handlers = {
    .up = on_up, .down = on_down, .message = on_nothing, .writable = on_writable};
static const struct bus_link_handlers receiver_handlers = {
    .up = on_receiver_up, .down = on_receiver_down, .message = on_message};

#define run_until(condition)                                                                                 \
    do {                                                                                                     \
        int64_t deadline_us = clock_now_us() + DEADLINE_US;                                                  \
                                                                                                             \
        while (!(condition)) {                                                                               \
            if (clock_now_us() > deadline_us)                                                                \
                fail_msg("not within the deadline: %s", #condition);                                         \
            event_base_loop(stage->base, EVLOOP_ONCE);                                                       \
        }                                                                                                    \
    } while (0)

static void receiver_open(struct stage *stage)
{
    stage->receiver = bus_new(stage->base);
    assert_non_null(stage->receiver);
    assert_non_null(bus_connect(stage->receiver, stage->endpoint, "gateway", &receiver_handlers, stage));
}

static int open_stage(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));

    assert_non_null(stage);
    snprintf(stage->directory, sizeof(stage->directory), "/tmp/outbox_test.XXXXXX");
    if (!mkdtemp(stage->directory))
        return -1;
    snprintf(stage->endpoint, sizeof(stage->endpoint), "ipc://%s/link.ipc", stage->directory);
    stage->base = event_base_new();
    stage->sender = bus_new(stage->base);
    stage->outbox.max = ROOM;
    stage->outbox.socket = bus_serve(stage->sender, stage->endpoint, &sender_handlers, stage);
    assert_non_null(stage->outbox.socket);
    receiver_open(stage);
    *state = stage;
    run_until(stage->outbox.peer);
    return 0;
}

static int close_stage(void **state)
{
    struct stage *stage = *state;

    outbox_link(&stage->outbox, 0);
    bus_free(stage->receiver);
    bus_free(stage->sender);
    event_base_free(stage->base);
    unlink(stage->endpoint + strlen("ipc://"));
    rmdir(stage->directory);
    free(stage);
    return 0;
}

/* Text and body do not outlive the call. */
static int send_one(struct stage *stage, unsigned number)
{
    char outcome[32];
    struct message message = {.type = MESSAGE_TYPE_control_result, .control_result = {.id = number}};
    struct bus_body *body = bus_body_new(text_of(BODY));
    int rc;

    snprintf(outcome, sizeof(outcome), "outcome %u", number);
    message.control_result.outcome = text_of(outcome);
    rc = outbox_send(&stage->outbox, &message, body);
    memset(outcome, '?', sizeof(outcome));
    bus_body_free(body);
    return rc;
}

/* In one turn, so that no credit comes between. */
static void send_all(struct stage *stage, unsigned count)
{
    for (unsigned number = 1; number <= count; number++)
        assert_int_equal(send_one(stage, number), 0);
}

static void more_than_the_credits_comes_whole_and_in_order(void **state)
{
    struct stage *stage = *state;

    send_all(stage, LINK_CREDITS + ROOM);
    assert_int_equal(stage->outbox.count, ROOM);
    run_until(stage->received == LINK_CREDITS + ROOM);
    assert_int_equal(stage->spoiled, 0);
    assert_int_equal(stage->outbox.count, 0);
}

static void what_comes_behind_does_not_overtake(void **state)
{
    struct stage *stage = *state;
    unsigned sent = LINK_CREDITS + ROOM;

    send_all(stage, sent);
    while (stage->received < 3 * LINK_CREDITS) {
        event_base_loop(stage->base, EVLOOP_ONCE);
        if (stage->outbox.count < ROOM)
            assert_int_equal(send_one(stage, ++sent), 0);
    }
    run_until(stage->received == sent);
    assert_int_equal(stage->spoiled, 0);
}

static void beyond_the_bound_nothing_is_kept(void **state)
{
    struct stage *stage = *state;

    send_all(stage, LINK_CREDITS + ROOM);
    assert_int_equal(send_one(stage, LINK_CREDITS + ROOM + 1), -ENOBUFS);
    assert_int_equal(stage->outbox.count, ROOM);
    run_until(stage->received == LINK_CREDITS + ROOM); /* what was kept before is not lost by it */
    assert_int_equal(send_one(stage, LINK_CREDITS + ROOM + 1), 0);
    run_until(stage->received == LINK_CREDITS + ROOM + 1);
    assert_int_equal(stage->spoiled, 0);
}

static void the_next_link_does_not_get_what_the_last_was_owed(void **state)
{
    struct stage *stage = *state;

    send_all(stage, LINK_CREDITS + ROOM);
    bus_dismiss(stage->outbox.socket, stage->outbox.peer);
    assert_int_equal(stage->outbox.count, 0);
    assert_int_equal(send_one(stage, 1), -ENOTCONN);
    bus_free(stage->receiver);
    receiver_open(stage);
    run_until(stage->outbox.peer);
    stage->received = 0;
    send_all(stage, 1);
    run_until(stage->received == 1);
    assert_int_equal(stage->spoiled, 0);
}

static void what_cannot_wait_is_refused(void **state)
{
    struct stage *stage = *state;
    char name[MESSAGE_LABEL_BYTES + 2];
    struct message lists = {.type = MESSAGE_TYPE_totals, .totals = {.process = text_of("scheduler")}};
    struct message too_long = {.type = MESSAGE_TYPE_control_result};

    memset(name, 'x', sizeof(name));
    too_long.control_result.outcome = (struct text){name, sizeof(name)};
    send_all(stage, LINK_CREDITS + 1);
    assert_int_equal(outbox_send(&stage->outbox, &lists, NULL), -EINVAL);
    assert_int_equal(outbox_send(&stage->outbox, &too_long, NULL), -EMSGSIZE);
    assert_int_equal(stage->outbox.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(more_than_the_credits_comes_whole_and_in_order, open_stage,
                                        close_stage),
        cmocka_unit_test_setup_teardown(what_comes_behind_does_not_overtake, open_stage, close_stage),
        cmocka_unit_test_setup_teardown(beyond_the_bound_nothing_is_kept, open_stage, close_stage),
        cmocka_unit_test_setup_teardown(the_next_link_does_not_get_what_the_last_was_owed, open_stage,
                                        close_stage),
        cmocka_unit_test_setup_teardown(what_cannot_wait_is_refused, open_stage, close_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
