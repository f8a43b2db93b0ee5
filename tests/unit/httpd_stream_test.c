/* httpd_stream_test.c - answers that go on: how they are framed, who is cut, and what they cost. The stage is
 * tests/support/httpd_play.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/support/httpd_play.h"

#define WAIT_BYTES 100000

static struct httpd_config config;
static unsigned drained_count;

static int setup(void **state)
{
    (void)state;
    config = play_config;
    config.stream_bytes = WAIT_BYTES;
    drained_count = 0;
    play_start(&config);
    return 0;
}

/* With its stream begun; small buffers of its own, so that it can be behind. */
static struct client *reader_new(const char *request)
{
    struct client *client = client_new();
    unsigned before = play.stream_count;

    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &(int){16384}, sizeof(int));
    client_say(client, request);
    UNTIL(play.stream_count == before + 1);
    return client;
}

static int say(const char *text)
{
    return httpd_stream_send(play.streams[play.stream_count - 1], text_of(text));
}

/* Until the socket takes no more; returns how many bytes. */
static size_t stuff(void)
{
    static char filler[1000];
    struct httpd_exchange *stream = play.streams[play.stream_count - 1];
    size_t sent = 0;

    memset(filler, 'x', sizeof filler);
    while (stream->state == CONNECTION_STREAM) {
        assert_int_equal(httpd_stream_send(stream, (struct text){filler, sizeof filler}), 0);
        sent += sizeof filler;
    }
    assert_int_equal(stream->state, CONNECTION_HELD);
    return sent;
}

/* Makes room for what comes behind it. Always false. */
static bool skip_filler(struct client *client)
{
    if (!strchr(client->got, '<'))
        client_forget(client);
    return false;
}

static void the_framing(void **state)
{
    static const struct {
        const char *request, *body;
        bool chunked;
    } table[] = {
        {GET("/stream"), "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n", true},
        {"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n",
         true},
        {"GET /stream HTTP/1.0\r\n\r\n", "one two", false},
        {"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "one two", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client *client = reader_new(table[i].request);

        UNTIL(client_has(client, "\r\n\r\n"));
        assert_int_equal(say("one "), 0);
        assert_int_equal(say(""), 0); /* which must not be taken for the end */
        UNTIL(client_has(client, "one "));
        assert_int_equal(say("two"), 0);
        httpd_stream_end(play.streams[--play.stream_count]);
        UNTIL(client_ended(client));
        assert_int_equal(client->end, 1);
        assert_string_equal(strstr(client->got, "\r\n\r\n") + 4, table[i].body);
        assert_non_null(strstr(client->got, "HTTP/1.1 200 OK\r\nDate: "));
        assert_non_null(strstr(client->got, "\r\nConnection: close\r\nContent-Type: text/plain\r\n"));
        assert_null(strstr(client->got, "Content-Length"));
        assert_true((strstr(client->got, "\r\nTransfer-Encoding: chunked\r\n") != NULL) == table[i].chunked);
        client_free(client);
    }
    assert_int_equal(play.gone_count, 0);
}

static void a_head_is_all_that_head_gets(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(client_ended(client));
    assert_int_equal(client->end, 1);
    assert_non_null(strstr(client->got, "Transfer-Encoding: chunked\r\n\r\n"));
    assert_string_equal(strstr(client->got, "\r\n\r\n"), "\r\n\r\n");
    assert_int_equal(play.stream_count, 0);
    assert_int_equal(play.gone_count, 0);
    client_free(client);
}

/* From inside the other one's request, and not from inside any: a request that waited becomes a stream. */
static void a_stream_begins_late(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/wait") GET("/a"));
    UNTIL(play.waiting_count == 1);
    play_turn();
    play.streams[play.stream_count++] = play.waiting[--play.waiting_count];
    httpd_exchange_set(play.streams[0], &play.streams);
    assert_true(httpd_stream_begin(play.streams[0], 200, (struct text){.at = NULL}));
    assert_null(play.streams[0]->in);
    assert_int_equal(say("late"), 0);
    UNTIL(client_has(client, "4\r\nlate\r\n"));
    httpd_stream_end(play.streams[--play.stream_count]);
    UNTIL(client_ended(client));
    assert_null(strstr(client->got, "</a>")); /* a stream is the last answer */
    client_free(client);
}

static void a_client_that_leaves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct client *client = reader_new(GET("/stream"));

        assert_int_equal(say("one"), 0);
        UNTIL(client_has(client, "one"));
        if (i == 1)
            client_say(client, GET("/a")); /* is left unread, and hides nothing */
        if (i < 2)
            shutdown(client->fd, SHUT_WR);
        else if (i == 2)
            client_reset(client);
        else
            client_free(client);
        UNTIL(play.gone_count == i + 1 && stats()->connections == 0);
        assert_int_equal(play.stream_count, 0);
        if (i < 2)
            client_free(client);
    }
    assert_int_equal(stats()->gone_total, 4);
}

