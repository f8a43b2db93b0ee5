/* routes.c - see routes.h. */
#include "gateway/routes.h"

#include "common/json.h"
#include "gateway/render.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define US_IN_SECOND    1e6
#define SEE_THERE       302
#define UNAVAILABLE     503
#define NOT_ALLOWED     405

static void finish(struct route_page *page, int status, const struct json *json)
{
    page->status = status;
    page->type = RENDER_JSON_TYPE;
    if (json_finish(json, &page->body) < 0)
        page->type = NULL;
}

static void absent(struct route_page *page, const char *detail)
{
    page->status = UNAVAILABLE;
    page->type = NULL;
    page->detail = detail;
}

static void put(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_int(json, value);
}

static void put_string(struct json *json, const char *key, const char *value)
{
    json_key(json, key);
    json_string(json, value);
}

/* "dispatch" of the lane "score" is called "score.dispatch". */
static void put_name(struct json *json, const struct health_check *check, bool is_key)
{
    char name[2 * MESSAGE_LABEL_BYTES];

    snprintf(name, sizeof(name), "%s%s%s", check->lane ? check->lane->name : "", check->lane ? "." : "",
             check->name);
    if (is_key)
        json_key(json, name);
    else
        json_string(json, name);
}

static void put_checks(struct json *json, const struct health_check *checks, unsigned count)
{
    json_key(json, "missing");
    json_begin_array(json);
    for (unsigned i = 0; i < count; i++) {
        if (checks[i].level != HEALTH_OK)
            put_name(json, &checks[i], false);
    }
    json_end_array(json);
    json_key(json, "checks");
    json_begin_object(json);
    for (unsigned i = 0; i < count; i++) {
        put_name(json, &checks[i], true);
        json_begin_object(json);
        put_string(json, "status", health_level_name(checks[i].level));
        if (checks[i].detail[0])
            put_string(json, "detail", checks[i].detail);
        json_end_object(json);
    }
    json_end_object(json);
}

static void show_livez(const struct route_view *view, struct route_page *page)
{
    struct json json;

    (void)view;
    json_init(&json, page->buffer, sizeof(page->buffer));
    json_begin_object(&json);
    put_string(&json, "status", "ok");
    json_end_object(&json);
    finish(page, 200, &json);
}

static void show_readyz(const struct route_view *view, struct route_page *page)
{
    struct health_check checks[HEALTH_CHECKS_MAX];
    unsigned count = health_checks(view->health, checks);
    enum health_level worst = health_worst(checks, count);
    struct json json;

    json_init(&json, page->buffer, sizeof(page->buffer));
    json_begin_object(&json);
    put_string(&json, "status", worst == HEALTH_OK ? "ready" : health_level_name(worst));
    put_checks(&json, checks, count);
    json_end_object(&json);
    finish(page, worst == HEALTH_UNAVAILABLE ? UNAVAILABLE : 200, &json);
}

static void show_health(const struct route_view *view, struct route_page *page)
{
    struct health_check checks[HEALTH_CHECKS_MAX];
    unsigned count = health_checks(view->health, checks);
    enum health_level worst = health_worst(checks, count);
    struct json json;

    json_init(&json, page->buffer, sizeof(page->buffer));
    json_begin_object(&json);
    put_string(&json, "status", health_level_name(worst));
    json_key(&json, "live");
    json_bool(&json, true);
    json_key(&json, "ready");
    json_bool(&json, worst != HEALTH_UNAVAILABLE);
    put_checks(&json, checks, count);
    json_end_object(&json);
    finish(page, worst == HEALTH_UNAVAILABLE ? UNAVAILABLE : 200, &json);
}

static void show_metrics(const struct route_view *view, struct route_page *page)
{
    page->body = feed_exposition(view->feed, view->now_us);
    if (!page->body.at) {
        absent(page, "No metrics have come within the last 10 seconds");
        return;
    }
    page->status = 200;
    page->type = PROMETHEUS_TYPE;
}

