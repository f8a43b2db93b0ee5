/* httpd_stream.c - the answers of httpd.h that go on: server-sent events.
 *
 * What is sent goes into the socket from where it lies; only what the socket does not take is copied, and
 * while that waits the connection is written to when it can be, like a long answer. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/httpd_internal.h"

/* The kernel would buffer megabytes for a reader that has stopped, and for minutes we would not notice. */
#define SOCKET_BYTES 65536
#define ROOM_STEP    ((size_t)16384)
#define HEAD_PARTS   4 /* head, fields, more fields, the rest of the head */
#define CHUNK_PARTS  3 /* length, text, end of line */

static struct iovec part(struct text text)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)(text.at ? text.at : ""), .iov_len = text.bytes};
}

/* Room for so many bytes more behind those that wait. */
static bool out_grow(struct httpd_exchange *connection, size_t more)
{
    size_t waiting = connection->out_bytes - connection->out_at;
    size_t size = (waiting + more + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
    char *grown;

    if (connection->out_at)
        memmove(connection->out, connection->out + connection->out_at, waiting);
    connection->out_at = 0;
    connection->out_bytes = waiting;
    grown = realloc(connection->out, size);
    if (grown)
        connection->out = grown;
    return grown != NULL;
}

/* Keeps the parts but for their first `sent` bytes. */
static int hold(struct httpd_exchange *connection, const struct iovec *parts, unsigned count, size_t total,
                size_t sent)
{
    if (!out_grow(connection, total - sent))
        return -ENOMEM;
    connection_out_append(connection, parts, count, sent);
    if (connection->state == CONNECTION_HELD)
        return 0;
    connection->httpd->now_us = clock_now_us();
    connection_enter(connection, CONNECTION_HELD);
    return connection_mode_set(connection, CONNECTION_WRITE) ? 0 : -ENOMEM;
}

static int put(struct httpd_exchange *connection, struct iovec *parts, unsigned count)
{
    size_t waiting = connection->out_bytes - connection->out_at, total = 0;
    ssize_t sent = 0;

    for (unsigned i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (waiting)
        return waiting + total > connection->httpd->config.stream_bytes
                   ? -ENOBUFS
                   : hold(connection, parts, count, total, 0);
    sent = connection_parts_send(event_get_fd(&connection->event), parts, count, total);
    if (sent < 0 && !connection_again())
        return -EPIPE;
    if (sent >= 0 && (size_t)sent == total)
        return 0;
    return hold(connection, parts, count, total, sent > 0 ? (size_t)sent : 0);
}

/* The exchange is dead, and nobody is told: who called knows. */
static void cut(struct httpd_exchange *connection)
{
    connection_enter(connection, CONNECTION_DEAD);
    if (!connection->is_serving)
        connection_settle(connection, HTTP_WHOLE);
}

/* What waits is sent like the rest of a long answer. */
static void finish(struct httpd_exchange *connection)
{
    connection->keep_alive = false;
    if (connection->state == CONNECTION_HELD)
        connection_enter(connection, CONNECTION_WRITING);
    else
        connection_finish(connection);
    if (!connection->is_serving)
        connection_settle(connection, HTTP_WHOLE);
}

static int begin(struct httpd_exchange *connection, int status, struct text fields)
{
    struct httpd *httpd = connection->httpd;
    char head[HTTP_ANSWER_HEAD_BYTES];
    struct iovec parts[HEAD_PARTS];

    parts[0] = part(
        (struct text){head, http_answer_head(head, status, httpd->date, HTTP_LENGTH_UNKNOWN, HTTP_CLOSE)});
    parts[1] = part(fields);
    parts[2] = part(connection->also);
    parts[3] = part(text_of(connection->is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
    connection->also = (struct text){.at = NULL};
    return put(connection, parts, HEAD_PARTS);
}

bool httpd_stream_begin(struct httpd_exchange *exchange, int status, struct text fields)
{
    struct httpd *httpd = exchange->httpd;

    assert(exchange->state == CONNECTION_WAITING && http_status_has_body(status));
    if (!exchange->is_serving) {
        httpd->now_us = clock_now_us();
        connection_in_free(exchange); /* else when its request is no longer borrowed */
    }
    exchange->is_chunked = !exchange->is_1_0;
    setsockopt(event_get_fd(&exchange->event), SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_BYTES}, sizeof(int));
    connection_enter(exchange, CONNECTION_STREAM);
    if (begin(exchange, status, fields) < 0 ||
        (exchange->state == CONNECTION_STREAM && !connection_mode_set(exchange, CONNECTION_WATCH))) {
        cut(exchange);
        return false;
    }
    if (exchange->head_only)
        finish(exchange);
    else if (httpd->draining)
        httpd_stream_end(exchange);
    else
        return true;
    return false;
}

int httpd_stream_send(struct httpd_exchange *exchange, struct text text)
{
    struct iovec parts[CHUNK_PARTS];
    char length[24];
    int rc;

    assert(connection_streams(exchange));
    if (!text.bytes)
        return 0; /* a chunk of no bytes would be the last one */
    parts[0] = part((struct text){length, (size_t)snprintf(length, sizeof length, "%zx\r\n", text.bytes)});
    parts[1] = part(text);
    parts[2] = part(text_of("\r\n"));
    rc = exchange->is_chunked ? put(exchange, parts, CHUNK_PARTS) : put(exchange, parts + 1, 1);
    if (rc == -ENOBUFS) {
        exchange->httpd->stats.streams_cut_total++;
        connection_abandon(exchange);
    }
    if (rc < 0)
        cut(exchange);
    return rc;
}

void httpd_stream_end(struct httpd_exchange *exchange)
{
    struct iovec last = part(text_of("0\r\n\r\n"));

    assert(connection_streams(exchange));
    if (exchange->is_chunked && put(exchange, &last, 1) < 0)
        cut(exchange);
    else
        finish(exchange);
}

void httpd_stream_cut(struct httpd_exchange *connection)
{
    connection->httpd->stats.streams_cut_total++;
    connection_abandon(connection);
    connection_drop(connection);
}

/* Who is behind would keep us from ending for as long as the time limit of writing. */
void httpd_streams_end(struct httpd *httpd)
{
    struct httpd_exchange *first;

    while ((first = TAILQ_FIRST(&httpd->lists[CONNECTION_HELD])) != NULL) {
        connection_abandon(first);
        connection_drop(first);
    }
    while ((first = TAILQ_FIRST(&httpd->lists[CONNECTION_STREAM])) != NULL) {
        httpd->handlers.gone(httpd->arg, first);
        httpd_stream_end(first);
    }
}