static void what_a_streaming_client_sends_costs_nothing(void **state)
{
    static char filler[65536];
    struct client *client = reader_new(GET("/stream") GET("/a"));
    unsigned refused = 0;

    (void)state;
    memset(filler, 'x', sizeof filler);
    while (refused < 5) {
        refused = send(client->fd, filler, sizeof filler, MSG_NOSIGNAL) < 0 ? refused + 1 : 0;
        play_turn();
    }
    assert_in_range(play_rounds(), 1, 20);
    assert_null(play.streams[0]->in);
    assert_null(play.streams[0]->out);
    assert_int_equal(say("still here"), 0);
    UNTIL(client_has(client, "still here"));
    client_reset(client);
    UNTIL(play.gone_count == 1);
}

/* Nothing is lost, doubled or reordered when the socket takes it by and by, and then the room is given back.
 */
static void a_slow_reader_gets_all_of_it(void **state)
{
    struct client *client = reader_new(GET("/stream"));
    char text[16], *at;
    unsigned count = 0;

    (void)state;
    stuff();
    UNTIL((client_read(client), client_forget(client), play.streams[0]->state == CONNECTION_STREAM));
    assert_null(play.streams[0]->out);
    stuff();
    for (; count < 500; count++) {
        snprintf(text, sizeof text, "<%u>", count);
        assert_int_equal(say(text), 0);
    }
    UNTIL(client_has(client, "<499>") || skip_filler(client));
    UNTIL(play.streams[0]->state == CONNECTION_STREAM);
    assert_null(play.streams[0]->out);
    at = client->got;
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof text, "<%u>\r\n", i);
        at = strstr(at, text);
        assert_non_null(at);
    }
    assert_int_equal(say("after"), 0);
    UNTIL(client_has(client, "5\r\nafter\r\n"));
    assert_int_equal(play.gone_count, 0);
    client_free(client);
    UNTIL(play.gone_count == 1);
}

/* The one that sends is told; gone() is for what happens behind its back. */
static void too_much_waits(void **state)
{
    struct client *client = reader_new(GET("/stream"));
    struct httpd_exchange *stream = play.streams[0];
    int rc = 0;

    (void)state;
    stuff();
    while ((rc = say("0123456789012345678901234567890123456789")) == 0)
        assert_in_range(stream->out_bytes, 1, WAIT_BYTES);
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(stats()->streams_cut_total, 1);
    play.stream_count--;
    assert_int_equal(play.gone_count, 0);
    assert_int_equal(stats()->connections, 0);
    UNTIL(client_ended(client));
    assert_int_equal(client->end, -ECONNRESET);
    client_free(client);
}

static void a_long_text_may_wait_alone(void **state)
{
    struct client *client = reader_new(GET("/stream"));
    char *text = malloc(BIG_BYTES);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', BIG_BYTES);
    assert_int_equal(httpd_stream_send(play.streams[0], (struct text){text, BIG_BYTES}), 0);
    free(text);
    UNTIL((client_read(client), client->total > BIG_BYTES));
    UNTIL(play.streams[0]->state == CONNECTION_STREAM);
    assert_int_equal(say("after"), 0);
    client_forget(client);
    UNTIL(client_has(client, "after"));
    client_free(client);
    UNTIL(play.gone_count == 1);
}

