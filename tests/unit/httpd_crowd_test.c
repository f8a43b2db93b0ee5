/* httpd_crowd_test.c - who comes when the places are taken, and what all clients together may hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/support/httpd_play.h"

#define CROWD 200

static void start(unsigned all, unsigned of_one, size_t buffer_bytes)
{
    struct httpd_config config = play_config;

    config.max_connections = all;
    config.client_connections = of_one;
    config.buffer_bytes = buffer_bytes;
    play_start(&config);
}

/* As if it had been here for so long. */
static void age(int64_t by_us)
{
    struct httpd_exchange *each;

    TAILQ_FOREACH(each, &play.httpd->lists[CONNECTION_IDLE], link)
    {
        each->deadline_us -= by_us;
    }
}

static struct client *say(const char *what)
{
    struct client *client = client_new();

    client_say(client, what);
    return client;
}

static void without_a_number_a_client_may_have_three_quarters(void **state)
{
    (void)state;
    start(50, 0, 0);
    assert_int_equal(stats()->connections_max, 50);
    assert_int_equal(stats()->client_connections_max, 38);
    play_stop();
    start(1, 0, 0);
    assert_int_equal(stats()->client_connections_max, 1);
    play_stop();
}

static void one_client_may_not_have_all(void **state)
{
    struct client *one, *other, *third;

    (void)state;
    start(50, 2, 0);
    one = say(GET("/wait"));
    other = say(GET("/wait"));
    UNTIL(play.waiting_count == 2);
    third = client_new();
    UNTIL(client_ended(third));
    assert_non_null(strstr(third->got, "HTTP/1.1 503 "));
    assert_non_null(strstr(third->got, "\"reason\":\"client_connections\""));
    assert_int_equal(stats()->client_connections_total, 1);
    assert_int_equal(stats()->connections_full_total, 0);
    assert_int_equal(stats()->connections, 2);
    client_free(third);
    client_reset(other);
    UNTIL(stats()->connections == 1);
    third = say(GET("/a"));
    UNTIL(client_has(third, "</a>"));
    client_free(third);
    client_free(one);
    play_stop();
}

static void those_refused_take_no_places(void **state)
{
    static struct client *crowd[CROWD];
    struct client *waiting, *last;
    unsigned told = 0;

    (void)state;
    start(2, 2, 0);
    waiting = say(GET("/wait"));
    UNTIL(play.waiting_count == 1);
    last = say(GET("/wait"));
    UNTIL(play.waiting_count == 2);
    for (unsigned i = 0; i < CROWD; i++)
        crowd[i] = client_new();
    UNTIL(stats()->client_connections_total == CROWD);
    assert_in_range(play.httpd->refused_count, 1, 64);
    client_reset(last);
    UNTIL(stats()->connections == 1);
    last = say(GET("/a"));
    UNTIL(client_has(last, "</a>")); /* while they still linger */
    for (unsigned i = 0; i < CROWD; i++) {
        UNTIL(client_ended(crowd[i]));
        told += strstr(crowd[i]->got, "client_connections") != NULL;
        client_free(crowd[i]);
    }
    assert_in_range(told, 64, CROWD);
    client_free(last);
    client_reset(waiting);
    UNTIL(httpd_connected(play.httpd) == 0);
    play_stop();
}

static void who_idles_gives_his_place_up(void **state)
{
    struct client *oldest, *older, *busy, *next;

    (void)state;
    start(3, 3, 0);
    oldest = say(GET("/a"));
    UNTIL(client_has(oldest, "</a>"));
    older = say(GET("/a"));
    UNTIL(client_has(older, "</a>"));
    busy = say(GET("/wait"));
    UNTIL(play.waiting_count == 1);
    play.httpd->config.client_connections = 4;
    next = client_new(); /* nobody has idled for long enough */
    UNTIL(client_ended(next));
    assert_non_null(strstr(next->got, "\"reason\":\"connections_full\""));
    assert_int_equal(stats()->connections_full_total, 1);
    client_free(next);
    age(2000000);
    next = say(GET("/b"));
    UNTIL(client_has(next, "</b>"));
    assert_int_equal(stats()->evicted_total, 1);
    UNTIL(client_ended(oldest));
    assert_false(client_ended(older));
    client_free(oldest);
    client_free(older);
    client_free(busy);
    client_free(next);
    play_stop();
}

/* Eight half-sent bodies would need more than half of what all may take together. */
static void unfinished_requests_have_a_bound_together(void **state)
{
    static const char head[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n";
    struct client *clients[8], *quick;
    char body[801];

    (void)state;
    start(50, 50, 8192);
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    for (unsigned i = 0; i < 8; i++) {
        clients[i] = say(head);
        client_say(clients[i], body);
    }
    UNTIL(stats()->buffers_full_total == 4);
    assert_int_equal(stats()->buffered_bytes, 4096);
    quick = say(GET("/a")); /* what comes whole needs none of it */
    UNTIL(client_has(quick, "</a>"));
    for (unsigned i = 0; i < 8; i++)
        client_free(clients[i]);
    UNTIL(stats()->connections == 1);
    assert_int_equal(stats()->buffered_bytes, 0);
    client_free(quick);
    play_stop();
}

static void untaken_answers_have_a_bound_together(void **state)
{
    struct client *one, *other;

    (void)state;
    start(50, 50, BIG_BYTES + BIG_BYTES / 2);
    one = say(GET("/big"));
    UNTIL(stats()->buffered_bytes > BIG_BYTES / 2);
    other = say(GET("/big"));
    UNTIL(stats()->buffers_full_total == 1 && stats()->connections == 1);
    while (one->total < BIG_BYTES) {
        client_read(one);
        play_wait();
    }
    UNTIL(stats()->buffered_bytes == 0);
    client_free(one);
    client_free(other);
    play_stop();
}

/* All of a crowd that came at once are ended, a part of them at a time. */
static void a_crowd_is_ended_in_parts(void **state)
{
    static struct client *crowd[CROWD];
    struct httpd_config config = play_config;

    (void)state;
    config.max_connections = config.client_connections = CROWD;
    config.head_timeout_us = 300000;
    play_start(&config);
    for (unsigned i = 0; i < CROWD; i++)
        crowd[i] = say("GET / HT");
    UNTIL(stats()->slow_senders_total > 0);
    assert_in_range(stats()->slow_senders_total, 1, CROWD - 1);
    UNTIL(stats()->slow_senders_total == CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        UNTIL(client_ended(crowd[i]));
        assert_non_null(strstr(crowd[i]->got, "HTTP/1.1 408 "));
        client_free(crowd[i]);
    }
    play_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_number_a_client_may_have_three_quarters),
        cmocka_unit_test(one_client_may_not_have_all),
        cmocka_unit_test(those_refused_take_no_places),
        cmocka_unit_test(who_idles_gives_his_place_up),
        cmocka_unit_test(unfinished_requests_have_a_bound_together),
        cmocka_unit_test(untaken_answers_have_a_bound_together),
        cmocka_unit_test(a_crowd_is_ended_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
