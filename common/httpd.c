/* httpd.c - see httpd.h. Here: the listener, the timer that ends what takes too long, turns, drain. */
#include "common/httpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/httpd_internal.h"
#include "common/loop.h"

#define ACCEPT_BATCH    4 /* small, so that the gateways of a stack share a storm of connections */
#define BACKLOG_BATCHES 1024
#define REFUSED_AT_ONCE 64 /* connections beyond the limits that still get their 503 */
#define EXPIRED_AT_ONCE 1  /* connection of a state, before others get their turn: some 50 us */
#define IDLE_ENOUGH_US  1000000
#define SOCKET_BYTES    (128 * 1024)
#define UNSENT_BYTES    (16 * 1024)
#define KEPT_AT_LEAST   64 /* descriptors that no client gets */
#define MAX_TICK_US     250000
#define MIN_TICK_US     1000

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void httpd_turn_soon(struct httpd *httpd)
{
    loop_arm(httpd->turn_event, 0);
}

/* Until somebody's time is over, but MIN_TICK_US at least and httpd->tick_us at most. */
static int64_t tick_us(const struct httpd *httpd)
{
    int64_t wait_us = httpd->tick_us;

    for (unsigned state = 0; state < CONNECTION_STATES; state++) {
        const struct httpd_exchange *first = TAILQ_FIRST(&httpd->lists[state]);

        if (first && httpd->timeouts_us[state])
            wait_us = least(wait_us, first->deadline_us - httpd->now_us);
    }
    return wait_us < MIN_TICK_US ? MIN_TICK_US : wait_us;
}

/* Four ticks within the shortest time limit at least, so that none is exceeded by more than a quarter; more
 * where many are late, so that a crowd is not ended all at once. The timer rests when there is nothing to
 * watch. */
static void tick_start(struct httpd *httpd)
{
    int64_t wall_s = clock_wall_us() / US_PER_SECOND;

    if (wall_s != httpd->date_second) {
        httpd->date_second = wall_s;
        http_date(wall_s, httpd->date);
    }
    loop_arm(httpd->tick_event, tick_us(httpd));
}

/* It lasts where it cannot be ended: the next tick tries again. */
static void accept_pause(struct httpd *httpd, bool pause)
{
    if (pause)
        event_del(httpd->accept_event);
    httpd->accept_paused = pause || event_add(httpd->accept_event, NULL) < 0;
}

/* The one that has idled for longest gives its place up: its client asks again on another connection, if it
 * has to (RFC 9112, 9.3.1). Not who has idled only for a moment, or else a flood would end everybody. */