static void a_send_to_one_that_has_left(void **state)
{
    struct client *client = reader_new(GET("/stream"));
    int rc;

    (void)state;
    client_reset(client); /* and no turn of the loop in which it would be seen */
    while ((rc = say("text")) == 0)
        ;
    assert_int_equal(rc, -EPIPE);
    play.stream_count--;
    assert_int_equal(play.gone_count, 0);
    assert_int_equal(stats()->connections, 0);
}

static void who_makes_no_progress_is_cut(void **state)
{
    struct client *stalled, *reader;

    (void)state;
    play_stop();
    config.write_timeout_us = 50000;
    play_start(&config);
    stalled = reader_new(GET("/stream"));
    stuff();
    reader = reader_new(GET("/stream")); /* has nothing to read, which is no offence */
    UNTIL(play.gone_count == 1);
    assert_int_equal(stats()->slow_readers_total, 1);
    assert_int_equal(stats()->streams_cut_total, 1);
    assert_int_equal(play.stream_count, 1);
    play_rounds();
    assert_int_equal(say("on"), 0);
    UNTIL(client_has(reader, "on"));
    client_free(stalled);
    client_free(reader);
    UNTIL(play.gone_count == 2);
    assert_int_equal(stats()->streams_cut_total, 1); /* that one left by itself */
}

static void on_drained(void *arg)
{
    assert_ptr_equal(arg, &drained_count);
    drained_count++;
}

static void drain_ends_streams(void **state)
{
    struct client *reader = reader_new(GET("/stream")), *old = reader_new("GET /stream HTTP/1.0\r\n\r\n");
    struct client *stalled = reader_new(GET("/stream")), *late = client_new();

    (void)state;
    stuff();
    UNTIL(stats()->connections == 4);
    httpd_drain(play.httpd, on_drained, &drained_count);
    assert_int_equal(play.gone_count, 3);
    assert_int_equal(play.stream_count, 0);
    client_say(late, GET("/stream"));
    UNTIL(client_ended(reader) && client_ended(old) && client_ended(late));
    assert_int_equal(reader->end, 1);
    assert_non_null(strstr(reader->got, "\r\n\r\n0\r\n\r\n"));
    assert_int_equal(old->end, 1);
    assert_non_null(strstr(late->got, "\r\n\r\n0\r\n\r\n"));
    assert_int_equal(play.stream_count, 0);
    client_free(reader);
    client_free(old);
    client_free(stalled);
    client_free(late);
    UNTIL(drained_count == 1);
}

static void an_end_waits_for_what_waits(void **state)
{
    struct client *client = reader_new(GET("/stream"));

    (void)state;
    stuff();
    assert_int_equal(say("last"), 0);
    httpd_stream_end(play.streams[--play.stream_count]);
    UNTIL(client_ended(client));
    assert_int_equal(client->end, 1);
    assert_int_equal(play.gone_count, 0);
    client_free(client);
    UNTIL(stats()->connections == 0);
}

static void free_cuts_streams(void **state)
{
    struct client *client = reader_new(GET("/stream"));

    (void)state;
    stuff();
    play_stop();
    assert_int_equal(play.gone_count, 0);
    client_free(client);
    play_start(&config); /* for the teardown */
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_framing),
        STORY(a_head_is_all_that_head_gets),
        STORY(a_stream_begins_late),
        STORY(a_client_that_leaves),
        STORY(what_a_streaming_client_sends_costs_nothing),
        STORY(a_slow_reader_gets_all_of_it),
        STORY(too_much_waits),
        STORY(a_long_text_may_wait_alone),
        STORY(a_send_to_one_that_has_left),
        STORY(who_makes_no_progress_is_cut),
        STORY(drain_ends_streams),
        STORY(an_end_waits_for_what_waits),
        STORY(free_cuts_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