/* As the dashboard of the proxy that this one replaces reads it: these keys and no others. */
static void show_dashboard_metrics(const struct route_view *view, struct route_page *page)
{
    const int64_t *values = feed_snapshot(view->feed, view->now_us);
    double mean_us = 0;
    struct json json;

    if (!values) {
        absent(page, "No metrics have come within the last 10 seconds");
        return;
    }
    if (values[FEED_LATENCY_COUNT] > 0)
        mean_us = (double)values[FEED_LATENCY_SUM_US] / (double)values[FEED_LATENCY_COUNT];
    json_init(&json, page->buffer, sizeof(page->buffer));
    json_begin_object(&json);
    put(&json, "requests_total", values[FEED_REQUESTS]);
    put(&json, "requests_successful_total", values[FEED_SUCCESSFUL]);
    put(&json, "requests_failed_total", values[FEED_FAILED]);
    put(&json, "requests_dropped_total", values[FEED_DROPPED]);
    put(&json, "queue_size_current", values[FEED_QUEUE]);
    json_key(&json, "average_latency_seconds");
    json_double(&json, mean_us / US_IN_SECOND);
    json_end_object(&json);
    finish(page, 200, &json);
}

/* Of the first lane: who reads this page knows of one only. */
static void show_breaker(const struct route_view *view, struct route_page *page)
{
    const struct lane_state *state = &view->health->lanes[0];
    struct json json;

    if (!state->known) {
        absent(page, "The scheduler has not told the breaker's state yet");
        return;
    }
    json_init(&json, page->buffer, sizeof(page->buffer));
    json_begin_object(&json);
    put_string(&json, "state", state->breaker);
    put(&json, "failures", (int64_t)state->failures);
    put(&json, "fail_max", (int64_t)state->fail_max);
    json_end_object(&json);
    finish(page, 200, &json);
}

static void show_index(const struct route_view *view, struct route_page *page);

static const struct route routes[] = {
    {.path = "/livez", .help = "this process runs", .show = show_livez},
    {.path = "/readyz", .help = "it can do its work, or what is missing", .show = show_readyz},
    {.path = "/health", .help = "both together", .show = show_health},
    {.path = "/metrics", .help = "the whole stack, for Prometheus", .show = show_metrics},
    {.path = "/dashboard-metrics", .help = "totals as JSON", .show = show_dashboard_metrics},
    {.path = "/circuit-breaker-status", .help = "the circuit breaker as JSON", .show = show_breaker},
    {.path = "/", .help = "to the dashboard; for programs this list", .show = show_index},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static void show_index(const struct route_view *view, struct route_page *page)
{
    struct json json;

    json_init(&json, page->buffer, sizeof(page->buffer));
    json_begin_object(&json);
    put_string(&json, "name", "sluice");
    put_string(&json, "version", SLUICE_VERSION);
    if (view->dashboard_url[0])
        put_string(&json, "dashboard", view->dashboard_url);
    json_key(&json, "endpoints");
    json_begin_object(&json);
    for (unsigned i = 0; i < LANE_COUNT; i++)
        put_string(&json, lanes[i].path, "the provider's answer");
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        put_string(&json, routes[i].path, routes[i].help);
    put_string(&json, "/jobs/{id}", "a request that was answered 202, and its result");
    put_string(&json, "/admin/", "orders of operators (gateway/README.md)");
    json_end_object(&json);
    json_end_object(&json);
    finish(page, view->dashboard_url[0] ? SEE_THERE : 200, &json);
    page->location = view->dashboard_url[0] ? view->dashboard_url : NULL;
}

const struct route *route_find(struct text path)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (text_equal(path, routes[i].path))
            return &routes[i];
    }
    return NULL;
}

void route_refuse(struct httpd_exchange *exchange, int status, const char *detail, struct text request_id)
{
    char fields[RENDER_FIELDS_BYTES], body[RENDER_PROBLEM_BYTES];
    struct problem problem = problem_of_status(status);
    struct httpd_reply reply = {.status = status};

    problem.detail = detail;
    problem.request_id = request_id;
    reply.fields = render_own(fields, RENDER_PROBLEM_TYPE, request_id, &problem);
    if (status == NOT_ALLOWED)
        reply.fields = render_field(fields, reply.fields, "Allow", "GET, HEAD");
    reply.body = render_problem(body, sizeof(body), &problem);
    httpd_reply(exchange, &reply);
}

void route_show(const struct route *route, const struct route_view *view, struct httpd_exchange *exchange,
                struct text request_id)
{
    char fields[RENDER_FIELDS_BYTES];
    struct httpd_reply reply = {.status = 200};
    struct route_page page;

    page.detail = page.location = NULL;
    route->show(view, &page);
    if (!page.type) {
        route_refuse(exchange, page.status, page.detail, request_id);
        return;
    }
    reply.status = page.status;
    reply.fields = render_own(fields, page.type, request_id, NULL);
    if (page.location)
        reply.fields = render_field(fields, reply.fields, "Location", page.location);
    reply.body = page.body;
    httpd_reply(exchange, &reply);
}
