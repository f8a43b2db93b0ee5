/* gateway.c - see gateway.h. The shell: it samples the clocks, moves requests between httpd and proxy.c, arms
 * the timers, and logs. */
#include "gateway/gateway_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "gateway/admin_call.h"
#include "gateway/job_call.h"
#include "gateway/render.h"
#include "gateway/routes.h"

#define LINE_BYTES PROXY_QUERY_BYTES
#define HEAD_BYTES 16384
#define BODY_BYTES 65536
#define TICK_US    1000000

struct moment gateway_now(void)
{
    return (struct moment){.now_us = clock_now_us(), .wall_us = clock_wall_us()};
}

/* Deadlines come nearly always in order, so that the timer is armed once for many requests. */
static void arm_deadline(struct gateway *gateway, int64_t now_us)
{
    int64_t due_us = proxy_due_us(gateway->proxy), burst_us = bursts_due_us(gateway->bursts);

    due_us = burst_us < due_us ? burst_us : due_us;
    if (due_us >= gateway->deadline_us)
        return;
    gateway->deadline_us = due_us;
    loop_arm(gateway->deadline, due_us > now_us ? due_us - now_us : 0);
}

/* What makes the gateway do less than it should, and nobody else would notice: once when it begins, once when
 * it is over. */
static void tell_cache(struct gateway *gateway)
{
    const char *trouble = cache_trouble(gateway->cache);

    if (!trouble && gateway->troubled > 1)
        log_info("cache_readable", log_int("after_s", gateway->troubled));
    gateway->troubled = trouble ? gateway->troubled + 1 : 0;
    if (gateway->troubled == 2)
        log_warn("cache_unreadable", log_str("dir", gateway->config->cache_dir), log_str("why", trouble));
}

static void tell_starved(struct gateway *gateway)
{
    uint64_t starved = httpd_stats(gateway->httpd)->starved_total;

    if (starved != gateway->starved)
        log_warn("clients_not_let_in", log_int("times", (int64_t)(starved - gateway->starved)),
                 log_str("why", "memory or descriptors"));
    gateway->starved = starved;
}

