/* httpd_test.c - what httpd answers, in which order, where it listens, and what it costs. The stage is
 * tests/support/httpd_play.h: a story is told from the client's side. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/httpd_play.h"

static void answers_and_stays(void **state)
{
    struct client *client = client_new();
    char date[HTTP_DATE_BYTES], want[256];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        client_forget(client);
        client_say(client, GET("/a"));
        UNTIL(client_has(client, "<"));
        assert_non_null(strstr(client->got, "\r\nDate: "));
        snprintf(date, sizeof date, "%.29s", strstr(client->got, "\r\nDate: ") + 8);
        snprintf(want, sizeof want, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 4\r\n\r\n</a>", date);
        assert_string_equal(client->got, want);
    }
    assert_int_equal(stats()->connections_total, 1);
    assert_int_equal(stats()->requests_total, 3);
    client_free(client);
    UNTIL(stats()->connections == 0);
    assert_int_equal(stats()->gone_total, 0);
}

static void the_words_for_staying_and_leaving(void **state)
{
    static const struct {
        const char *request, *says;
        int end;
    } table[] = {
        {"GET /a HTTP/1.0\r\n\r\n", "Connection: close", 1},
        {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive", 0},
        {"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close", 1},
        {GET("/close"), "Connection: close", 1},
        {"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", "Content-Length: 4\r\n\r\n", 0},
        {GET("/none"), "204 No Content", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client *client = client_new();

        client_say(client, table[i].request);
        UNTIL(client_has(client, "\r\n\r\n"));
        assert_non_null(strstr(client->got, table[i].says));
        if (table[i].end)
            UNTIL(client_ended(client));
        assert_int_equal(client->end, table[i].end);
        if (i >= 4) { /* no body, so nothing stands between this answer and the next one */
            assert_string_equal(strstr(client->got, "\r\n\r\n"), "\r\n\r\n");
            assert_null(strstr(client->got, "never seen"));
        }
        client_free(client);
    }
}

static void byte_by_byte(void **state)
{
    static const char request[] = "\r\nPUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n";
    struct client *client = client_new();

    (void)state;
    for (const char *at = request; *at; at++) {
        assert_false(client_has(client, "HTTP"));
        client_say(client, (char[]){*at, '\0'});
    }
    UNTIL(client_has(client, "<abcde>"));
    client_say(client, GET("/next"));
    UNTIL(client_has(client, "</next>"));
    client_free(client);
}

