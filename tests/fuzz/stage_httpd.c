/* stage_httpd.c - httpd played: a client's request is read by the real parser, under the process's own
 * limits, and has exactly one answer, or a stream, or leaves. */
#include "common/httpd.h"

#include <errno.h>

#include "common/json_check.h"
#include "tests/fuzz/stage.h"
#include "tests/fuzz/stage_inside.h"

#define CLIENTS       16
#define REQUEST_BYTES 8192

struct httpd {
    struct httpd_config config;
    const struct httpd_handlers *handlers;
    void *arg;
    struct httpd_stats stats;
    void (*drained)(void *arg);
    void *drained_arg;
    bool told; /* that it is */
};

struct httpd_exchange {
    unsigned client;
    bool head, streams, local, slow;
    void *mine;
    struct text also;
};

static struct httpd *the_httpd;
static struct httpd_exchange *exchanges[CLIENTS];

int httpd_listen(const char *host, unsigned port)
{
    (void)host;
    (void)port;
    return 0;
}

bool httpd_address_ok(const char *host)
{
    return host[0] != '\0';
}

unsigned httpd_port(int listen_fd)
{
    (void)listen_fd;
    return 5000;
}

struct httpd *httpd_new(struct event_base *base, int listen_fd, const struct httpd_config *config,
                        const struct httpd_handlers *handlers, void *arg)
{
    (void)base;
    (void)listen_fd;
    the_httpd = calloc(1, sizeof(*the_httpd));
    must(the_httpd, "memory");
    *the_httpd = (struct httpd){.config = *config, .handlers = handlers, .arg = arg};
    the_httpd->stats.connections_max = config->max_connections;
    return the_httpd;
}

static void end(struct httpd_exchange *exchange)
{
    must(exchanges[exchange->client] == exchange, "an exchange that lives");
    exchanges[exchange->client] = NULL;
    free(exchange);
}

void httpd_free(struct httpd *httpd)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (exchanges[i])
            end(exchanges[i]);
    }
    free(httpd);
    the_httpd = NULL;
}

/* As if each connection had closed with its last answer. */
void httpd_drain(struct httpd *httpd, void (*done)(void *arg), void *arg)
{
    httpd->drained = done;
    httpd->drained_arg = arg;
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (exchanges[i] && exchanges[i]->streams) {
            httpd->handlers->gone(httpd->arg, exchanges[i]);
            end(exchanges[i]);
        }
    }
}

void stage_httpd_turn(void)
{
    void (*drained)(void *arg) = the_httpd ? the_httpd->drained : NULL;

    if (!drained || stage_unanswered() > 0 || the_httpd->told)
        return;
    the_httpd->told = true;
    drained(the_httpd->drained_arg);
}

static void answered(const struct httpd_exchange *exchange, int status, struct text fields, struct text body,
                     bool streams)
{
    struct stage_answer answer = {.client = exchange->client,
                                  .status = status,
                                  .fields = fields,
                                  .also = exchange->also,
                                  .body = body,
                                  .streams = streams};

    if (stage.answered)
        stage.answered(&answer);
}

void httpd_reply(struct httpd_exchange *exchange, const struct httpd_reply *reply)
{
    must(!exchange->streams, "a stream has no second answer");
    must(reply->status >= 200 && reply->status <= 599, "a final status");
    answered(exchange, reply->status, reply->fields, reply->body, false);
    end(exchange);
}

bool httpd_stream_begin(struct httpd_exchange *exchange, int status, struct text fields)
{
    bool streams = !exchange->head && !the_httpd->drained;

    must(!exchange->streams, "a stream begins once");
    answered(exchange, status, fields, (struct text){"", 0}, true);
    exchange->streams = streams;
    if (!streams)
        end(exchange);
    return streams;
}

int httpd_stream_send(struct httpd_exchange *exchange, struct text text)
{
    must(exchange->streams, "a stream has begun");
    answered(exchange, 200, (struct text){"", 0}, text, true);
    if (!exchange->slow)
        return 0;
    end(exchange);
    return -ENOBUFS;
}

void httpd_stream_end(struct httpd_exchange *exchange)
{
    must(exchange->streams, "a stream has begun");
    end(exchange);
}

void httpd_exchange_set(struct httpd_exchange *exchange, void *mine)
{
    exchange->mine = mine;
}

