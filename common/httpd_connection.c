/* httpd_connection.c - one connection of httpd.h: read, parse, hand over, answer, close.
 *
 * The beaten track is: readable, one recv into the shared buffer, parse, request(), httpd_reply(), one send.
 * Everything else (a request in pieces, an answer that does not fit, pipelining, a peer that leaves) is told
 * by the state and costs what it costs. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/httpd_internal.h"

#define SERVE_BATCH   32          /* pipelined requests of one connection before others get their turn */
#define SERVE_BYTES   (32 * 1024) /* of answers to them: long ones take long */
#define FLAT_BYTES    4096        /* answers up to here are copied together: dearer calls than memcpy */
#define REFUSAL_BYTES 1024
#define PARTS         5 /* of an answer: head, fields, more fields, empty line, body */

static void on_event(evutil_socket_t fd, short what, void *arg);

void connection_enter(struct httpd_exchange *connection, enum connection_state state)
{
    struct httpd *httpd = connection->httpd;

    TAILQ_REMOVE(&httpd->lists[connection->state], connection, link);
    connection->state = state;
    connection->deadline_us = httpd->now_us + httpd->timeouts_us[state];
    TAILQ_INSERT_TAIL(&httpd->lists[state], connection, link);
}

bool connection_mode_set(struct httpd_exchange *connection, enum connection_mode mode)
{
    static const short events[] = {
        [CONNECTION_READ] = EV_READ | EV_PERSIST,
        [CONNECTION_WATCH] = EV_READ | EV_CLOSED | EV_ET | EV_PERSIST,
        [CONNECTION_WRITE] = EV_WRITE | EV_PERSIST,
    };
    int fd = event_get_fd(&connection->event);

    event_del(&connection->event);
    connection->mode = mode;
    return event_assign(&connection->event, connection->httpd->base, fd, events[mode], on_event,
                        connection) == 0 &&
           event_add(&connection->event, NULL) == 0;
}

/* The peer is gone, or memory is: whoever works on its request must know. connection_settle() frees it. */
static void give_up(struct httpd_exchange *connection)
{
    struct httpd *httpd = connection->httpd;
    bool lives = connection->state == CONNECTION_WAITING || connection_streams(connection);

    connection_enter(connection, CONNECTION_DEAD);
    if (!lives)
        return;
    httpd->stats.gone_total++;
    httpd->handlers.gone(httpd->arg, connection);
}

static void mode_switch(struct httpd_exchange *connection, enum connection_mode mode)
{
    if (connection->mode != mode && !connection_mode_set(connection, mode))
        give_up(connection);
}

struct httpd_exchange *connection_new(struct httpd *httpd, int fd, struct address *address)
{
    struct httpd_exchange *connection = calloc(1, sizeof *connection);

    if (!connection) {
        addresses_leave(httpd->addresses, address);
        close(fd);
        return NULL;
    }
    connection->httpd = httpd;
    connection->address = address;
    connection->state = CONNECTION_IDLE;
    connection->deadline_us = httpd->now_us + httpd->timeouts_us[CONNECTION_IDLE];
    TAILQ_INSERT_TAIL(&httpd->lists[CONNECTION_IDLE], connection, link);
    if (address) {
        httpd->stats.connections++;
        httpd->stats.connections_total++;
    } else {
        httpd->refused_count++;
    }
    event_assign(&connection->event, httpd->base, fd, EV_READ | EV_PERSIST, on_event, connection);
    if (event_add(&connection->event, NULL) < 0) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

void connection_free(struct httpd_exchange *connection)
{
    struct httpd *httpd = connection->httpd;

    TAILQ_REMOVE(&httpd->lists[connection->state], connection, link);
    if (connection->is_ready) {
        TAILQ_REMOVE(&httpd->ready, connection, ready);
        httpd->ready_count--;
    }
    event_del(&connection->event);
    close(event_get_fd(&connection->event));
    connection_in_free(connection);
    connection_out_free(connection);
    if (connection->address)
        httpd->stats.connections--;
    else
        httpd->refused_count--;
    addresses_leave(httpd->addresses, connection->address);
    free(connection);
    if (httpd->draining && !httpd_connected(httpd))
        httpd_turn_soon(httpd);
}

/* No more requests. To close at once is only safe when the peer sends nothing more: a segment that comes
 * after close() makes the kernel send RST, which can destroy an answer that the peer has not read yet. */
void connection_finish(struct httpd_exchange *connection)
{
    if (!connection->is_serving) /* else the handler still borrows its request from there */
        connection_in_free(connection);
    if (connection->has_fin || connection->client_closes) {
        connection_enter(connection, CONNECTION_DEAD);
        return;
    }
    shutdown(event_get_fd(&connection->event), SHUT_WR);
    connection->linger_bytes = HTTPD_LINGER_BYTES;
    connection_enter(connection, CONNECTION_LINGER);
    mode_switch(connection, CONNECTION_READ);
}

static void answered(struct httpd_exchange *connection)
{
    if (connection->keep_alive && !connection->httpd->draining)
        connection_enter(connection, CONNECTION_IDLE);
    else
        connection_finish(connection);
}

/* Keeps what the socket did not take. */
static void out_keep(struct httpd_exchange *connection, const struct iovec *parts, size_t count, size_t sent)
{
    if (!connection_out_keep(connection, parts, count, sent)) {
        connection_enter(connection, CONNECTION_DEAD);
        return;
    }
    connection_enter(connection, CONNECTION_WRITING);
    mode_switch(connection, CONNECTION_WRITE);
}

ssize_t connection_parts_send(int fd, struct iovec *parts, size_t count, size_t total)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    char flat[FLAT_BYTES];
    char *at = flat;

