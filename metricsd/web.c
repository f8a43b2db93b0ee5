/* web.c - see web.h. */
#include "metricsd/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/httpd.h"
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
    bool draining;
};

/* What is answered: a file of page.h, what is given at the moment, or what is given for the query, which may
 * be refused: then `problem` says why. */
struct route {
    const char *path, *type;
    const char *file;
    struct text (*content)(const struct web *web);
    bool (*query)(const struct web *web, struct text query, struct text *content, const char **problem);
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
static struct text write_problem(int status, const char *title, const char *detail, char *buffer, size_t size)
{
    struct text out = {.at = NULL};
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "type");
    json_string(&json, "about:blank");
    json_key(&json, "title");
    json_string(&json, title);
    json_key(&json, "status");
    json_int(&json, status);
    json_key(&json, "error");
    json_string(&json, detail);
    json_end_object(&json);
    json_finish(&json, &out);
    return out;
}

static void reply_problem(struct httpd_exchange *exchange, int status, const char *title, const char *detail,
                          const char *fields)
{
    char body[PROBLEM_BYTES], lines[256];
    struct httpd_reply reply = {.status = status};

    snprintf(lines, sizeof(lines), "Content-Type: " PROBLEM_TYPE "\r\n" COMMON_FIELDS "%s", fields);
    reply.fields = text_of(lines);
    reply.body = write_problem(status, title, detail, body, sizeof(body));
    httpd_reply(exchange, &reply);
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

static void on_request(void *arg, struct httpd_exchange *exchange, const struct http_request *request)
{
    const struct route *route = find_route(request->path);
    const struct web *web = arg;
    const char *problem;
    struct text content;

    if (!route) {
        reply_problem(exchange, 404, "Not Found", "There is nothing at this path", "");
        return;
    }
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        reply_problem(exchange, 405, "Method Not Allowed", "This can only be read", "Allow: GET, HEAD\r\n");
        return;
    }
    if (route->query && !route->query(web, request->query, &content, &problem)) {
        reply_problem(exchange, 400, "Bad Request", problem, "");
        return;
    }
    if (!route->query)
        content = route->file ? find_file(route->file) : route->content(web);
    if (content.at)
        reply_content(web, exchange, route, content);
    else
        reply_problem(exchange, 503, "Service Unavailable",
                      web->draining ? "metricsd is shutting down" : "This is not available now",
                      "Retry-After: 1\r\n");
}

/* Nothing waits here, so nothing is to be forgotten. */
static void on_gone(void *arg, struct httpd_exchange *exchange)
{
    (void)arg;
    (void)exchange;
}

static size_t on_refusal(void *arg, int status, const char *detail, char *buffer, size_t size,
                         const char **type)
{
    (void)arg;
    *type = PROBLEM_TYPE;
    return write_problem(status, "Bad request", detail, buffer, size).bytes;
}

static const struct httpd_handlers handlers = {.request = on_request, .gone = on_gone, .refusal = on_refusal};

static const struct httpd_config config = {
    .limits = {.line_bytes = LINE_BYTES,
               .field_bytes = 8192,
               .head_bytes = 16384,
               .field_count = HTTP_MAX_FIELDS,
               .body_bytes = 0},
    .max_connections = 1024,
    .head_timeout_us = 5 * US_PER_SECOND,
    .idle_timeout_us = 60 * US_PER_SECOND,
    .write_timeout_us = 10 * US_PER_SECOND,
};

struct web *web_new(struct event_base *base, int listen_fd, const struct web_sources *sources, void *arg)
{
    struct web *web = calloc(1, sizeof(*web));

    if (!web) {
        close(listen_fd);
        return NULL;
    }
    web->sources = sources;
    web->arg = arg;
    web->httpd = httpd_new(base, listen_fd, &config, &handlers, web);
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