void *httpd_exchange_get(const struct httpd_exchange *exchange)
{
    return exchange->mine;
}

void httpd_exchange_also(struct httpd_exchange *exchange, struct text fields)
{
    exchange->also = fields;
}

bool httpd_exchange_local(const struct httpd_exchange *exchange)
{
    return exchange->local;
}

const struct httpd_stats *httpd_stats(const struct httpd *httpd)
{
    return &httpd->stats;
}

unsigned stage_unanswered(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < CLIENTS; i++)
        count += exchanges[i] && !exchanges[i]->streams;
    return count;
}

static struct text trimmed(struct text text)
{
    while (text.bytes > 0 && text.at[0] == ' ')
        text = (struct text){text.at + 1, text.bytes - 1};
    while (text.bytes > 0 && text.at[text.bytes - 1] == ' ')
        text.bytes--;
    return text;
}

/* The bytes of the request; 0 when they are too many. */
static size_t write_request(const struct step *step, char bytes[REQUEST_BYTES])
{
    struct text fields = step->rest, target = cut(&fields, '|'), body = {"", 0};
    int used;

    target = trimmed(target);
    used = snprintf(bytes, REQUEST_BYTES, "%.*s %.*s HTTP/1.1\r\nHost: localhost\r\n", TEXT_ARGS(step->what),
                    TEXT_ARGS(target));
    while (fields.bytes > 0 && used < REQUEST_BYTES) {
        struct text field = trimmed(cut(&fields, '|'));

        if (field.bytes == 0) { /* || */
            body = story_bytes(trimmed(fields));
            break;
        }
        used += snprintf(bytes + used, (size_t)(REQUEST_BYTES - used), "%.*s\r\n", TEXT_ARGS(field));
    }
    if (used < REQUEST_BYTES && body.bytes > 0)
        used += snprintf(bytes + used, (size_t)(REQUEST_BYTES - used), "Content-Length: %zu\r\n", body.bytes);
    if (used < REQUEST_BYTES)
        used += snprintf(bytes + used, (size_t)(REQUEST_BYTES - used), "\r\n");
    if (used < 0 || (size_t)used + body.bytes >= REQUEST_BYTES)
        return 0;
    memcpy(bytes + used, body.at, body.bytes);
    return (size_t)used + body.bytes;
}

static void refuse(const struct http_parser *parser)
{
    const char *type = "text/plain";
    char body[1024];
    size_t bytes;

    if (stage.shows)
        fprintf(stderr, "refused: %d %s\n", parser->status, parser->detail);
    if (!the_httpd->handlers->refusal)
        return;
    bytes = the_httpd->handlers->refusal(
        the_httpd->arg, &(struct httpd_refusal){.status = parser->status, .detail = parser->detail}, body,
        sizeof(body), &type);
    must(bytes <= sizeof(body), "a refusal fits");
    must(!strstr(type, "json") || json_check_object((struct text){body, bytes}), "a refusal is JSON");
}

static void ask(const struct step *step, unsigned client)
{
    struct http_parser parser = {.status = 0};
    static char room[REQUEST_BYTES];
    static struct http_request request;
    size_t size = write_request(step, room);
    char *bytes = copy_of(room, size);
    enum http_progress progress =
        http_parser_feed(&parser, &the_httpd->config.limits, bytes, &size, &request);

    if (progress == HTTP_REFUSED)
        refuse(&parser);
    if (progress == HTTP_WHOLE) {
        struct httpd_exchange *exchange = calloc(1, sizeof(*exchange));

        must(exchange, "memory");
        *exchange = (struct httpd_exchange){.client = client,
                                            .head = request.method == HTTP_HEAD,
                                            .local = client % 4 != 3,
                                            .slow = client % 4 == 2};
        exchanges[client] = exchange;
        the_httpd->stats.requests_total++;
        the_httpd->handlers->request(the_httpd->arg, exchange, &request);
    }
    free(bytes);
}

void stage_client(const struct step *step)
{
    unsigned client = step->number % CLIENTS;
    struct httpd_exchange *exchange = exchanges[client];

    if (!the_httpd)
        return;
    if (text_equal(step->what, "gone")) {
        if (exchange) {
            the_httpd->handlers->gone(the_httpd->arg, exchange);
            end(exchange);
        }
    } else if (!exchange) {
        ask(step, client);
    }
    stage_turn();
}
