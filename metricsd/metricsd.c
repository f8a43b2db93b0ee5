/* metricsd.c - see metricsd.h. Here: its sockets, what it gives over HTTP, and its end. */
#include "metricsd/metricsd_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/httpd.h"
#include "common/log.h"
#include "metricsd/feed_endpoint.h"

#define TICK_SECONDS 1
#define TRIM_TICKS   5
#define TRIM_BYTES   65536 /* kept for what comes next */

static struct text give_metrics(void *arg)
{
    const struct metricsd *metricsd = arg;

    return metricsd->prometheus;
}

static struct text give_state(void *arg)
{
    struct metricsd *metricsd = arg;

    if (!metricsd->state.at && state_json_render(&metricsd->parts, clock_now_us(), metricsd->state_room,
                                                 sizeof(metricsd->state_room), &metricsd->state) < 0)
        log_error("state_too_long", log_int("bytes", sizeof(metricsd->state_room)));
    return metricsd->state;
}

static struct text give_history(void *arg, enum history_span span)
{
    struct metricsd *metricsd = arg;
    struct text *text = &metricsd->histories[span];
    char *room = metricsd->history_rooms[span];

    if (!text->at &&
        history_json_render(metricsd->history, span, room, sizeof(metricsd->history_rooms[span]), text) < 0)
        log_error("history_too_long", log_int("bytes", sizeof(metricsd->history_rooms[span])));
    return *text;
}

static struct text give_policy(void *arg)
{
    struct metricsd *metricsd = arg;

    return (struct text){.at = metricsd->policy_room,
                         .bytes = links_policy(&metricsd->links, metricsd->policy_room)};
}

static const struct web_sources sources = {
    .state = give_state, .history = give_history, .metrics = give_metrics, .policy = give_policy};

/* What has waited while this process was stopped comes all at once; the C library would keep its memory. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct metricsd *metricsd = arg;

    (void)fd;
    (void)what;
    metricsd_tick(metricsd);
    if (++metricsd->ticks % TRIM_TICKS == 0)
        malloc_trim(TRIM_BYTES);
}

static void on_drained(void *arg)
{
    struct metricsd *metricsd = arg;

    metricsd_tick(metricsd); /* whoever still listens gets the last word */
    loop_drained(metricsd->loop);
}

static void on_drain(void *arg)
{
    struct metricsd *metricsd = arg;

    web_drain(metricsd->web, on_drained, metricsd);
}

bool metricsd_complain(const char *event, const char *what, int error)
{
    log_error(event, log_str("what", what), log_str("error", strerror(error)));
    return false;
}

