/* httpd_buffers.c - what a connection of httpd.h holds for its client: the part of a request that has come,
 * and what the socket did not take of an answer. All is counted, so that it has a bound for all together. */
#include <stdlib.h>

#include "common/httpd_internal.h"

static void in_count(struct httpd_exchange *connection, size_t size)
{
    struct httpd *httpd = connection->httpd;

    httpd->in_held += size - connection->in_size;
    httpd->stats.buffered_bytes += size - connection->in_size;
    connection->in_size = size;
}

static void out_count(struct httpd_exchange *connection, size_t size)
{
    connection->httpd->stats.buffered_bytes += size - connection->out_counted;
    connection->out_counted = size;
}

static bool has_room(struct httpd *httpd, size_t held, size_t more, size_t limit)
{
    if (!limit || held + more <= limit)
        return true;
    httpd->stats.buffers_full_total++;
    return false;
}

void connection_in_free(struct httpd_exchange *connection)
{
    in_count(connection, 0);
    free(connection->in);
    connection->in = NULL;
    connection->in_at = connection->in_bytes = 0;
}

void connection_out_free(struct httpd_exchange *connection)
{
    out_count(connection, 0);
    free(connection->out);
    connection->out = NULL;
    connection->out_at = connection->out_bytes = 0;
}

/* Requests that are not whole may take half of what is allowed, so that there is room for answers, whatever
 * comes. */
bool connection_in_append(struct httpd_exchange *connection, const char *bytes, size_t count)
{
    struct httpd *httpd = connection->httpd;
    size_t needed = connection->in_bytes + count;

    if (connection->in_at + needed > connection->in_size && connection->in_at) {
        memmove(connection->in, connection->in + connection->in_at, connection->in_bytes);
        connection->in_at = 0;
    }
    if (needed > connection->in_size) {
        size_t size = connection->in_size ? connection->in_size : 256;
        char *grown;

        while (size < needed)
            size *= 2;
        if (!has_room(httpd, httpd->in_held, size - connection->in_size, httpd->config.buffer_bytes / 2))
            return false;
        grown = realloc(connection->in, size);
        if (!grown)
            return false;
        connection->in = grown;
        in_count(connection, size);
    }
    memcpy(connection->in + connection->in_at + connection->in_bytes, bytes, count);
    connection->in_bytes = needed;
    return true;
}

void connection_out_append(struct httpd_exchange *connection, const struct iovec *parts, size_t count,
                           size_t sent)
{
    for (size_t i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;

        sent -= skip;
        memcpy(connection->out + connection->out_bytes, (const char *)parts[i].iov_base + skip,
               parts[i].iov_len - skip);
        connection->out_bytes += parts[i].iov_len - skip;
    }
}

bool connection_out_keep(struct httpd_exchange *connection, const struct iovec *parts, size_t count,
                         size_t sent)
{
    struct httpd *httpd = connection->httpd;
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (has_room(httpd, httpd->stats.buffered_bytes, total - sent, httpd->config.buffer_bytes))
        connection->out = malloc(total - sent);
    if (!connection->out)
        return false;
    out_count(connection, total - sent);
    connection_out_append(connection, parts, count, sent);
    return true;
}