static void publish(struct gateway *gateway)
{
    const struct httpd_stats *stats = httpd_stats(gateway->httpd);

    tell_starved(gateway);
#define HTTPD_STAT(id, kind, member, name, labels, help)                                                     \
    metric_set(gateway->metrics, METRIC_GATEWAY_##id, (int64_t)stats->member);
#include "common/httpd_stats.def"
#undef HTTPD_STAT
    proxy_gauge(gateway->proxy);
    bursts_gauge(gateway->bursts);
    event_totals(gateway->events);
}

static void end_when_drained(struct gateway *gateway)
{
    if (!gateway->unconnected || proxy_busy(gateway->proxy))
        return;
    gateway->unconnected = false; /* once is enough */
    audit_tick(&gateway->audit);
    publish(gateway);
    log_info("drained", log_int("requests", gateway->metrics->values[METRIC_GATEWAY_REQUESTS]));
    loop_drained(gateway->loop);
}

void gateway_settle(struct gateway *gateway, const struct moment *moment)
{
    if (gateway->closing)
        proxy_refuse_all(gateway->proxy, REASON_DRAINING, moment);
    bursts_run(gateway->bursts, moment);
    arm_deadline(gateway, moment->now_us);
    end_when_drained(gateway);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();

    (void)fd;
    (void)what;
    gateway->deadline_us = INT64_MAX;
    proxy_expire(gateway->proxy, &moment);
    gateway_settle(gateway, &moment);
}

/* What only the line tells, besides the facts. */
static void tell_decision(struct gateway *gateway, const struct decision *decision, int64_t took_us)
{
    struct audit_facts facts = {.lane = text_of(decision->lane->name),
                                .request = decision->request_id,
                                .attempt = decision->attempt,
                                .reason = decision->reason,
                                .value = took_us};

    audit_tell(&gateway->audit, decision->outcome, &facts,
               (const struct log_field[]){log_int("status", decision->status),
                                          log_str("subject", decision->subject),
                                          log_int("wait_us", decision->wait_us),
                                          log_int("upstream_us", decision->upstream_us),
                                          {.key = NULL}});
}

static void on_decided(void *arg, const struct decision *decision)
{
    struct gateway *gateway = arg;
    int64_t took_us = clock_now_us() - decision->asked_us;

    decision_count(gateway->metrics, decision, took_us);
    tell_decision(gateway, decision, took_us);
    if (decision->errand) {
        decision->errand->waiter = NULL;
        decision->errand->ended(decision->errand, decision, took_us);
    }
}

static void on_deferred(void *arg, const struct asked *asked, int64_t eta_us)
{
    struct gateway *gateway = arg;
    struct audit_facts facts = {
        .lane = text_of(asked->lane->name), .request = asked->request_id, .value = eta_us};

    audit_tell(&gateway->audit, DECISION_GATEWAY_DEFERRED, &facts,
               (const struct log_field[]){log_str("subject", asked->subject), {.key = NULL}});
}

static void on_burst_asked(void *arg, const struct visitor *visitor, const struct message_query *query,
                           const struct moment *moment)
{
    struct gateway *gateway = arg;

    bursts_asked(gateway->bursts, visitor, query, moment);
}

/* HTTP */

static void update_health(struct gateway *gateway, int64_t now_us)
{
    gateway->health.now_us = now_us;
    gateway->health.scheduler_away_us = gateway->health.scheduler_up ? 0 : now_us - gateway->link_us;
    gateway->health.metrics_fresh = feed_snapshot(&gateway->feed, now_us) != NULL;
}

static void show(struct gateway *gateway, struct httpd_exchange *exchange, const struct route *route,
                 int64_t now_us)
{
    char digits[RENDER_ID_BYTES];
    struct route_view view = {.health = &gateway->health,
                              .feed = &gateway->feed,
                              .dashboard_url = gateway->dashboard_url,
                              .now_us = now_us};

    update_health(gateway, now_us);
    route_show(route, &view, exchange, proxy_draw_id(gateway->proxy, digits));
}

static void administrate(struct gateway *gateway, struct httpd_exchange *exchange,
                         const struct http_request *request)
{
    char digits[RENDER_ID_BYTES];
    struct text request_id = proxy_draw_id(gateway->proxy, digits);
    int status = admin_request(gateway->admin, exchange, request, request_id);

    if (status == 401 || status == 403)
        audit_tell(&gateway->audit, DECISION_GATEWAY_ADMIN_REFUSED,
                   &(struct audit_facts){.request = request_id, .value = status}, NULL);
}

/* What a page of another site may send is told to its browser. */
static void answer_preflight(struct gateway *gateway, struct httpd_exchange *exchange, struct text fields,
                             const char *refusal)
{
    char digits[RENDER_ID_BYTES];

    if (fields.at)
        httpd_reply(exchange, &(struct httpd_reply){.status = 204, .fields = fields});
    else
        route_refuse(exchange, 403, refusal, proxy_draw_id(gateway->proxy, digits));
}

/* Orders: of all pages of other sites, only the dashboard's may give any. */
static void order(struct gateway *gateway, struct httpd_exchange *exchange,
                  const struct http_request *request)
{
    struct text preflight;

    httpd_exchange_also(exchange, cors_order_fields(&gateway->cors, request));
    if (cors_order_preflight(&gateway->cors, request, &preflight))
        answer_preflight(gateway, exchange, preflight, "Of all pages only the dashboard's may give orders");
    else
        administrate(gateway, exchange, request);
}

static void refuse_method(struct gateway *gateway, struct httpd_exchange *exchange)
{
    char digits[RENDER_ID_BYTES];

    route_refuse(exchange, 405, "Only GET and HEAD are allowed here", proxy_draw_id(gateway->proxy, digits));
}

/* A page of our own, or nothing. */
static void show_route(struct gateway *gateway, struct httpd_exchange *exchange,
                       const struct http_request *request, int64_t now_us)
{
    const struct route *route = route_find(request->path);
    char digits[RENDER_ID_BYTES];

    if (!route)
        route_refuse(exchange, 404, "No such path; / lists those that there are",
                     proxy_draw_id(gateway->proxy, digits));
    else if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        refuse_method(gateway, exchange);
    else
        show(gateway, exchange, route, now_us);
}

/* What comes most often comes first. */
static void on_request(void *arg, struct httpd_exchange *exchange, const struct http_request *request)
{
    const struct lane *lane = lane_at_path(request->path);
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();
    bool orders = admin_call_is(request->path);
    struct text preflight;

    if (!orders)
        httpd_exchange_also(exchange, cors_fields(&gateway->cors, request));
    if (lane && (request->method == HTTP_GET || request->method == HTTP_HEAD))
        proxy_request(gateway->proxy, exchange, request, lane, &moment);
    else if (!orders && cors_preflight(&gateway->cors, request, &preflight))
        answer_preflight(gateway, exchange, preflight, "CORS_ORIGINS does not list this origin");
    else if (lane)
        refuse_method(gateway, exchange);
    else if (job_call_is(request->path))
        proxy_job_request(gateway->proxy, exchange, request, &moment);
    else if (orders)
        order(gateway, exchange, request);
    else
        show_route(gateway, exchange, request, moment.now_us);
    gateway_settle(gateway, &moment);
}

static void on_gone(void *arg, struct httpd_exchange *exchange)
{
    struct gateway *gateway = arg;

    admin_gone(gateway->admin, exchange);
    proxy_gone(gateway->proxy, exchange);
}

static size_t on_refusal(void *arg, const struct httpd_refusal *refusal, char *buffer, size_t size,
                         const char **type)
{
    struct problem problem = problem_of_refusal(refusal->status, refusal->reason);

    (void)arg;
    problem.detail = refusal->detail;
    *type = RENDER_PROBLEM_TYPE;
    return render_problem(buffer, size, &problem).bytes;
}

/* Once a second */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();

    (void)fd;
    (void)what;
    loop_arm(gateway->tick, TICK_US);
    cache_tick(gateway->cache);
    tell_cache(gateway);
    proxy_flush(gateway->proxy, &moment);
    gateway_settle(gateway, &moment);
    audit_tick(&gateway->audit);
    publish(gateway);
    config_view_tick(&gateway->options, gateway->events);
}