    if (total > sizeof flat)
        return sendmsg(fd, &message, MSG_NOSIGNAL);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    return send(fd, flat, total, MSG_NOSIGNAL);
}

static struct iovec part(const char *at, size_t bytes)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)(at ? at : ""), .iov_len = at ? bytes : 0};
}

/* Sends the answer, or as much of it as goes, and enters the state that follows. */
static void answer(struct httpd_exchange *connection, const struct httpd_reply *reply)
{
    struct httpd *httpd = connection->httpd;
    bool bare = connection->head_only || !http_status_has_body(reply->status);
    char head[HTTP_ANSWER_HEAD_BYTES];
    enum http_connection said = HTTP_CLOSE;
    struct iovec parts[PARTS];
    size_t total = 0;
    ssize_t sent;

    connection->keep_alive = connection->keep_alive && !reply->close && !httpd->draining;
    if (connection->keep_alive)
        said = connection->is_1_0 ? HTTP_KEEP_SAID : HTTP_KEEP;
    parts[0] = part(head, http_answer_head(head, reply->status, httpd->date, reply->body.bytes, said));
    parts[1] = part(reply->fields.at, reply->fields.bytes);
    parts[2] = part(connection->also.at, connection->also.bytes);
    parts[3] = part("\r\n", 2);
    parts[4] = part(bare ? NULL : reply->body.at, reply->body.bytes);
    connection->also = (struct text){.at = NULL, .bytes = 0};
    for (unsigned i = 0; i < PARTS; i++)
        total += parts[i].iov_len;
    httpd->answered_bytes += total;
    sent = connection_parts_send(event_get_fd(&connection->event), parts, PARTS, total);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        connection_enter(connection, CONNECTION_DEAD);
    else if (sent >= 0 && (size_t)sent == total)
        answered(connection);
    else
        out_keep(connection, parts, PARTS, sent > 0 ? (size_t)sent : 0);
}

/* Decides what comes next, once no function stands on the connection any more: parse what has been read, read
 * on, or end. Frees it when it is dead. */
void connection_settle(struct httpd_exchange *connection, enum http_progress progress)
{
    struct httpd *httpd = connection->httpd;
    bool between = connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD;

    if (between && progress == HTTP_WHOLE && connection->in_bytes) {
        connection->is_ready = true;
        TAILQ_INSERT_TAIL(&httpd->ready, connection, ready);
        httpd->ready_count++;
        httpd_turn_soon(httpd);
    } else if (between && connection->has_fin) {
        connection_enter(connection, CONNECTION_DEAD);
    } else if (between || (connection->state == CONNECTION_WAITING && !connection->has_fin &&
                           connection->in_bytes < httpd->in_limit / 2)) {
        mode_switch(connection, CONNECTION_READ);
    }
    if (connection->state == CONNECTION_DEAD)
        connection_free(connection);
}

void httpd_reply(struct httpd_exchange *exchange, const struct httpd_reply *reply)
{
    assert(exchange->state == CONNECTION_WAITING);
    if (!exchange->is_serving)
        exchange->httpd->now_us = clock_now_us();
    answer(exchange, reply);
    if (!exchange->is_serving)
        connection_settle(exchange, HTTP_WHOLE);
}

/* Answers with an error of our own. What follows in the input cannot be trusted, so it is the end. */
static void refuse(struct httpd_exchange *connection, const struct httpd_refusal *refusal)
{
    const struct httpd *httpd = connection->httpd;
    char body[REFUSAL_BYTES], fields[128];
    const char *type = "text/plain; charset=utf-8";
    size_t bytes;

    if (httpd->handlers.refusal)
        bytes = httpd->handlers.refusal(httpd->arg, refusal, body, sizeof body, &type);
    else
        bytes = (size_t)snprintf(body, sizeof body, "%d %s: %s\n", refusal->status,
                                 http_reason(refusal->status), refusal->detail);
    snprintf(fields, sizeof fields, "Content-Type: %s\r\n%s", type,
             refusal->status == 503 ? "Retry-After: 1\r\n" : "");
    connection->head_only = connection->parser.head_only;
    connection->keep_alive = connection->client_closes = false;
    answer(connection, &(struct httpd_reply){
                           .status = refusal->status,
                           .fields = text_of(fields),
                           .body = {body, bytes < sizeof body ? bytes : sizeof body - 1},
                           .close = true,
                       });
}

