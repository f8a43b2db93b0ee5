/* metricsd.c - see metricsd.h. Here: the sockets, what comes in by them, and the tick of once a second, which
 * alone renders. */
#include "metricsd/metricsd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/httpd.h"
#include "common/log.h"
#include "metricsd/feed_endpoint.h"
#include "metricsd/feed_guard.h"
#include "metricsd/past.h"
#include "metricsd/prometheus.h"
#include "metricsd/savings.h"
#include "metricsd/snapshot.h"
#include "metricsd/state_json.h"
#include "metricsd/web.h"

#define TICK_SECONDS 1

struct metricsd {
    struct loop *loop;
    int lock_fd;
    struct bus *bus;
    struct bus_socket *events, *world, *local; /* world: FEED_ENDPOINT; local: for the gateways */
    struct feed_guard *guard;                  /* of world; NULL: whoever reaches it may read */
    struct web *web;
    struct event *tick;
    struct store *store;
    struct past past;
    int past_logged;       /* what was last said about it */
    struct ledger *ledger; /* of metricsd itself */
    int64_t started_at_us;
    uint64_t feed_seq;      /* events and snapshots put on the feed */
    uint64_t strange_total; /* messages that are not for us */
    int64_t bad_logged;
    struct feed_guard_view guard_logged;
    uint64_t starts_logged[STORE_KINDS];
    unsigned up_logged[STORE_KINDS];
    /* As of the last tick: */
    struct metrics sum;
    struct snapshot snapshot;
    struct text prometheus;
    struct text state; /* rendered when first asked for; at == NULL: not since the last tick */
    char prometheus_room[PROMETHEUS_BYTES];
    char state_room[STATE_JSON_BYTES];
};

static void post(struct metricsd *metricsd, const char *topic, struct message *message, struct bus_body *body)
{
    bus_post(metricsd->local, topic, message, body);
    if (metricsd->world)
        bus_post(metricsd->world, topic, message, body);
}

/* The topic is made anew: a topic that does not say what the message is would mislead subscribers. */
static void pass_on(struct metricsd *metricsd, const struct message *message)
{
    char topic[sizeof("event..") + 2 * MESSAGE_LABEL_BYTES];
    struct message copy = *message;

    copy.to = 0;
    snprintf(topic, sizeof(topic), "event.%.*s.%.*s", TEXT_ARGS(message->event.process),
             TEXT_ARGS(message->event.name));
    metricsd->feed_seq++;
    post(metricsd, topic, &copy, NULL);
}

static void on_message(void *arg, struct text topic, const struct message *message, struct bus_body *body)
{
    struct metricsd *metricsd = arg;
    int64_t now_us = clock_now_us();

    (void)topic;
    (void)body;
    if (message->type == MESSAGE_TYPE_event) {
        if (store_add_event(metricsd->store, now_us, message->from, &message->event) == 0)
            pass_on(metricsd, message);
    } else if (message->type == MESSAGE_TYPE_totals) {
        store_add_totals(metricsd->store, now_us, message->from, &message->totals);
    } else if (message->type == MESSAGE_TYPE_distribution) {
        store_add_distribution(metricsd->store, now_us, message->from, &message->distribution);
    } else {
        metricsd->strange_total++;
    }
}

static int64_t own_value(const struct metricsd *metricsd, enum metric metric, int64_t now_us)
{
    struct store_counts counts = store_counts(metricsd->store);
    uint64_t sum = 0;

    switch (metric) {
    case METRIC_METRICSD_EVENTS:
        return (int64_t)counts.events;
    case METRIC_METRICSD_GAPS:
        return (int64_t)counts.lost;
    case METRIC_METRICSD_BAD:
        return (int64_t)(bus_stats(metricsd->events)->bad_total + counts.bad + metricsd->strange_total);
    case METRIC_METRICSD_UNKNOWN:
        return (int64_t)counts.unknown;
    case METRIC_METRICSD_REFUSED:
        return (int64_t)counts.refused;
    case METRIC_METRICSD_PROCESSES:
        for (int i = 0; i < STORE_KINDS; i++)
            sum += store_kind_up(metricsd->store, (enum store_kind)i, now_us);
        return (int64_t)sum;
    case METRIC_METRICSD_FEED:
        return (int64_t)metricsd->feed_seq;
    case METRIC_METRICSD_FEED_REFUSED:
        return metricsd->guard ? (int64_t)feed_guard_view(metricsd->guard).refused : 0;
    case METRIC_METRICSD_FEED_DROPPED:
        sum = bus_stats(metricsd->local)->dropped_total;
        return (int64_t)(sum + (metricsd->world ? bus_stats(metricsd->world)->dropped_total : 0));
    default:
        return 0;
    }
}

