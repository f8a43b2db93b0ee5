/* web.c - see web.h. */
#include "metricsd/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/http_answer.h"
#include "common/json.h"
#include "common/params.h"
#include "metricsd/links.h"
#include "metricsd/page.h"
#include "metricsd/prometheus.h"

#define JSON_TYPE     "application/json"
#define PROBLEM_TYPE  "application/problem+json"
#define PROBLEM_BYTES 1024
#define LINE_BYTES    2048 /* of a request line */

#define COMMON_FIELDS "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"

struct web {
    struct httpd *httpd;
    const struct web_sources *sources;
    void *arg;
    struct stream *stream;
    bool draining;
};

/* What is answered: a file of page.h, what is given at the moment, or what is given for the query, which may
 * be refused: then `problem` says why; or the stream. */
struct route {
    const char *path, *type;
    const char *file;
    struct text (*content)(const struct web *web);
    bool (*query)(const struct web *web, struct text query, struct text *content, const char **problem);
    bool is_stream;
};

static struct text give_state(const struct web *web)
{
    return web->sources->state(web->arg);
}

static struct text give_metrics(const struct web *web)
{
    return web->sources->metrics(web->arg);
}

/* Whoever can answer is alive. */
static struct text give_alive(const struct web *web)
{
    (void)web;
    return text_of("{\"status\":\"alive\"}");
}

static struct text give_ready(const struct web *web)
{
    return web->draining ? (struct text){.at = NULL} : text_of("{\"status\":\"ready\"}");
}

static bool give_history(const struct web *web, struct text query, struct text *content, const char **problem)
{
    struct param span = {.name = "span"};
    enum history_span found;
    char room[LINE_BYTES];
    const char *bad;

    if (params_read(query, &span, 1, room, &bad) < 0) {
        *problem = "span is given twice, or the query's percent-encoding is broken";
        return false;
    }
    found = span.value.at ? history_span_find(span.value) : HISTORY_SPANS;
    if (found == HISTORY_SPANS) {
        *problem = span.value.at ? "span is neither 15m nor 24h" : "span is missing: 15m or 24h";
        return false;
    }
    *content = web->sources->history(web->arg, found);
    return true;
}

static const struct route routes[] = {
    {.path = "/", .type = "text/html; charset=utf-8", .file = "index.html"},
    {.path = "/app.css", .type = "text/css; charset=utf-8", .file = "app.css"},
    {.path = "/app.js", .type = "text/javascript; charset=utf-8", .file = "app.js"},
    {.path = "/api/state", .type = JSON_TYPE, .content = give_state},
    {.path = "/api/history", .type = JSON_TYPE, .query = give_history},
    {.path = "/api/stream", .is_stream = true},
    {.path = "/metrics", .type = PROMETHEUS_TYPE, .content = give_metrics},
    {.path = "/livez", .type = JSON_TYPE, .content = give_alive},
    {.path = "/readyz", .type = JSON_TYPE, .content = give_ready},
};

static const struct route *find_route(struct text path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (text_equal(path, routes[i].path))
            return &routes[i];
    }
    return NULL;
}

static struct text find_file(const char *name)
{
    const struct page_file *file = page_files;

    while (file->name && strcmp(file->name, name) != 0)
        file++;
    return file->content;
}

/* RFC 9457; error is the field that the gateway's refusals have, too. */
static struct text write_problem(int status, const char *reason, const char *detail, char *buffer,
                                 size_t size)
{
    struct text out = {.at = NULL};
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "type");
    json_string(&json, "about:blank");
    json_key(&json, "title");
    json_string(&json, http_reason(status));
    json_key(&json, "status");
    json_int(&json, status);
    if (reason) {
        json_key(&json, "reason");
        json_string(&json, reason);
    }
    json_key(&json, "error");
    json_string(&json, detail);
    json_end_object(&json);
    json_finish(&json, &out);
    return out;
}

static void reply_problem(struct httpd_exchange *exchange, int status, const char *detail, const char *fields)
{
    char body[PROBLEM_BYTES], lines[256];
    struct httpd_reply reply = {.status = status};

    snprintf(lines, sizeof(lines), "Content-Type: " PROBLEM_TYPE "\r\n" COMMON_FIELDS "%s", fields);
    reply.fields = text_of(lines);
    reply.body = write_problem(status, NULL, detail, body, sizeof(body));
    httpd_reply(exchange, &reply);
}

static void reply_unavailable(struct httpd_exchange *exchange, const char *detail)
{
    reply_problem(exchange, 503, detail, "Retry-After: 1\r\n");
}