/* Drain: existing connections are served as ever, and closed after their next answer. Who would still wait
 * when the time is over gets an answer before that. Jobs wait without a connection; other gateways can still
 * ask about them. */

static void on_unconnected(void *arg)
{
    struct gateway *gateway = arg;

    gateway->unconnected = true;
    end_when_drained(gateway);
}

static void on_last_call(evutil_socket_t fd, short what, void *arg)
{
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();

    (void)fd;
    (void)what;
    gateway->closing = true;
    gateway_settle(gateway, &moment);
}

static void on_drain(void *arg)
{
    struct gateway *gateway = arg;

    gateway->health.draining = true;
    proxy_drain(gateway->proxy);
    bursts_drain(gateway->bursts);
    loop_arm(gateway->last_call, gateway->config->drain_us * 3 / 4);
    httpd_drain(gateway->httpd, on_unconnected, gateway);
}

/* Birth and death */

static struct wish_rules wishes_of(const struct config *config)
{
    struct wish_rules rules = {.policy = WISH_CAP, .min_age_us = config->client_cache_min_age_us};

    if (strcmp(config->client_cache_control, "honour") == 0)
        rules.policy = WISH_HONOUR;
    else if (strcmp(config->client_cache_control, "ignore") == 0)
        rules.policy = WISH_IGNORE;
    return rules;
}