static void asks_for_the_body(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    UNTIL(client_has(client, "HTTP/1.1 100 Continue\r\n\r\n"));
    client_say(client, "hi");
    UNTIL(client_has(client, "<hi>"));
    client_forget(client);
    client_say(client, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nh");
    client_say(client, "o");
    UNTIL(client_has(client, "<ho>"));
    assert_non_null(strstr(client->got, "HTTP/1.1 200"));
    client_free(client);
}

/* Far more than a stack could hold if one request were served inside the other. */
static void ten_thousand_at_once(void **state)
{
    struct client *client = client_new();
    const size_t one =
        strlen("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 4\r\n\r\n</a>");

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        client_say(client, GET("/a"));
    UNTIL((client_read(client), client->total == 10000 * one));
    assert_int_equal(stats()->requests_total, 10000);
    client_free(client);
}

static void pipelined_ones_wait_for_each_other(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/wait") GET("/wait") GET("/a"));
    UNTIL(play.waiting_count == 1);
    for (unsigned i = 0; i < 5; i++)
        play_turn();
    assert_int_equal(play.waiting_count, 1);
    play_answer("first");
    assert_int_equal(play.waiting_count, 0); /* the next one is not handed over from inside httpd_reply() */
    UNTIL(play.waiting_count == 1);
    assert_true(client_has(client, "first"));
    play_answer("second");
    UNTIL(client_has(client, "</a>"));
    assert_true(strstr(client->got, "first") < strstr(client->got, "second"));
    client_free(client);
}

static void one_request_answers_another(void **state)
{
    struct client *one = client_new(), *other = client_new();

    (void)state;
    client_say(one, GET("/wait") GET("/a"));
    UNTIL(play.waiting_count == 1);
    client_say(other, GET("/both") GET("/b"));
    UNTIL(client_has(one, "</a>") && client_has(other, "</b>"));
    assert_non_null(strstr(one->got, "both"));
    client_free(one);
    client_free(other);
}

/* More pipelined requests than the buffer takes, each answered from outside: none is lost. */
static void a_long_queue_behind_a_waiting_request(void **state)
{
    struct client *client = client_new();
    unsigned answers = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        client_say(client, GET("/wait"));
    while (answers < 1000) {
        UNTIL(play.waiting_count == 1);
        answers++;
        play_answer(answers == 1000 ? "last" : "ok");
    }
    UNTIL(client_has(client, "last"));
    client_free(client);
}

static void an_answer_that_does_not_fit(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/big") GET("/a"));
    UNTIL(stats()->requests_total == 1);
    for (unsigned i = 0; i < 5; i++)
        play_turn();
    assert_int_equal(stats()->requests_total, 1); /* the next one is not begun before the first is out */
    UNTIL((client_read(client), client->total > BIG_BYTES + 100));
    UNTIL(stats()->requests_total == 2);
    client_say(client, GET("/b"));
    UNTIL(stats()->requests_total == 3);
    client_free(client);
}

/* The client goes on sending long after the answer, and can read it all the same. */
static void a_refusal_is_seen(void **state)
{
    struct client *client = client_new();
    char filler[1000];

    (void)state;
    memset(filler, 'x', sizeof filler);
    client_say(client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n");
    UNTIL(stats()->refused_total == 1);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(send(client->fd, filler, sizeof filler, MSG_NOSIGNAL), sizeof filler);
        play_turn();
    }
    UNTIL(client_ended(client));
    assert_int_equal(client->end, 1);
    assert_non_null(strstr(client->got, "HTTP/1.1 413 Content Too Large\r\n"));
    assert_non_null(strstr(client->got, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(client->got, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(client->got, "{\"status\":413,"));
    client_free(client);
    UNTIL(stats()->connections == 0);
}

static void a_refusal_comes_in_its_turn(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, GET("/a") GET("/wait") "GARB@GE\r\n\r\n" GET("/never"));
    UNTIL(play.waiting_count == 1);
    assert_false(client_has(client, "400"));
    play_answer("waited");
    UNTIL(client_ended(client));
    assert_true(strstr(client->got, "waited") < strstr(client->got, "HTTP/1.1 400"));
    assert_null(strstr(client->got, "never"));
    client_free(client);
}

static void too_many_connections(void **state)
{
    struct client *clients[52];

    (void)state;
    for (unsigned i = 0; i < 52; i++) {
        clients[i] = client_new();
        UNTIL(stats()->connections_total + stats()->connections_full_total == i + 1);
    }
    UNTIL(client_ended(clients[50]) && client_ended(clients[51]));
    assert_non_null(strstr(clients[50]->got, "HTTP/1.1 503 "));
    assert_non_null(strstr(clients[50]->got, "\r\nRetry-After: 1\r\n"));
    for (unsigned i = 0; i < 52; i++)
        client_free(clients[i]);
    UNTIL(stats()->connections == 0);
}

static void no_descriptor_left(void **state)
{
    struct client *client = client_new();
    struct rlimit limit, none;
    int first_free = dup(client->fd);

    (void)state;
    close(first_free);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = (rlim_t)first_free;
    setrlimit(RLIMIT_NOFILE, &none);
    assert_in_range(play_rounds(), 1, 20); /* it does not spin on the listener */
    assert_int_equal(stats()->connections, 0);
    assert_in_range(stats()->starved_total, 1, 20);
    setrlimit(RLIMIT_NOFILE, &limit);
    client_say(client, GET("/a"));
    UNTIL(client_has(client, "</a>"));
    client_free(client);
}

static void listens_where_told(void **state)
{
    static const struct {
        const char *host;
        unsigned port;
        int rc;
    } table[] = {
        {"127.0.0.1", 0, 0}, {"localhost", 0, 0},  {"0.0.0.0", 0, 0},
        {"::1", 0, 0},       {"[::1]", 0, 0},      {"example.org", 0, -EINVAL},
        {"", 0, -EINVAL},    {"[::1", 0, -EINVAL}, {"127.0.0.1", 65536, -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int fd = httpd_listen(table[i].host, table[i].port);

        if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
            continue; /* a machine without IPv6 */
        assert_int_equal(fd < 0 ? fd : 0, table[i].rc);
        if (fd < 0)
            continue;
        assert_true(httpd_port(fd) > 0);
        assert_int_equal(httpd_listen(table[i].host, httpd_port(fd)), -EADDRINUSE);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        close(fd);
    }
}

/* Descriptor 3 is what the parent left. The test may have one of its own there, which is put aside. */
static void takes_the_inherited_listener(void **state)
{
    int aside = fcntl(3, F_DUPFD, 10);
    int own = httpd_listen("localhost", 0);
    int fd = fcntl(own, F_DUPFD, 10);
    char pid[16];

    (void)state;
    close(own);
    snprintf(pid, sizeof pid, "%d", (int)getpid() + 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    close(httpd_listen("localhost", 0)); /* meant for somebody else */
    assert_non_null(getenv("LISTEN_FDS"));
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    dup2(STDERR_FILENO, 3);
    assert_in_range(-httpd_listen("localhost", 0), 1, 200); /* no socket */
    dup2(fd, 3);
    fcntl(3, F_SETFL, 0);
    fcntl(3, F_SETFD, 0);
    assert_int_equal(httpd_listen("localhost", 0), 3);
    assert_int_equal(httpd_port(3), httpd_port(fd));
    assert_int_equal(fcntl(3, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
    assert_null(getenv("LISTEN_FDS"));
    setenv("LISTEN_FDS", "2", 1);
    assert_int_equal(httpd_listen("localhost", 0), -EINVAL);
    unsetenv("LISTEN_FDS");
    close(fd);
    close(3);
    if (aside >= 0) {
        dup2(aside, 3);
        close(aside);
    }
}

static void a_waiting_connection_is_small(void **state)
{
    struct client *client = client_new();

    (void)state;
    client_say(client, "GET /wait HTTP/1.1\r\n");
    client_say(client, "Host: a\r\n\r\n");
    UNTIL(play.waiting_count == 1);
    assert_null(play.waiting[0]->in);
    assert_null(play.waiting[0]->out);
    assert_in_range(sizeof(struct httpd_exchange), 1, 512);
    client_free(client);
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(answers_and_stays),
        STORY(the_words_for_staying_and_leaving),
        STORY(byte_by_byte),
        STORY(asks_for_the_body),
        STORY(ten_thousand_at_once),
        STORY(pipelined_ones_wait_for_each_other),
        STORY(one_request_answers_another),
        STORY(a_long_queue_behind_a_waiting_request),
        STORY(an_answer_that_does_not_fit),
        STORY(a_refusal_is_seen),
        STORY(a_refusal_comes_in_its_turn),
        STORY(too_many_connections),
        STORY(no_descriptor_left),
        cmocka_unit_test(listens_where_told),
        cmocka_unit_test(takes_the_inherited_listener),
        STORY(a_waiting_connection_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