static void reply_content(const struct web *web, struct httpd_exchange *exchange, const struct route *route,
                          struct text content)
{
    struct text policy = route->file ? web->sources->policy(web->arg) : text_of("");
    struct httpd_reply reply = {.status = 200, .body = content};
    char lines[LINKS_POLICY_BYTES + 512];

    snprintf(lines, sizeof(lines), "Content-Type: %s\r\n%s" COMMON_FIELDS "%.*s", route->type,
             route->file ? "Cache-Control: no-cache\r\n" : "Cache-Control: no-store\r\n", TEXT_ARGS(policy));
    reply.fields = text_of(lines);
    httpd_reply(exchange, &reply);
}

/* A browser sends what it has seen as a field when it comes back by itself; a page that begins anew can only
 * do so in the query. */
static struct text last_id(const struct http_request *request, char room[LINE_BYTES])
{
    struct param param = {.name = "last_event_id"};
    struct text field = http_request_field(request, "Last-Event-ID");
    const char *bad;

    if (field.at || params_read(request->query, &param, 1, room, &bad) < 0)
        return field;
    return param.value;
}

static void open_stream(const struct web *web, struct httpd_exchange *exchange,
                        const struct http_request *request)
{
    char room[LINE_BYTES];

    if (web->draining)
        reply_unavailable(exchange, "metricsd is shutting down");
    else if (stream_open(web->stream, exchange, last_id(request, room)) < 0)
        reply_unavailable(exchange, "There are as many readers of the stream as may be (STREAMS_MAX)");
}

static void on_request(void *arg, struct httpd_exchange *exchange, const struct http_request *request)
{
    const struct route *route = find_route(request->path);
    const struct web *web = arg;
    const char *problem;
    struct text content;

    if (!route) {
        reply_problem(exchange, 404, "There is nothing at this path", "");
        return;
    }
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        reply_problem(exchange, 405, "This can only be read", "Allow: GET, HEAD\r\n");
        return;
    }
    if (route->is_stream) {
        open_stream(web, exchange, request);
        return;
    }
    if (route->query && !route->query(web, request->query, &content, &problem)) {
        reply_problem(exchange, 400, problem, "");
        return;
    }
    if (!route->query)
        content = route->file ? find_file(route->file) : route->content(web);
    if (content.at)
        reply_content(web, exchange, route, content);
    else
        reply_unavailable(exchange,
                          web->draining ? "metricsd is shutting down" : "This is not available now");
}

/* All else is answered at once. */
static void on_gone(void *arg, struct httpd_exchange *exchange)
{
    const struct web *web = arg;

    stream_gone(web->stream, exchange);
}

static size_t on_refusal(void *arg, const struct httpd_refusal *refusal, char *buffer, size_t size,
                         const char **type)
{
    (void)arg;
    *type = PROBLEM_TYPE;
    return write_problem(refusal->status, refusal->reason, refusal->detail, buffer, size).bytes;
}

static const struct httpd_handlers handlers = {.request = on_request, .gone = on_gone, .refusal = on_refusal};

static struct httpd_config limits_of(const struct config *config)
{
    return (struct httpd_config){
        .limits = {.line_bytes = LINE_BYTES,
                   .field_bytes = 8192,
                   .head_bytes = 16384,
                   .field_count = HTTP_MAX_FIELDS,
                   .body_bytes = 0},
        .max_connections = (unsigned)(config->metricsd_connections + config->streams_max),
        .head_timeout_us = config->client_send_us,
        .idle_timeout_us = config->client_idle_us,
        .write_timeout_us = config->client_read_us,
        .buffer_bytes = (size_t)config->client_buffers_mb << 20,
        .stream_bytes = (size_t)512 * 1024,
    };
}

struct web *web_new(struct event_base *base, int listen_fd, const struct web_sources *sources, void *arg,
                    struct stream *stream, const struct config *config)
{
    struct web *web = calloc(1, sizeof(*web));
    struct httpd_config limits = limits_of(config);

    if (!web) {
        close(listen_fd);
        return NULL;
    }
    web->sources = sources;
    web->arg = arg;
    web->stream = stream;
    web->httpd = httpd_new(base, listen_fd, &limits, &handlers, web);
    if (!web->httpd) {
        free(web);
        return NULL;
    }
    return web;
}

void web_free(struct web *web)
{
    if (!web)
        return;
    httpd_free(web->httpd);
    free(web);
}

void web_drain(struct web *web, void (*done)(void *arg), void *arg)
{
    web->draining = true;
    httpd_drain(web->httpd, done, arg);
}

const struct httpd_stats *web_stats(const struct web *web)
{
    return httpd_stats(web->httpd);
}
