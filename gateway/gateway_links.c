/* gateway_links.c - what the scheduler and metricsd say to the gateway, and the sockets on which they do. */
#include <errno.h>

#include "common/clock.h"
#include "gateway/gateway_inside.h"

static void link_changed(struct gateway *gateway, bool up, int64_t now_us)
{
    gateway->health.scheduler_up = up;
    gateway->link_us = now_us;
    metric_set(gateway->metrics, METRIC_GATEWAY_LINK_UP, up ? 1 : 0);
}

static void on_up(void *arg, uint64_t peer, struct text role)
{
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();

    (void)role;
    audit_tell(&gateway->audit, DECISION_GATEWAY_SCHEDULER_UP, &(struct audit_facts){.value = 0},
               (const struct log_field[]){log_hex("epoch", peer), {.key = NULL}});
    link_changed(gateway, true, moment.now_us);
    proxy_up(gateway->proxy, gateway->link, peer, &moment);
    admin_up(gateway->admin, gateway->link, peer);
}

static void on_down(void *arg, uint64_t peer, const char *why)
{
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();

    audit_tell(&gateway->audit, DECISION_GATEWAY_SCHEDULER_DOWN, &(struct audit_facts){.note = text_of(why)},
               (const struct log_field[]){log_hex("epoch", peer), {.key = NULL}});
    link_changed(gateway, false, moment.now_us);
    proxy_down(gateway->proxy, &moment);
    admin_down(gateway->admin);
}

static void on_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct gateway *gateway = arg;
    struct moment moment;

    (void)peer;
    if (message->type == MESSAGE_TYPE_state) {
        health_lane_update(&gateway->health, &message->state, clock_now_us());
        return;
    }
    if (message->type == MESSAGE_TYPE_control_result ||
        (message->type == MESSAGE_TYPE_answer && !(message->answer.id & PROXY_QUERY))) {
        admin_message(gateway->admin, message, body);
        return;
    }
    moment = gateway_now();
    proxy_message(gateway->proxy, message, body, &moment);
    gateway_settle(gateway, &moment);
}

static void on_writable(void *arg, uint64_t peer)
{
    struct gateway *gateway = arg;
    struct moment moment = gateway_now();

    (void)peer;
    proxy_flush(gateway->proxy, &moment);
}

static void on_bad(void *arg, uint64_t peer, int error)
{
    (void)arg;
    log_warn("bad_message", log_hex("epoch", peer), log_int("error", error));
}

static void on_feed(void *arg, struct text topic, const struct message *message, struct bus_body *body)
{
    struct gateway *gateway = arg;

    (void)topic;
    feed_take(&gateway->feed, message, body, clock_now_us());
    if (!gateway->config->dashboard_url[0] && gateway->feed.port != 0 &&
        gateway->feed.port != gateway->dashboard_port)
        gateway_place_dashboard(gateway, gateway->feed.port);
}

int gateway_open_links(struct gateway *gateway)
{
    static const struct bus_link_handlers handlers = {
        .up = on_up, .down = on_down, .message = on_message, .writable = on_writable, .bad = on_bad};
    static const char *const topics[] = {"snapshot", "exposition", NULL};
    char endpoint[CONFIG_ENDPOINT_BYTES];

    gateway->bus = bus_new(loop_base(gateway->loop));
    if (!gateway->bus)
        return -ENOMEM;
    gateway->events = event_publisher_new(gateway->bus, gateway->config, "gateway");
    if (!gateway->events)
        return -errno;
    gateway->metrics = event_metrics(gateway->events);
    if (event_degraded(gateway->events) < 0)
        log_warn("counts_at_risk", log_str("why", strerror(-event_degraded(gateway->events))));
    gateway->audit = (struct audit){.events = gateway->events, .left_out = DECISION_GATEWAY_LEFT_OUT};
    config_endpoint(gateway->config, "feed", endpoint);
    if (!bus_subscribe_connect(gateway->bus, endpoint, topics, on_feed, gateway))
        return -errno;
    config_endpoint(gateway->config, "gateways", endpoint);
    gateway->link = bus_connect(gateway->bus, endpoint, "gateway", &handlers, gateway);
    return gateway->link ? 0 : -errno;
}
