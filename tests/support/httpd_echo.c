/* httpd_echo.c - a small server on httpd for the tests of the HTTP face: answers every request with what it
 * understood of it, but for
 *   /wait   is never answered,
 *   /later  is answered a little later, from the loop,
 *   /big    is answered with BIG_BYTES bytes,
 *   /stats  tells the numbers of httpd.
 * The field Seen has all of it, for a comparison with another server. Its limits come from the environment
 * (ECHO_HEAD_MS and so on, below); it listens on a free port. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/httpd.h"
#include "common/loop.h"

#define BIG_BYTES  ((size_t)8 * 1024 * 1024)
#define LINE_BYTES 8192
#define FNV_BASIS  0x811c9dc5U
#define FNV_PRIME  0x01000193U

struct echo {
    struct loop *loop;
    struct httpd *httpd;
    char *big;
};

/* A request that is answered later: it holds its timer. */
struct later {
    struct httpd_exchange *exchange;
    struct event *timer;
};

static int64_t number(const char *name, int64_t fallback)
{
    const char *value = getenv(name);

    return value ? strtoll(value, NULL, 10) : fallback;
}

static void reply(struct httpd_exchange *exchange, int status, const char *body, size_t bytes)
{
    httpd_reply(exchange, &(struct httpd_reply){
                              .status = status,
                              .fields = text_of("Content-Type: text/plain\r\n"),
                              .body = {body, bytes},
                          });
}

static void later_free(struct later *later)
{
    if (!later)
        return;
    if (later->timer)
        event_free(later->timer);
    free(later);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct later *later = arg;

    (void)fd;
    (void)what;
    reply(later->exchange, 200, "later\n", 6);
    later_free(later);
}

static void answer_later(struct echo *echo, struct httpd_exchange *exchange)
{
    static const struct timeval soon = {0, 1000};
    struct later *later = calloc(1, sizeof *later);

    if (later)
        later->timer = evtimer_new(loop_base(echo->loop), on_later, later);
    if (!later || !later->timer) {
        later_free(later);
        reply(exchange, 500, "", 0);
        return;
    }
    later->exchange = exchange;
    httpd_exchange_set(exchange, later);
    event_add(later->timer, &soon);
}

static void tell_stats(struct echo *echo, struct httpd_exchange *exchange)
{
    const struct httpd_stats *stats = httpd_stats(echo->httpd);
    char body[256];
    int bytes = snprintf(body, sizeof body,
                         "{\"connections\":%llu,\"connections_total\":%llu,\"requests_total\":%llu,"
                         "\"refused_total\":%llu,\"gone_total\":%llu,\"timed_out_total\":%llu}\n",
                         (unsigned long long)stats->connections, (unsigned long long)stats->connections_total,
                         (unsigned long long)stats->requests_total, (unsigned long long)stats->refused_total,
                         (unsigned long long)stats->gone_total,
                         (unsigned long long)stats->slow_senders_total + stats->slow_readers_total);

    reply(exchange, 200, body, (size_t)bytes);
}

static uint32_t mix(uint32_t digest, struct text text)
{
    for (size_t i = 0; text.at && i < text.bytes; i++)
        digest = (digest ^ (unsigned char)text.at[i]) * FNV_PRIME;
    return digest;
}

/* One field line: what stands in the request, its fields and its body as digests. */
static int write_seen(const struct http_request *request, char *line, size_t size)
{
    uint32_t fields = FNV_BASIS;

    for (unsigned i = 0; i < request->field_count; i++) {
        fields = mix(mix(fields, request->fields[i].name), text_of(":"));
        fields = mix(mix(fields, request->fields[i].value), text_of("\n"));
    }
    return snprintf(line, size, "Seen: %.*s %.*s HTTP/1.%u fields=%u:%08x body=%zu:%08x stay=%d\r\n",
                    TEXT_ARGS(request->method_name), TEXT_ARGS(request->target), request->minor_version,
                    request->field_count, fields, request->body.bytes, mix(FNV_BASIS, request->body),
                    request->keep_alive);
}

static void tell_request(struct httpd_exchange *exchange, const struct http_request *request)
{
    char body[512], seen[LINE_BYTES + 256];
    int bytes = snprintf(
        body, sizeof body, "%.*s %.*s HTTP/1.%u fields=%u body=%zu:%.*s\n", TEXT_ARGS(request->method_name),
        request->path.bytes < 100 ? (int)request->path.bytes : 100, request->path.at, request->minor_version,
        request->field_count, request->body.bytes, request->body.bytes < 100 ? (int)request->body.bytes : 100,
        request->body.at ? request->body.at : "");

    write_seen(request, seen, sizeof seen);
    httpd_exchange_also(exchange, text_of(seen));
    reply(exchange, 200, body, (size_t)bytes);
}

static void on_request(void *arg, struct httpd_exchange *exchange, const struct http_request *request)
{
    struct echo *echo = arg;

    if (text_equal(request->path, "/later"))
        answer_later(echo, exchange);
    else if (text_equal(request->path, "/big"))
        reply(exchange, 200, echo->big, BIG_BYTES);
    else if (text_equal(request->path, "/stats"))
        tell_stats(echo, exchange);
    else if (!text_equal(request->path, "/wait"))
        tell_request(exchange, request);
}

static void on_gone(void *arg, struct httpd_exchange *exchange)
{
    (void)arg;
    later_free(httpd_exchange_get(exchange));
}

static void on_drained(void *arg)
{
    loop_drained(arg);
}

static void on_drain(void *arg)
{
    struct echo *echo = arg;

    httpd_drain(echo->httpd, on_drained, echo->loop);
}

static struct httpd *httpd_start(struct echo *echo, int fd)
{
    static const struct httpd_handlers handlers = {.request = on_request, .gone = on_gone};
    const struct httpd_config config = {
        .limits = {.line_bytes = LINE_BYTES,
                   .field_bytes = LINE_BYTES,
                   .head_bytes = 16384,
                   .field_count = HTTP_MAX_FIELDS,
                   .body_bytes = (size_t)number("ECHO_BODY_BYTES", 65536)},
        .max_connections = (unsigned)number("ECHO_CONNECTIONS", 10000),
        .head_timeout_us = number("ECHO_HEAD_MS", 10000) * US_PER_MS,
        .idle_timeout_us = number("ECHO_IDLE_MS", 60000) * US_PER_MS,
        .write_timeout_us = number("ECHO_WRITE_MS", 10000) * US_PER_MS,
        .abort_on_fin = number("ECHO_ABORT_ON_FIN", 0) != 0,
    };

    return httpd_new(loop_base(echo->loop), fd, &config, &handlers, echo);
}

int main(void)
{
    struct echo echo = {.loop = loop_new("httpd_echo", LOOP_PRECISE, 10 * US_PER_SECOND),
                        .big = calloc(1, BIG_BYTES)};
    int fd = httpd_listen("127.0.0.1", 0);
    char details[32];
    int rc = EXIT_FAILURE;

    if (fd >= 0 && echo.loop && echo.big)
        echo.httpd = httpd_start(&echo, fd);
    if (echo.httpd) {
        memset(echo.big, 'x', BIG_BYTES);
        loop_on_drain(echo.loop, on_drain, &echo);
        snprintf(details, sizeof details, "port=%u", httpd_port(fd));
        loop_ready(echo.loop, details);
        rc = loop_run(echo.loop);
    }
    httpd_free(echo.httpd);
    loop_free(echo.loop);
    free(echo.big);
    return rc;
}