static bool make_room(struct httpd *httpd)
{
    struct httpd_exchange *idle = TAILQ_FIRST(&httpd->lists[CONNECTION_IDLE]);
    char byte;

    if (!idle || idle->is_ready ||
        idle->deadline_us - httpd->timeouts_us[CONNECTION_IDLE] > httpd->now_us - IDLE_ENOUGH_US ||
        recv(event_get_fd(&idle->event), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
        return false;
    httpd->stats.evicted_total++;
    connection_abandon(idle);
    connection_free(idle);
    return true;
}

/* Those that are refused have places of their own, so that a crowd of them takes none from others. */
static void turn_away(struct httpd *httpd, int fd, const struct httpd_refusal *refusal)
{
    struct httpd_exchange *connection;

    if (httpd->refused_count >= REFUSED_AT_ONCE) {
        close(fd);
        return;
    }
    connection = connection_new(httpd, fd, NULL);
    if (connection)
        connection_refuse(connection, refusal);
}

static void take(struct httpd *httpd, int fd, uint64_t client)
{
    static const struct httpd_refusal full = {503, "connections_full", "there are too many connections"};
    static const struct httpd_refusal hogged = {503, "client_connections",
                                                "this client has too many connections"};
    struct address *address = addresses_enter(httpd->addresses, client);

    if (!evtimer_pending(httpd->tick_event, NULL))
        tick_start(httpd);
    if (!address) {
        httpd->stats.starved_total++;
        close(fd);
    } else if (address_connections(address) > httpd->config.client_connections) {
        addresses_leave(httpd->addresses, address);
        httpd->stats.client_connections_total++;
        turn_away(httpd, fd, &hogged);
    } else if (httpd->stats.connections >= httpd->config.max_connections && !make_room(httpd)) {
        addresses_leave(httpd->addresses, address);
        httpd->stats.connections_full_total++;
        turn_away(httpd, fd, &full);
    } else if (!connection_new(httpd, fd, address)) {
        httpd->stats.starved_total++;
    }
}

/* Another process may have been faster (the listener is shared, and libevent has no EPOLLEXCLUSIVE), a client
 * may have left again: neither is an error. Returns whether there may be more. */
static bool accept_some(struct httpd *httpd)
{
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        uint64_t client;
        int fd = httpd_accept(httpd->listen_fd, &client);

        if (fd >= 0) {
            take(httpd, fd, client);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* Out of descriptors: a level-triggered listener would spin. New clients wait in the backlog,
             * where another process can take them, until the next tick. */
            httpd->stats.starved_total++;
            accept_pause(httpd, true);
            if (!evtimer_pending(httpd->tick_event, NULL))
                tick_start(httpd);
            return false;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return false;
        }
    }
    return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct httpd *httpd = arg;

    (void)fd;
    (void)what;
    httpd->now_us = clock_now_us();
    accept_some(httpd);
}

static void expire_one(struct httpd *httpd, struct httpd_exchange *connection)
{
    switch (connection->state) {
    case CONNECTION_HEAD:
        httpd->stats.slow_senders_total++;
        connection_refuse(
            connection, &(struct httpd_refusal){.status = 408, .detail = "the request did not come in time"});
        return;
    case CONNECTION_HELD:
        httpd->stats.slow_readers_total++;
        httpd_stream_cut(connection);
        return;
    case CONNECTION_WRITING:
        httpd->stats.slow_readers_total++;
        connection_abandon(connection);
        break;
    case CONNECTION_IDLE:
        httpd->stats.idle_total++;
        connection_abandon(connection);
        break;
    default:
        break;
    }
    connection_free(connection);
}

/* Returns whether there may be more: who came in a crowd is ended in one, and others have their turns in
 * between. */
static bool expire(struct httpd *httpd, enum connection_state state)
{
    unsigned left = EXPIRED_AT_ONCE;
    struct httpd_exchange *first;

    while ((first = TAILQ_FIRST(&httpd->lists[state])) != NULL && first->deadline_us <= httpd->now_us &&
           left--)
        expire_one(httpd, first);
    return first && first->deadline_us <= httpd->now_us;
}

/* Connections that have nothing to finish: those that never had a request get time to send one, since their
 * client has only just been let in. */
static void end_idle(struct httpd *httpd, bool young_too)
{
    struct httpd_exchange *next;
    char byte;

    for (struct httpd_exchange *each = TAILQ_FIRST(&httpd->lists[CONNECTION_IDLE]); each; each = next) {
        next = TAILQ_NEXT(each, link);
        if (!each->is_ready && (each->is_old || young_too) &&
            recv(event_get_fd(&each->event), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
            connection_end_idle(each);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval next_round = {0, 0};
    struct httpd *httpd = arg;
    bool more = false;

    (void)fd;
    (void)what;
    httpd->now_us = clock_now_us();
    for (unsigned state = 0; state < CONNECTION_STATES; state++) {
        if (httpd->timeouts_us[state])
            more = expire(httpd, (enum connection_state)state) || more;
    }
    if (httpd->draining && httpd->now_us >= httpd->drain_us + HTTPD_LINGER_US)
        end_idle(httpd, true);
    if (httpd->accept_paused)
        accept_pause(httpd, false);
    if (httpd_connected(httpd) || httpd->accept_paused)
        tick_start(httpd);
    if (more)
        event_add(httpd->tick_event, &next_round);
}

/* One batch for each connection that has bytes to parse; those that still have some come in the next round,
 * after the others' events. Nothing may follow done(): it may free us. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct httpd *httpd = arg;
    void (*done)(void *) = httpd->done;

    (void)fd;
    (void)what;
    httpd->now_us = clock_now_us();
    for (unsigned count = httpd->ready_count; count && httpd->ready_count; count--) {
        struct httpd_exchange *first = TAILQ_FIRST(&httpd->ready);

        TAILQ_REMOVE(&httpd->ready, first, ready);
        httpd->ready_count--;
        first->is_ready = false;
        connection_resume(first);
    }
    if (httpd->draining && !httpd_connected(httpd) && done) {
        httpd->done = NULL;
        done(httpd->done_arg);
    }
}

/* The process needs some descriptors itself: for its peers when they come back, and for files. */
static unsigned connections_max(unsigned wanted)
{
    rlim_t kept = KEPT_AT_LEAST + REFUSED_AT_ONCE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted + kept)
        return wanted;
    return limit.rlim_cur > kept ? (unsigned)(limit.rlim_cur - kept) : 1;
}

static void limits_set(struct httpd *httpd, const struct httpd_config *config)
{
    const struct http_limits *limits = &config->limits;
    int64_t shortest = least(config->head_timeout_us, config->idle_timeout_us);

    httpd->config = *config;
    httpd->config.max_connections = connections_max(config->max_connections);
    if (!config->client_connections)
        httpd->config.client_connections = httpd->config.max_connections - httpd->config.max_connections / 4;
    httpd->stats.connections_max = httpd->config.max_connections;
    httpd->stats.client_connections_max = httpd->config.client_connections;
    httpd->timeouts_us[CONNECTION_IDLE] = config->idle_timeout_us;
    httpd->timeouts_us[CONNECTION_HEAD] = config->head_timeout_us;
    httpd->timeouts_us[CONNECTION_WRITING] = config->write_timeout_us;
    httpd->timeouts_us[CONNECTION_HELD] = config->write_timeout_us;
    httpd->timeouts_us[CONNECTION_LINGER] = HTTPD_LINGER_US;
    shortest = least(shortest, config->write_timeout_us) / 4;
    httpd->tick_us = least(shortest < MIN_TICK_US ? MIN_TICK_US : shortest, MAX_TICK_US);
    /* More than the parser leaves unread of one request: head, body, and a line of chunks or trailers. */
    httpd->in_limit = limits->line_bytes + 2 * limits->head_bytes + limits->body_bytes + 4096;
}

struct httpd *httpd_new(struct event_base *base, int listen_fd, const struct httpd_config *config,
                        const struct httpd_handlers *handlers, void *arg)
{
    struct httpd *httpd = calloc(1, sizeof *httpd);

    if (!httpd) {
        close(listen_fd);
        return NULL;
    }
    httpd->base = base;
    httpd->listen_fd = listen_fd;
    httpd->handlers = *handlers;
    httpd->arg = arg;
    httpd->now_us = clock_now_us();
    limits_set(httpd, config);
    for (unsigned i = 0; i < CONNECTION_STATES; i++)
        TAILQ_INIT(&httpd->lists[i]);
    TAILQ_INIT(&httpd->ready);
    httpd->addresses = addresses_new();
    httpd->accept_event = event_new(base, listen_fd, EV_READ | EV_PERSIST, on_accept, httpd);
    httpd->tick_event = evtimer_new(base, on_tick, httpd);
    httpd->turn_event = evtimer_new(base, on_turn, httpd);
    /* Accepted sockets inherit them, which saves calls for each. Without the second one the kernel would
     * buffer megabytes for each reader that has stopped, and we would not notice for minutes; without the
     * third it takes, and frees with the connection, what such a reader has no window for. */
    setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(listen_fd, SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_BYTES}, sizeof(int));
    setsockopt(listen_fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT_BYTES}, sizeof(int));
    if (!httpd->addresses || !httpd->accept_event || !httpd->tick_event || !httpd->turn_event ||
        event_add(httpd->accept_event, NULL) < 0) {
        httpd_free(httpd);
        return NULL;
    }
    return httpd;
}

static void event_drop(struct event *event)
{
    if (event)
        event_free(event);
}

static void listener_close(struct httpd *httpd)
{
    event_drop(httpd->accept_event);
    httpd->accept_event = NULL;
    httpd->accept_paused = false;
    if (httpd->listen_fd >= 0)
        close(httpd->listen_fd);
    httpd->listen_fd = -1;
}

void httpd_free(struct httpd *httpd)
{
    struct httpd_exchange *first;

    if (!httpd)
        return;
    httpd->draining = false;
    for (unsigned i = 0; i < CONNECTION_STATES; i++)
        while ((first = TAILQ_FIRST(&httpd->lists[i])) != NULL)
            connection_free(first);
    listener_close(httpd);
    event_drop(httpd->tick_event);
    event_drop(httpd->turn_event);
    addresses_free(httpd->addresses);
    free(httpd);
}

void httpd_drain(struct httpd *httpd, void (*done)(void *arg), void *arg)
{
    if (httpd->draining)
        return;
    httpd->now_us = httpd->drain_us = clock_now_us();
    httpd->done = done;
    httpd->done_arg = arg;
    /* Who stands in the backlog would be reset by the close; with a shared listener nobody would. */
    for (unsigned i = 0; i < BACKLOG_BATCHES && accept_some(httpd); i++)
        ;
    httpd->draining = true;
    listener_close(httpd);
    end_idle(httpd, false);
    httpd_streams_end(httpd);
    if (!httpd_connected(httpd))
        httpd_turn_soon(httpd);
}

const struct httpd_stats *httpd_stats(const struct httpd *httpd)
{
    return &httpd->stats;
}