/* metricsd is a process like the others; its totals only have a shorter way. */
static void add_own(struct metricsd *metricsd, int64_t now_us)
{
    struct metrics *metrics = &ledger_counts(metricsd->ledger)->metrics;
    struct message_pair pairs[METRIC_COUNT];
    struct message_totals totals = {.process = text_of(store_kind_name(STORE_METRICSD)),
                                    .pid = (uint64_t)getpid(),
                                    .uptime_us = now_us - metricsd->started_at_us};

    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = metric_spec((enum metric)i);

        if (!text_equal(totals.process, spec->process))
            continue;
        metrics->values[i] = own_value(metricsd, (enum metric)i, now_us);
        pairs[totals.values.count++] = (struct message_pair){text_of(spec->key), metrics->values[i]};
    }
    totals.values.items = pairs;
    store_add_totals(metricsd->store, now_us, bus_epoch(metricsd->bus), &totals);
}

static void log_guard(struct metricsd *metricsd)
{
    const struct feed_guard_view now = feed_guard_view(metricsd->guard), *before = &metricsd->guard_logged;

    if (now.error != before->error && now.error < 0)
        log_error("feed_clients_unreadable", log_str("why", strerror(-now.error)));
    if (now.clients != before->clients || now.bad != before->bad)
        log_info("feed_clients", log_int("keys", now.clients), log_int("bad_files", now.bad));
    if (now.refused != before->refused)
        log_warn("feed_client_refused", log_int("more", (int64_t)(now.refused - before->refused)),
                 log_int("total", (int64_t)now.refused), log_str("last_from", now.whence));
    metricsd->guard_logged = now;
}

/* What has changed since the last tick, in a line each at most: a flood must not flood the log. */
static void log_changes(struct metricsd *metricsd, int64_t now_us)
{
    int64_t bad = own_value(metricsd, METRIC_METRICSD_BAD, now_us);

    for (int i = 0; i < STORE_KINDS; i++) {
        uint64_t starts = store_kind_starts(metricsd->store, (enum store_kind)i);
        unsigned up = store_kind_up(metricsd->store, (enum store_kind)i, now_us);

        if (starts != metricsd->starts_logged[i] || up != metricsd->up_logged[i])
            log_info("processes", log_str("kind", store_kind_name((enum store_kind)i)), log_int("up", up),
                     log_int("starts", (int64_t)starts));
        metricsd->starts_logged[i] = starts;
        metricsd->up_logged[i] = up;
    }
    if (bad != metricsd->bad_logged)
        log_warn("bad_messages", log_int("more", bad - metricsd->bad_logged), log_int("total", bad));
    metricsd->bad_logged = bad;
    if (metricsd->guard)
        log_guard(metricsd);
}

static void remember_the_gone(struct metricsd *metricsd, int64_t now_us)
{
    int rc = past_walk(&metricsd->past, now_us);

    if (rc < 0 && rc != metricsd->past_logged)
        log_error("past_at_risk", log_str("why", strerror(-rc)));
    metricsd->past_logged = rc;
}

static void post_exposition(struct metricsd *metricsd)
{
    struct message message = {.type = MESSAGE_TYPE_exposition, .exposition = {.seq = metricsd->feed_seq}};
    struct bus_body *body = bus_body_new(metricsd->prometheus);

    if (body)
        post(metricsd, "exposition", &message, body);
    bus_body_free(body);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    int64_t now_us = clock_now_us(), wall_us = clock_wall_us();
    struct metricsd *metricsd = arg;
    struct message message;
    int rc;

    (void)fd;
    (void)what;
    metricsd->feed_seq++; /* the snapshot that is being made */
    remember_the_gone(metricsd, now_us);
    add_own(metricsd, now_us);
    log_changes(metricsd, now_us);
    store_sum(metricsd->store, now_us, &metricsd->sum);
    savings_derive(&metricsd->sum);
    metricsd->snapshot.seq = metricsd->feed_seq;
    metricsd->snapshot.at_us = wall_us;
    snapshot_fill(&metricsd->snapshot, metricsd->store, &metricsd->sum, now_us);
    message = snapshot_message(&metricsd->snapshot);
    post(metricsd, "snapshot", &message, NULL);
    rc = prometheus_render(metricsd->store, &metricsd->sum, now_us, wall_us, metricsd->prometheus_room,
                           sizeof(metricsd->prometheus_room), &metricsd->prometheus);
    if (rc < 0)
        log_error("exposition_too_long", log_int("bytes", sizeof(metricsd->prometheus_room)));
    else
        post_exposition(metricsd);
    metricsd->state = (struct text){.at = NULL};
}