/* A second bind of an ipc path succeeds and steals the clients, so a second metricsd must not get so far. */
static bool take_lock(struct metricsd *metricsd, const struct config *config)
{
    char path[CONFIG_TEXT_BYTES + sizeof("/metricsd.lock")];
    int rc = config_make_dir(config->runtime_dir);

    if (rc < 0)
        return metricsd_complain("runtime_dir_failed", config->runtime_dir, -rc);
    snprintf(path, sizeof(path), "%s/metricsd.lock", config->runtime_dir);
    metricsd->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (metricsd->lock_fd < 0 || flock(metricsd->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return metricsd_complain(errno == EWOULDBLOCK ? "another_metricsd_runs" : "lock_failed", path, errno);
    return true;
}

/* What went before: processes that are gone, other metricsds among them. Without it the sums begin at
 * nothing. */
static bool open_past(struct metricsd *metricsd, const struct config *config)
{
    int rc = past_open(&metricsd->past, metricsd->store, config->runtime_dir), error;

    if (rc < 0 && rc != -ENOENT)
        log_warn("past_unknown", log_str("why", strerror(-rc)));
    metricsd->ledger =
        ledger_open(config->runtime_dir, store_kind_name(STORE_METRICSD), bus_epoch(metricsd->bus), &error);
    if (!metricsd->ledger)
        return metricsd_complain("start_failed", "ledger", ENOMEM);
    if (error < 0)
        log_warn("counts_at_risk", log_str("why", strerror(-error)));
    return true;
}

static bool open_web(struct metricsd *metricsd, const struct config *config)
{
    int fd = httpd_listen(config->metricsd_bind, (unsigned)config->metricsd_port);

    if (fd < 0)
        return metricsd_complain("listen_failed", config->metricsd_bind, -fd);
    metricsd->port = httpd_port(fd);
    if (metricsd->port == 0) {
        close(fd);
        return metricsd_complain("listen_failed", config->metricsd_bind, errno);
    }
    metricsd->web = web_new(loop_base(metricsd->loop), fd, &sources, metricsd, metricsd->stream, config);
    return metricsd->web || metricsd_complain("listen_failed", config->metricsd_bind, ENOMEM);
}

static int judge_link(const char *name, const char *value, char error[CONFIG_ERROR_BYTES])
{
    struct url url;

    if (!value[0] || url_read(text_of(value), &url))
        return 0;
    snprintf(error, CONFIG_ERROR_BYTES,
             "%s: '%.255s' is no http or https URL, in small letters, without user and query", name, value);
    return -EINVAL;
}

int metricsd_judge(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    int rc = -EINVAL;

    if (httpd_address_ok(config->metricsd_bind))
        rc = metricsd_judge_feed(config, error);
    else
        snprintf(error, CONFIG_ERROR_BYTES, "METRICSD_BIND: '%.200s' is neither an IP address nor localhost",
                 config->metricsd_bind);
    if (rc == 0)
        rc = judge_link("GATEWAY_URL", config->gateway_url, error);
    return rc < 0 ? rc : judge_link("SIMULATOR_URL", config->simulator_url, error);
}

static bool open_events(struct metricsd *metricsd, const struct config *config)
{
    static const char *const topics[] = {"", NULL};
    char endpoint[CONFIG_ENDPOINT_BYTES];

    config_endpoint(config, "events", endpoint);
    metricsd->events = bus_subscribe_bind(metricsd->bus, endpoint, topics, metricsd_hear, metricsd);
    return metricsd->events || metricsd_complain("bind_failed", endpoint, errno);
}

static bool start_tick(struct metricsd *metricsd)
{
    static const struct timeval interval = {.tv_sec = TICK_SECONDS};

    snapshot_init(&metricsd->snapshot);
    metricsd->snapshot.port = metricsd->port;
    metricsd->started_at_us = clock_now_us();
    metricsd->tick = event_new(loop_base(metricsd->loop), -1, EV_PERSIST, on_tick, metricsd);
    if (!metricsd->tick || event_add(metricsd->tick, &interval) < 0)
        return metricsd_complain("start_failed", "timer", ENOMEM);
    metricsd_tick(metricsd);
    return true;
}

/* As the others tell theirs, but by a shorter way. They stay what they are. */
static void tell_options(struct metricsd *metricsd, const struct config *config)
{
    struct message_view message = {.process = text_of(store_kind_name(STORE_METRICSD)),
                                   .name = text_of(CONFIG_VIEW_NAME)};
    struct config_view view = {.config = config, .process = FOR_METRICSD, .port = metricsd->port};
    char room[CONFIG_VIEW_BYTES];
    struct text text;

    if (config_view_render(&view, room, sizeof(room), &text) == 0)
        views_add(metricsd->views, metricsd->store, bus_epoch(metricsd->bus), &message, text, clock_now_us());
}

static bool make_stores(struct metricsd *metricsd)
{
    metricsd->store = store_new(clock_now_us());
    metricsd->windows = windows_new();
    metricsd->history = history_new();
    metricsd->slots = slots_new();
    metricsd->views = views_new();
    metricsd->parts = (struct state_parts){.epoch = bus_epoch(metricsd->bus),
                                           .store = metricsd->store,
                                           .snapshot = &metricsd->snapshot,
                                           .windows = metricsd->windows,
                                           .slots = metricsd->slots,
                                           .views = metricsd->views,
                                           .links = &metricsd->links,
                                           .history = metricsd->history};
    return metricsd->store && metricsd->windows && metricsd->history && metricsd->slots && metricsd->views;
}

/* Events are bound last: until then nobody's are taken, so none are taken and not shown. */
static bool start(struct metricsd *metricsd, const struct config *config)
{
    char details[FEED_ENDPOINT_BYTES + 64];

    metricsd->bus = bus_new(loop_base(metricsd->loop));
    metricsd->stream = stream_new(loop_base(metricsd->loop), (unsigned)config->streams_max, &metricsd->parts);
    if (!metricsd->bus || !metricsd->stream || !make_stores(metricsd))
        return metricsd_complain("start_failed", "memory or descriptors", ENOMEM);
    if (!take_lock(metricsd, config) || !open_past(metricsd, config) ||
        !metricsd_open_feed(metricsd, config) || !open_web(metricsd, config) ||
        !open_events(metricsd, config) || !start_tick(metricsd))
        return false;
    tell_options(metricsd, config);
    loop_on_drain(metricsd->loop, on_drain, metricsd);
    snprintf(details, sizeof(details), "port=%u feed=%s", metricsd->port,
             bus_endpoint(metricsd->world ? metricsd->world : metricsd->local));
    loop_ready(metricsd->loop, details);
    return true;
}

struct metricsd *metricsd_new(struct loop *loop, const struct config *config)
{
    struct metricsd *metricsd = calloc(1, sizeof(*metricsd));

    if (!metricsd) {
        metricsd_complain("start_failed", "memory", ENOMEM);
        return NULL;
    }
    metricsd->loop = loop;
    metricsd->lock_fd = -1;
    links_init(&metricsd->links, config->gateway_url, config->simulator_url);
    if (!start(metricsd, config)) {
        metricsd_free(metricsd);
        return NULL;
    }
    return metricsd;
}

void metricsd_free(struct metricsd *metricsd)
{
    if (!metricsd)
        return;
    if (metricsd->tick)
        event_free(metricsd->tick);
    web_free(metricsd->web);
    stream_free(metricsd->stream);
    bus_free(metricsd->bus);
    feed_guard_free(metricsd->guard);
    views_free(metricsd->views);
    slots_free(metricsd->slots);
    history_free(metricsd->history);
    windows_free(metricsd->windows);
    store_free(metricsd->store);
    ledger_close(metricsd->ledger);
    if (metricsd->lock_fd >= 0)
        close(metricsd->lock_fd);
    free(metricsd);
}