static int open_proxy(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct proxy_config setup = {
        .epoch = bus_epoch(gateway->bus),
        .client_id = config->client_id,
        .timeout_us = config->request_timeout_us,
        .wishes = wishes_of(config),
        .waiters_max = (uint32_t)config->waiters_max,
        .polls_max = (uint32_t)config->jobs_polls_max,
        .jobs_max = (uint32_t)config->jobs_max,
        .jobs_bytes_max = (size_t)config->jobs_max_mb << 20,
        .jobs_keep_us = config->jobs_keep_us,
        .metrics = gateway->metrics,
        .desk = {
            .decided = on_decided, .deferred = on_deferred, .burst_asked = on_burst_asked, .arg = gateway}};
    struct admin_config admin = {
        .token = config->admin_token, .client_id = config->client_id, .cors = &gateway->cors};
    int rc = cache_secret_load(config->state_dir, setup.secret);

    if (rc < 0) {
        log_error("cache_secret", log_str("dir", config->state_dir), log_str("why", strerror(-rc)));
        return rc;
    }
    gateway->cache = cache_open(config->cache_dir);
    setup.desk.cache = gateway->cache;
    gateway->proxy = gateway->cache ? proxy_new(&setup) : NULL;
    memcpy(admin.secret, setup.secret, sizeof(admin.secret));
    gateway->admin = admin_new(loop_base(gateway->loop), &admin);
    return gateway->proxy && gateway->admin ? 0 : -ENOMEM;
}

static int open_bursts(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct bursts_config setup = {.epoch = bus_epoch(gateway->bus),
                                  .max = (unsigned)config->bursts_max,
                                  .bytes_max = (size_t)config->bursts_max_mb << 20,
                                  .keep_us = config->bursts_keep_us,
                                  .limits = {.requests_max = (unsigned)config->burst_requests_max,
                                             .concurrency_max = (unsigned)config->burst_concurrency_max},
                                  .proxy = gateway->proxy,
                                  .metrics = gateway->metrics,
                                  .audit = &gateway->audit};

    gateway->bursts = bursts_new(&setup);
    if (!gateway->bursts)
        return -ENOMEM;
    admin_serve_bursts(gateway->admin, gateway->bursts);
    return 0;
}

static int open_httpd(struct gateway *gateway)
{
    static const struct httpd_handlers handlers = {
        .request = on_request, .gone = on_gone, .refusal = on_refusal};
    const struct config *config = gateway->config;
    struct httpd_config setup = {
        .limits = {.line_bytes = LINE_BYTES,
                   .field_bytes = LINE_BYTES,
                   .head_bytes = HEAD_BYTES,
                   .field_count = HTTP_MAX_FIELDS,
                   .body_bytes = BODY_BYTES},
        .max_connections = (unsigned)config->gateway_connections,
        .client_connections = (unsigned)config->gateway_client_connections,
        .head_timeout_us = config->client_send_us,
        .idle_timeout_us = config->client_idle_us,
        .write_timeout_us = config->client_read_us,
        .buffer_bytes = (size_t)config->client_buffers_mb << 20,
        .abort_on_fin = config->abort_on_fin,
    };
    int fd = httpd_listen(config->gateway_bind, (unsigned)config->gateway_port);
    char ready[32];

    if (fd < 0) {
        log_error("listen", log_str("bind", config->gateway_bind), log_int("port", config->gateway_port),
                  log_str("why", strerror(-fd)));
        return fd;
    }
    gateway->options = (struct config_view){.config = config, .process = FOR_GATEWAY, .port = httpd_port(fd)};
    if (gateway->options.port == 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    snprintf(ready, sizeof(ready), "port=%u", gateway->options.port);
    gateway->httpd = httpd_new(loop_base(gateway->loop), fd, &setup, &handlers, gateway);
    if (!gateway->httpd)
        return -ENOMEM;
    if (httpd_stats(gateway->httpd)->connections_max < setup.max_connections)
        log_warn("connections_limited",
                 log_int("possible", (int64_t)httpd_stats(gateway->httpd)->connections_max),
                 log_int("wanted", setup.max_connections), log_str("why", "RLIMIT_NOFILE"));
    loop_ready(gateway->loop, ready);
    return 0;
}

static int open_timers(struct gateway *gateway)
{
    struct event_base *base = loop_base(gateway->loop);

    gateway->deadline_us = INT64_MAX;
    gateway->tick = evtimer_new(base, on_tick, gateway);
    gateway->deadline = evtimer_new(base, on_deadline, gateway);
    gateway->last_call = evtimer_new(base, on_last_call, gateway);
    if (!gateway->tick || !gateway->deadline || !gateway->last_call)
        return -ENOMEM;
    loop_arm(gateway->tick, TICK_US);
    return 0;
}

static int make_dirs(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    const char *const dirs[] = {config->runtime_dir, config->state_dir, config->cache_dir};

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        int rc = config_make_dir(dirs[i]);

        if (rc < 0) {
            log_error("make_dir", log_str("dir", dirs[i]), log_str("why", strerror(-rc)));
            return rc;
        }
    }
    return 0;
}