static struct text give_metrics(void *arg)
{
    const struct metricsd *metricsd = arg;

    return metricsd->prometheus;
}

static struct text give_state(void *arg)
{
    struct metricsd *metricsd = arg;

    if (!metricsd->state.at &&
        state_json_render(metricsd->store, &metricsd->snapshot, clock_now_us(), metricsd->state_room,
                          sizeof(metricsd->state_room), &metricsd->state) < 0)
        log_error("state_too_long", log_int("bytes", sizeof(metricsd->state_room)));
    return metricsd->state;
}

static const struct web_sources sources = {.state = give_state, .metrics = give_metrics};

static void on_drained(void *arg)
{
    struct metricsd *metricsd = arg;

    on_tick(-1, 0, metricsd); /* whoever still listens gets the last word */
    loop_drained(metricsd->loop);
}

static void on_drain(void *arg)
{
    struct metricsd *metricsd = arg;

    web_drain(metricsd->web, on_drained, metricsd);
}

static bool complain(const char *event, const char *what, int error)
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
        return complain("runtime_dir_failed", config->runtime_dir, -rc);
    snprintf(path, sizeof(path), "%s/metricsd.lock", config->runtime_dir);
    metricsd->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (metricsd->lock_fd < 0 || flock(metricsd->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return complain(errno == EWOULDBLOCK ? "another_metricsd_runs" : "lock_failed", path, errno);
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
        return complain("start_failed", "ledger", ENOMEM);
    if (error < 0)
        log_warn("counts_at_risk", log_str("why", strerror(-error)));
    return true;
}

static bool open_web(struct metricsd *metricsd, const struct config *config, unsigned *port)
{
    int fd = httpd_listen(config->metricsd_bind, (unsigned)config->metricsd_port);

    if (fd < 0)
        return complain("listen_failed", config->metricsd_bind, -fd);
    *port = httpd_port(fd);
    metricsd->web = web_new(loop_base(metricsd->loop), fd, &sources, metricsd);
    return metricsd->web || complain("listen_failed", config->metricsd_bind, ENOMEM);
}

static bool is_folder(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISDIR(file.st_mode) && access(path, R_OK | X_OK) == 0;
}

static int judge_feed(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    bool cert = config->feed_curve_cert[0], clients = config->feed_curve_clients[0];
    char endpoint[FEED_ENDPOINT_BYTES];
    int reach = feed_endpoint(config->feed_endpoint, endpoint);
    uint8_t key[BUS_KEY_BYTES];

    if (reach < 0)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "FEED_ENDPOINT: '%.200s' is not of the form ipc://PATH or tcp://ADDRESS:PORT",
                 config->feed_endpoint);
    else if (cert != clients)
        snprintf(error, CONFIG_ERROR_BYTES, "%s: needed where %s is set",
                 cert ? "FEED_CURVE_CLIENTS" : "FEED_CURVE_CERT",
                 cert ? "FEED_CURVE_CERT" : "FEED_CURVE_CLIENTS");
    else if (reach == FEED_WORLD && !cert)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "FEED_ENDPOINT: '%.200s' can be reached from other hosts: set FEED_CURVE_CERT and "
                 "FEED_CURVE_CLIENTS (deploy/keys makes keys), or take a loopback address",
                 config->feed_endpoint);
    else if (reach == FEED_IPC && cert)
        snprintf(error, CONFIG_ERROR_BYTES,
                 "FEED_CURVE_CERT: '%.200s' of FEED_ENDPOINT is not encrypted; only tcp is",
                 config->feed_endpoint);
    else if (clients && !is_folder(config->feed_curve_clients))
        snprintf(error, CONFIG_ERROR_BYTES, "FEED_CURVE_CLIENTS: '%.250s' is no folder that can be read",
                 config->feed_curve_clients);
    else
        return cert ? feed_guard_secret(config->feed_curve_cert, key, error) : 0;
    return -EINVAL;
}