void connection_refuse(struct httpd_exchange *connection, const struct httpd_refusal *refusal)
{
    refuse(connection, refusal);
    connection_settle(connection, HTTP_REFUSED);
}

void connection_end_idle(struct httpd_exchange *connection)
{
    connection_finish(connection);
    connection_settle(connection, HTTP_WHOLE);
}

static void hand_over(struct httpd_exchange *connection, const struct http_request *request)
{
    struct httpd *httpd = connection->httpd;

    connection->parser = (struct http_parser){0};
    connection->mine = NULL;
    connection->is_old = true;
    connection->head_only = request->method == HTTP_HEAD;
    connection->is_1_0 = request->minor_version == 0;
    connection->keep_alive = request->keep_alive;
    connection->client_closes = !request->keep_alive;
    httpd->stats.requests_total++;
    connection_enter(connection, CONNECTION_WAITING);
    httpd->handlers.request(httpd->arg, connection, request);
}

/* The request is not whole. The time limit for it runs from its first byte; a client that holds its body back
 * until it is told to go on is told so. */
static void await_rest(struct httpd_exchange *connection, size_t here)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const ssize_t bytes = sizeof go_on - 1;
    struct http_parser *parser = &connection->parser;

    if (connection->state == CONNECTION_IDLE)
        connection_enter(connection, CONNECTION_HEAD);
    if (!parser->expects)
        return;
    parser->expects = false;
    if (here == parser->head &&
        send(event_get_fd(&connection->event), go_on, (size_t)bytes, MSG_NOSIGNAL) != bytes)
        give_up(connection); /* nothing else is on its way, so the socket must have had room */
}

/* Keeps the bytes that serve() left, and does what had to wait until the parser was done with them. */
static void serve_end(struct httpd_exchange *connection, bool own, const char *rest, size_t bytes,
                      enum http_progress progress)
{
    if (connection->state == CONNECTION_LINGER || connection->state == CONNECTION_DEAD ||
        connection_streams(connection) || (own && !bytes)) {
        connection_in_free(connection);
    } else if (own) {
        connection->in_at = (size_t)(rest - connection->in);
        connection->in_bytes = bytes;
    } else if (bytes && progress != HTTP_REFUSED && !connection_in_append(connection, rest, bytes)) {
        give_up(connection);
    }
    if (progress == HTTP_REFUSED) {
        connection->httpd->stats.refused_total++;
        refuse(connection, &(struct httpd_refusal){.status = connection->parser.status,
                                                   .detail = connection->parser.detail});
    }
    connection_settle(connection, progress);
}

/* Takes the requests off these bytes, one after the other, until one waits. They lie in the shared buffer, or
 * are connection->in itself; what is not taken is kept. */
static void serve(struct httpd_exchange *connection, char *bytes, size_t size)
{
    struct httpd *httpd = connection->httpd;
    enum http_progress progress = HTTP_WHOLE;
    uint64_t enough = httpd->answered_bytes + SERVE_BYTES;
    bool own = connection->in_bytes > 0;
    struct http_request request;
    size_t at = 0;

    connection->is_serving = true;
    for (unsigned i = 0;
         i < SERVE_BATCH && at < size && progress == HTTP_WHOLE && httpd->answered_bytes < enough &&
         (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD);
         i++) {
        size_t left = size - at;

        progress = http_parser_feed(&connection->parser, &httpd->config.limits, bytes + at, &left, &request);
        size = at + left;
        if (progress == HTTP_MORE)
            await_rest(connection, left);
        if (progress != HTTP_WHOLE)
            break;
        at += connection->parser.consumed;
        hand_over(connection, &request);
    }
    connection->is_serving = false;
    serve_end(connection, own, bytes + at, size - at, progress);
}

void connection_resume(struct httpd_exchange *connection)
{
    serve(connection, connection->in + connection->in_at, connection->in_bytes);
}

/* The peer sends nothing more. It may still want its answer (a half-closed client), so what that means while
 * one is awaited is configured. */
static void finish(struct httpd_exchange *connection)
{
    connection->has_fin = true;
    if (connection->state != CONNECTION_WAITING || connection->httpd->config.abort_on_fin)
        give_up(connection);
    else
        mode_switch(connection, CONNECTION_WATCH);
    connection_settle(connection, HTTP_MORE);
}