static int judge_origins(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    struct cors cors = {.count = 0};
    struct text bad;
    int rc = cors_add_list(&cors, text_of(config->cors_origins), &bad);

    if (rc < 0)
        snprintf(error, CONFIG_ERROR_BYTES, "CORS_ORIGINS: '%.*s' is %s",
                 (int)(bad.bytes < 200 ? bad.bytes : 200), bad.at,
                 rc == -ENOSPC ? "one too many" : "no origin, such as https://app.example:8443");
    return rc;
}

int gateway_judge(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    struct url url;
    int rc = judge_origins(config, error);

    if (rc < 0)
        return rc;
    if (!httpd_address_ok(config->gateway_bind))
        snprintf(error, CONFIG_ERROR_BYTES, "GATEWAY_BIND: '%.200s' is neither an IP address nor localhost",
                 config->gateway_bind);
    else if (config->dashboard_url[0] && !url_read(text_of(config->dashboard_url), &url))
        snprintf(error, CONFIG_ERROR_BYTES,
                 "DASHBOARD_URL: '%.255s' is no http or https URL, in small letters, without user and query",
                 config->dashboard_url);
    else
        return 0;
    return -EINVAL;
}

void gateway_place_dashboard(struct gateway *gateway, unsigned port)
{
    const struct config *config = gateway->config;
    struct dashboard dashboard = {.url = config->dashboard_url, .bind = config->metricsd_bind, .port = port};

    gateway->dashboard_port = port;
    if (dashboard_place(&dashboard, gateway->dashboard_url, &gateway->cors) < 0)
        log_warn("dashboard_moved_too_often", log_int("port", (int64_t)port));
}

/* What else may read answers. */
static void know_pages(struct gateway *gateway, const struct config *config)
{
    struct text bad;

    cors_add_list(&gateway->cors, text_of(config->cors_origins), &bad); /* gateway_judge() has looked */
    gateway_place_dashboard(gateway, (unsigned)config->metricsd_port);
}

/* False when one of its parts cannot be had; then it has said which. */
static bool open_all(struct gateway *gateway)
{
    static const struct {
        const char *what;
        int (*open)(struct gateway *gateway);
    } parts[] = {
        {"directories", make_dirs},    {"timers", open_timers},
        {"links", gateway_open_links}, {"proxy", open_proxy},
        {"bursts", open_bursts},       {"listener", open_httpd}, /* last: requests come */
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int rc = parts[i].open(gateway);

        if (rc < 0) {
            log_error("start_failed", log_str("what", parts[i].what), log_str("why", strerror(-rc)));
            return false;
        }
    }
    return true;
}

struct gateway *gateway_new(struct loop *loop, const struct config *config)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));

    if (!gateway) {
        log_error("start_failed", log_str("what", "gateway"), log_str("why", strerror(ENOMEM)));
        return NULL;
    }
    gateway->config = config;
    gateway->loop = loop;
    gateway->link_us = clock_now_us();
    know_pages(gateway, config);
    if (!open_all(gateway)) {
        gateway_free(gateway);
        return NULL;
    }
    loop_on_drain(loop, on_drain, gateway);
    return gateway;
}

static void free_timer(struct event *timer)
{
    if (timer)
        event_free(timer);
}

void gateway_free(struct gateway *gateway)
{
    if (!gateway)
        return;
    httpd_free(gateway->httpd);
    proxy_free(gateway->proxy);
    bursts_free(gateway->bursts);
    admin_free(gateway->admin);
    feed_done(&gateway->feed);
    event_publisher_free(gateway->events);
    bus_free(gateway->bus);
    cache_close(gateway->cache);
    free_timer(gateway->tick);
    free_timer(gateway->deadline);
    free_timer(gateway->last_call);
    free(gateway);
}