int metricsd_judge(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    if (httpd_address_ok(config->metricsd_bind))
        return judge_feed(config, error);
    snprintf(error, CONFIG_ERROR_BYTES, "METRICSD_BIND: '%.200s' is neither an IP address nor localhost",
             config->metricsd_bind);
    return -EINVAL;
}

/* The guard is there first: libzmq asks it, and no feed has to do without. */
static struct bus_socket *open_guarded(struct metricsd *metricsd, const struct config *config,
                                       const char *endpoint)
{
    char error[CONFIG_ERROR_BYTES];
    uint8_t key[BUS_KEY_BYTES];
    struct bus_socket *socket = NULL;

    metricsd->guard = feed_guard_new(config->feed_curve_clients);
    errno = ENOMEM;
    if (metricsd->guard && bus_guard_start(metricsd->bus, feed_guard_admits, metricsd->guard)) {
        errno = EINVAL; /* it has changed since it was judged */
        if (feed_guard_secret(config->feed_curve_cert, key, error) == 0)
            socket = bus_publish_guarded(metricsd->bus, endpoint, key);
    }
    sodium_memzero(key, sizeof(key));
    return socket;
}

static bool open_feed(struct metricsd *metricsd, const struct config *config)
{
    char endpoint[FEED_ENDPOINT_BYTES], local[CONFIG_ENDPOINT_BYTES];

    if (feed_endpoint(config->feed_endpoint, endpoint) < 0)
        return complain("bad_option", "FEED_ENDPOINT", EINVAL);
    config_endpoint(config, "feed", local);
    metricsd->local = bus_publish_bind(metricsd->bus, local);
    if (!metricsd->local)
        return complain("bind_failed", local, errno);
    if (strcmp(endpoint, local) == 0)
        return true;
    metricsd->world = config->feed_curve_cert[0] ? open_guarded(metricsd, config, endpoint)
                                                 : bus_publish_bind(metricsd->bus, endpoint);
    return metricsd->world || complain("bind_failed", endpoint, errno);
}

static bool open_events(struct metricsd *metricsd, const struct config *config)
{
    static const char *const topics[] = {"", NULL};
    char endpoint[CONFIG_ENDPOINT_BYTES];

    config_endpoint(config, "events", endpoint);
    metricsd->events = bus_subscribe_bind(metricsd->bus, endpoint, topics, on_message, metricsd);
    return metricsd->events || complain("bind_failed", endpoint, errno);
}

static bool start_tick(struct metricsd *metricsd)
{
    static const struct timeval interval = {.tv_sec = TICK_SECONDS};

    snapshot_init(&metricsd->snapshot);
    metricsd->started_at_us = clock_now_us();
    metricsd->tick = event_new(loop_base(metricsd->loop), -1, EV_PERSIST, on_tick, metricsd);
    if (!metricsd->tick || event_add(metricsd->tick, &interval) < 0)
        return complain("start_failed", "timer", ENOMEM);
    on_tick(-1, 0, metricsd);
    return true;
}

/* Events are bound last: until then nobody's are taken, so none are taken and not shown. */
static bool start(struct metricsd *metricsd, const struct config *config)
{
    char details[FEED_ENDPOINT_BYTES + 64];
    unsigned port = 0;

    metricsd->store = store_new();
    metricsd->bus = bus_new(loop_base(metricsd->loop));
    if (!metricsd->store || !metricsd->bus)
        return complain("start_failed", "memory or descriptors", ENOMEM);
    if (!take_lock(metricsd, config) || !open_past(metricsd, config) || !open_feed(metricsd, config) ||
        !open_web(metricsd, config, &port) || !open_events(metricsd, config) || !start_tick(metricsd))
        return false;
    loop_on_drain(metricsd->loop, on_drain, metricsd);
    snprintf(details, sizeof(details), "port=%u feed=%s", port,
             bus_endpoint(metricsd->world ? metricsd->world : metricsd->local));
    loop_ready(metricsd->loop, details);
    return true;
}

struct metricsd *metricsd_new(struct loop *loop, const struct config *config)
{
    struct metricsd *metricsd = calloc(1, sizeof(*metricsd));

    if (!metricsd) {
        complain("start_failed", "memory", ENOMEM);
        return NULL;
    }
    metricsd->loop = loop;
    metricsd->lock_fd = -1;
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
    bus_free(metricsd->bus);
    feed_guard_free(metricsd->guard);
    store_free(metricsd->store);
    ledger_close(metricsd->ledger);
    if (metricsd->lock_fd >= 0)
        close(metricsd->lock_fd);
    free(metricsd);
}
