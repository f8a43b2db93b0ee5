/* httpd_peer_test.c - clients that leave, stall or flood, and a server that drains: whom httpd gives up, and
 * when. The stage is tests/support/httpd_play.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/support/httpd_play.h"

static unsigned drained_count;

static void a_reset_is_noticed(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/wait"));
    UNTIL(play.waiting_count == 1);
    client_reset(client);
    UNTIL(play.gone_count == 1);
    assert_int_equal(stats()->connections, 0);
    assert_int_equal(stats()->gone_total, 1);
}

static void a_half_closed_client_gets_its_answer(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/wait") GET("/a"));
    UNTIL(play.waiting_count == 1);
    shutdown(client->fd, SHUT_WR);
    assert_in_range(play_rounds(), 1, 20);
    assert_int_equal(play.gone_count, 0);
    play_answer("late");
    UNTIL(client_ended(client));
    assert_int_equal(client->end, 1);
    assert_non_null(strstr(client->got, "late"));
    assert_non_null(strstr(client->got, "</a>"));
    client_free(client);
}

static void a_half_closed_client_that_resets(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/wait"));
    UNTIL(play.waiting_count == 1);
    shutdown(client->fd, SHUT_WR);
    play_rounds();
    assert_int_equal(play.gone_count, 0);
    client_reset(client);
    UNTIL(play.gone_count == 1);
}

static void a_fin_is_noticed_if_configured(void **state)
{
    struct httpd_config config = play_config;
    struct client *client;

    (void)state;
    config.abort_on_fin = true;
    play_start(&config);
    client = client_new();
    client_say(client, GET("/wait"));
    UNTIL(play.waiting_count == 1);
    shutdown(client->fd, SHUT_WR);
    UNTIL(play.gone_count == 1);
    assert_int_equal(stats()->connections, 0);
    client_free(client);
    play_stop();
}

/* Sends until the server has stopped reading and the socket is full. */
static void flood(struct client *client)
{
    static char filler[65536];
    unsigned refused = 0;

    memset(filler, 'x', sizeof filler);
    while (refused < 5) {
        refused = send(client->fd, filler, sizeof filler, MSG_NOSIGNAL) < 0 ? refused + 1 : 0;
        play_turn();
    }
}

static void a_flood_behind_a_waiting_request(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/wait"));
    UNTIL(play.waiting_count == 1);
    flood(client);
    assert_true(play.waiting[0]->in_bytes <= play.httpd->in_limit);
    assert_in_range(play_rounds(), 1, 20);
    assert_int_equal(play.gone_count, 0);
    client_reset(client);
    UNTIL(play.gone_count == 1);
}

static void a_fin_behind_a_flood(void **state)
{
    struct httpd_config config = play_config;
    struct client *client;

    (void)state;
    config.abort_on_fin = true;
    play_start(&config);
    client = client_new();
    client_say(client, GET("/wait"));
    UNTIL(play.waiting_count == 1);
    while (play.waiting[0]->mode != CONNECTION_WATCH)
        client_say(client, GET("/a"));
    shutdown(client->fd, SHUT_WR);
    UNTIL(play.gone_count == 1);
    client_free(client);
    play_stop();
}

static void the_slow_are_ended(void **state)
{
    struct httpd_config config = play_config;
    struct client *reader, *sender, *idler;

    (void)state;
    config.head_timeout_us = config.write_timeout_us = config.idle_timeout_us = 50000;
    play_start(&config);
    reader = client_new();
    client_say(reader, GET("/big"));
    UNTIL(stats()->slow_readers_total == 1 && stats()->connections == 0);
    assert_int_equal(stats()->buffered_bytes, 0);
    sender = client_new();
    client_say(sender, "GET / HT");
    UNTIL(stats()->connections_total == 2);
    for (unsigned i = 0; i < 50; i++) /* a byte now and then does not help */
        client_say(sender, "T");
    UNTIL(client_has(sender, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_int_equal(stats()->slow_senders_total, 1);
    client_free(sender);
    idler = client_new();
    UNTIL(client_ended(idler));
    assert_int_equal(idler->end, 1);
    assert_int_equal(stats()->idle_total, 1);
    assert_int_equal(stats()->slow_senders_total + stats()->slow_readers_total, 2);
    client_free(idler);
    client_free(reader);
    play_stop();
}

static void on_drained(void *arg)
{
    assert_ptr_equal(arg, &drained_count);
    drained_count++;
}

static void drain_lets_requests_finish(void **state)
{
    struct client *idle = client_new(), *busy = client_new(), *half = client_new(), *ready = client_new();
    struct client *young;

    (void)state;
    drained_count = 0;
    client_say(idle, GET("/a"));
    client_say(busy, GET("/wait"));
    client_say(half, "GET /half HTTP/1.1\r\n");
    client_say(ready, GET("/a"));
    UNTIL(client_has(idle, "</a>") && client_has(ready, "</a>") && play.waiting_count == 1 &&
          stats()->connections == 4);
    assert_true(send(ready->fd, GET("/race"), strlen(GET("/race")), MSG_NOSIGNAL) > 0);
    young = client_new();
    httpd_drain(play.httpd, on_drained, &drained_count);
    UNTIL(client_ended(idle) && client_ended(ready));
    assert_int_equal(idle->end, 1);
    assert_non_null(strstr(ready->got, "</race>")); /* it was on its way already */
    assert_non_null(strstr(ready->got, "Connection: close"));
    client_say(young, GET("/young")); /* and this one had been let in by the kernel only */
    UNTIL(client_has(young, "</young>"));
    client_free(idle);
    client_free(ready);
    client_free(young);
    client_say(half, "Host: a\r\n\r\n");
    UNTIL(client_has(half, "</half>"));
    assert_non_null(strstr(half->got, "Connection: close"));
    client_free(half);
    UNTIL(stats()->connections == 1);
    assert_int_equal(drained_count, 0);
    play_answer("done");
    UNTIL(client_has(busy, "done") && client_ended(busy));
    client_free(busy);
    UNTIL(drained_count == 1);
}

/* A client that was let in last may still send its request, but is not waited for without end. */
static void drain_ends_who_says_nothing(void **state)
{
    struct client *silent = client_new();
    int64_t began_us = clock_now_us();

    (void)state;
    drained_count = 0;
    httpd_drain(play.httpd, on_drained, &drained_count);
    UNTIL(client_ended(silent));
    assert_int_equal(silent->end, 1);
    assert_true(clock_now_us() - began_us >= HTTPD_LINGER_US);
    client_free(silent);
    UNTIL(drained_count == 1);
}

static void drain_of_nothing(void **state)
{
    (void)state;
    drained_count = 0;
    httpd_drain(play.httpd, on_drained, &drained_count);
    assert_int_equal(drained_count, 0); /* never from inside */
    UNTIL(drained_count == 1);
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_reset_is_noticed),
        STORY(a_half_closed_client_gets_its_answer),
        STORY(a_half_closed_client_that_resets),
        cmocka_unit_test(a_fin_is_noticed_if_configured),
        STORY(a_flood_behind_a_waiting_request),
        cmocka_unit_test(a_fin_behind_a_flood),
        cmocka_unit_test(the_slow_are_ended),
        STORY(drain_lets_requests_finish),
        STORY(drain_ends_who_says_nothing),
        STORY(drain_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