/* Closing is not enough: the kernel would go on offering what it has to a reader that takes nothing. A reset
 * gives its buffers back, and is seen by the reader as what it is. */
void connection_abandon(struct httpd_exchange *connection)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    int fd = event_get_fd(&connection->event), untaken = 0;

    if (connection->out || (ioctl(fd, SIOCOUTQ, &untaken) == 0 && untaken > 0))
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void connection_drop(struct httpd_exchange *connection)
{
    give_up(connection);
    connection_free(connection);
}

bool connection_again(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void on_readable(struct httpd_exchange *connection)
{
    struct httpd *httpd = connection->httpd;
    size_t room = httpd->in_limit - connection->in_bytes;
    ssize_t got = recv(event_get_fd(&connection->event), httpd->buffer,
                       room < sizeof httpd->buffer ? room : sizeof httpd->buffer, 0);
    bool waiting = connection->state == CONNECTION_WAITING;

    if (got < 0 && connection_again())
        return;
    if (got == 0) {
        finish(connection);
        return;
    }
    if (got > 0 && !waiting && !connection->in_bytes) {
        serve(connection, httpd->buffer, (size_t)got);
        return;
    }
    if (got < 0 || !connection_in_append(connection, httpd->buffer, (size_t)got)) {
        connection_drop(connection);
    } else if (!waiting) {
        connection_resume(connection);
    } else if (connection->in_bytes == httpd->in_limit) {
        mode_switch(connection, CONNECTION_WATCH);
        connection_settle(connection, HTTP_MORE);
    }
}

/* Something happened on a connection that is not read: a reset, or an end that counts as one. */
static void on_watched(struct httpd_exchange *connection, short what)
{
    struct pollfd peer = {.fd = event_get_fd(&connection->event)};

    if ((poll(&peer, 1, 0) > 0 && peer.revents & (POLLERR | POLLHUP)) ||
        (what & EV_CLOSED && (connection->httpd->config.abort_on_fin || connection_streams(connection))))
        connection_drop(connection);
}

static void on_writable(struct httpd_exchange *connection)
{
    ssize_t sent = send(event_get_fd(&connection->event), connection->out + connection->out_at,
                        connection->out_bytes - connection->out_at, MSG_NOSIGNAL);

    if (sent < 0 && connection_again())
        return;
    if (sent < 0) {
        connection_drop(connection);
        return;
    }
    if (connection->out_at + (size_t)sent < connection->out_bytes) {
        connection->out_at += (size_t)sent;
        connection_enter(connection, connection->state); /* it made progress, so its time starts anew */
        return;
    }
    connection_out_free(connection);
    if (connection->state == CONNECTION_HELD)
        connection_enter(connection, CONNECTION_STREAM);
    else
        answered(connection);
    if (connection->state == CONNECTION_STREAM)
        mode_switch(connection, CONNECTION_WATCH);
    else if (connection->state == CONNECTION_IDLE)
        mode_switch(connection, connection->has_fin ? CONNECTION_WATCH : CONNECTION_READ);
    connection_settle(connection, HTTP_WHOLE);
}

static void on_lingering(struct httpd_exchange *connection)
{
    struct httpd *httpd = connection->httpd;
    ssize_t got = recv(event_get_fd(&connection->event), httpd->buffer, sizeof httpd->buffer, 0);

    if (got < 0 && connection_again())
        return;
    if (got <= 0 || (size_t)got > connection->linger_bytes)
        connection_free(connection);
    else
        connection->linger_bytes -= (size_t)got;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct httpd_exchange *connection = arg;

    (void)fd;
    connection->httpd->now_us = clock_now_us();
    if (connection->mode == CONNECTION_WATCH)
        on_watched(connection, what);
    else if (connection->mode == CONNECTION_WRITE)
        on_writable(connection);
    else if (connection->state == CONNECTION_LINGER)
        on_lingering(connection);
    else if (!connection->is_ready) /* else its turn comes before the loop waits again */
        on_readable(connection);
}

void httpd_exchange_also(struct httpd_exchange *exchange, struct text fields)
{
    exchange->also = fields;
}

void httpd_exchange_set(struct httpd_exchange *exchange, void *mine)
{
    exchange->mine = mine;
}

void *httpd_exchange_get(const struct httpd_exchange *exchange)
{
    return exchange->mine;
}

bool httpd_exchange_local(const struct httpd_exchange *exchange)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t bytes = sizeof peer;

    if (getpeername(event_get_fd(&exchange->event), &peer.any, &bytes) < 0)
        return false;
    if (peer.any.sa_family == AF_INET)
        return ntohl(peer.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (peer.any.sa_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr))
        return peer.v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&peer.v6.sin6_addr);
}
