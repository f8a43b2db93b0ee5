/* httpd_play.c - see httpd_play.h. */
#include "tests/support/httpd_play.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct play play;

static char *big;
static struct event *heartbeat;

const struct httpd_config play_config = {
    .limits =
        {.line_bytes = 200, .field_bytes = 200, .head_bytes = 1000, .field_count = 10, .body_bytes = 1000},
    .max_connections = 50,
    .client_connections = 60,
    .head_timeout_us = PATIENCE_US,
    .idle_timeout_us = PATIENCE_US,
    .write_timeout_us = PATIENCE_US,
};

static void reply_text(struct httpd_exchange *exchange, int status, const char *text)
{
    httpd_reply(exchange, &(struct httpd_reply){.status = status, .body = text_of(text)});
}

static void reply_echo(struct httpd_exchange *exchange, const struct http_request *request)
{
    struct text what = request->body.bytes ? request->body : request->path;
    char body[2000];

    snprintf(body, sizeof body, "<%.*s>", TEXT_ARGS(what));
    reply_text(exchange, 200, body);
}

static void on_request(void *arg, struct httpd_exchange *exchange, const struct http_request *request)
{
    assert_ptr_equal(arg, &play);
    assert_null(httpd_exchange_get(exchange));
    assert_true(httpd_exchange_local(exchange));
    if (text_equal(request->path, "/both"))
        play_answer("both");
    if (text_equal(request->path, "/wait")) {
        httpd_exchange_set(exchange, &play.waiting[play.waiting_count]);
        play.waiting[play.waiting_count++] = exchange;
    } else if (text_equal(request->path, "/stream")) {
        httpd_exchange_set(exchange, &play.streams);
        if (httpd_stream_begin(exchange, 200, text_of("Content-Type: text/plain\r\n")))
            play.streams[play.stream_count++] = exchange;
    } else if (text_equal(request->path, "/big")) {
        httpd_reply(exchange, &(struct httpd_reply){.status = 200, .body = {big, BIG_BYTES}});
    } else if (text_equal(request->path, "/none")) {
        reply_text(exchange, 204, "never seen");
    } else if (text_equal(request->path, "/close")) {
        httpd_reply(exchange, &(struct httpd_reply){.status = 200, .close = true});
    } else {
        reply_echo(exchange, request);
    }
}

static void stream_gone(struct httpd_exchange *exchange)
{
    unsigned at = 0;

    while (at < play.stream_count && play.streams[at] != exchange)
        at++;
    assert_int_not_equal(at, play.stream_count);
    play.streams[at] = play.streams[--play.stream_count];
    play.gone_count++;
}

static void on_gone(void *arg, struct httpd_exchange *exchange)
{
    assert_ptr_equal(arg, &play);
    if (httpd_exchange_get(exchange) == &play.streams) {
        stream_gone(exchange);
        return;
    }
    assert_ptr_equal(httpd_exchange_get(exchange), &play.waiting[play.waiting_count - 1]);
    play.gone_count++;
    play.waiting_count--;
}

static size_t on_refusal(void *arg, const struct httpd_refusal *refusal, char *buffer, size_t size,
                         const char **type)
{
    assert_ptr_equal(arg, &play);
    *type = "application/json";
    return (size_t)snprintf(buffer, size, "{\"status\":%d,\"reason\":\"%s\",\"detail\":\"%s\"}",
                            refusal->status, refusal->reason ? refusal->reason : "", refusal->detail);
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void play_start(const struct httpd_config *config)
{
    static const struct httpd_handlers handlers = {
        .request = on_request, .gone = on_gone, .refusal = on_refusal};
    int fd = httpd_listen("localhost", 0);

    assert_true(fd >= 0);
    play = (struct play){.base = event_base_new(), .port = httpd_port(fd)};
    play.httpd = httpd_new(play.base, fd, config, &handlers, &play);
    assert_non_null(play.httpd);
    heartbeat = evtimer_new(play.base, on_heartbeat, NULL);
    big = malloc(BIG_BYTES);
    assert_non_null(big);
    memset(big, 'x', BIG_BYTES);
}

void play_stop(void)
{
    httpd_free(play.httpd);
    event_free(heartbeat);
    event_base_free(play.base);
    free(big);
}

int play_setup(void **state)
{
    (void)state;
    play_start(&play_config);
    return 0;
}

int play_teardown(void **state)
{
    (void)state;
    play_stop();
    return 0;
}

void play_turn(void)
{
    assert_true(event_base_loop(play.base, EVLOOP_NONBLOCK) >= 0);
}

void play_wait(void)
{
    static const struct timeval moment = {0, 2000};

    event_add(heartbeat, &moment);
    assert_true(event_base_loop(play.base, EVLOOP_ONCE) >= 0);
    event_del(heartbeat);
}

unsigned play_rounds(void)
{
    static const struct timeval tenth = {0, 100000};
    unsigned count = 0;

    event_base_loopexit(play.base, &tenth);
    while (!event_base_got_exit(play.base)) {
        event_base_loop(play.base, EVLOOP_ONCE);
        count++;
    }
    return count;
}

void play_answer(const char *body)
{
    assert_in_range(play.waiting_count, 1, 64);
    reply_text(play.waiting[--play.waiting_count], 200, body);
}

const struct httpd_stats *stats(void)
{
    return httpd_stats(play.httpd);
}

struct client *client_new(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)play.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client *client = calloc(1, sizeof *client);

    assert_non_null(client);
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
    return client;
}

void client_free(struct client *client)
{
    close(client->fd);
    free(client);
}

void client_reset(struct client *client)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_free(client);
}

void client_say(struct client *client, const char *bytes)
{
    size_t size = strlen(bytes);

    while (size) {
        ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);

        assert_true(sent >= 0 || errno == EAGAIN);
        if (sent < 0)
            client_read(client); /* it may be the server that waits for us */
        play_turn();
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
}

void client_read(struct client *client)
{
    static char read[1 << 16];
    ssize_t got;

    while ((got = recv(client->fd, read, sizeof read, 0)) > 0) {
        size_t room = sizeof client->got - 1 - client->bytes;

        client->total += (size_t)got;
        room = (size_t)got < room ? (size_t)got : room;
        memcpy(client->got + client->bytes, read, room);
        client->bytes += room;
        client->got[client->bytes] = '\0';
    }
    if (got == 0)
        client->end = 1;
    else if (errno != EAGAIN)
        client->end = -errno;
}

void client_forget(struct client *client)
{
    client->bytes = client->total = 0;
    client->got[0] = '\0';
}

bool client_has(struct client *client, const char *text)
{
    client_read(client);
    return strstr(client->got, text) != NULL;
}

bool client_ended(struct client *client)
{
    client_read(client);
    return client->end != 0;
}
