/* bus.c - the sockets of the bus in the libevent loop, and the events path. */
#include <errno.h>
#include <sodium.h>

#include "common/bus_internal.h"
#include "common/clock.h"
#include "common/loop.h"

#define READER_PING_MS   5000
#define READER_SILENT_MS 15000
#define RECEIVE_CAP      256                       /* messages in one wake-up: others want a turn, too */
#define LINK_HIGH_WATER  (2 * LINK_CREDITS + 1024) /* above the credits and the links' own */
#define EVENT_HIGH_WATER 16384
#define SUBSCRIPTION_MAX_BYTES                                                                               \
    2048 /* all that a publisher is told, by strangers, too; handshakes included                             \
          */
#define TICK_US       LINK_PING_US
#define TICK_HURRY_US 20000 /* while a link is down */
#define LINGER_MS     100   /* for the goodbyes */

/* The descriptor is edge-triggered, and a send may have taken its edge: look before sleeping. */
static void recheck(struct bus_socket *socket)
{
    int events = 0;
    size_t bytes = sizeof(events);

    if (!socket->draining && zmq_getsockopt(socket->handle, ZMQ_EVENTS, &events, &bytes) == 0 &&
        (events & ZMQ_POLLIN))
        loop_arm(socket->again, 0);
}

static void receive_event(struct bus_socket *socket, struct bus_frames *frames)
{
    struct message message;

    if (message_decode(socket->bus->codec, bus_frame_text(&frames->head), &message) < 0) {
        socket->stats.bad_total++;
        return;
    }
    socket->subscriber(socket->arg, bus_frame_text(&frames->lead), &message, frames->body);
}

/* Subscriptions come to a publisher as single frames that nobody needs. */
static int drop_subscription(struct bus_socket *socket)
{
    zmq_msg_t frame;
    int rc;

    zmq_msg_init(&frame);
    rc = zmq_msg_recv(&frame, socket->handle, ZMQ_DONTWAIT) < 0 ? -errno : 0;
    zmq_msg_close(&frame);
    return rc;
}

static int receive(struct bus_socket *socket, int64_t now_us)
{
    bool with_lead = socket->kind == BUS_SERVER || socket->kind == BUS_SUBSCRIBER;
    struct bus_frames frames;
    int rc;

    if (socket->kind == BUS_PUBLISHER)
        return drop_subscription(socket);
    if (socket->kind == BUS_GUARD)
        return bus_guard_receive(socket);
    rc = bus_frames_receive(socket->handle, with_lead, &frames);
    if (rc == -EBADMSG || rc == -ENOMEM)
        socket->stats.bad_total++;
    if (rc < 0 && rc != -ENOMEM)
        return rc;
    socket->stats.received_total++;
    if (rc == -ENOMEM && socket->kind == BUS_SUBSCRIBER)
        ; /* as if it had been dropped on its way */
    else if (rc == -ENOMEM)
        bus_link_miss(socket, &frames);
    else if (socket->kind == BUS_SUBSCRIBER)
        receive_event(socket, &frames);
    else
        bus_link_receive(socket, &frames, now_us);
    bus_frames_done(&frames);
    return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct bus_socket *socket = arg;
    int64_t now_us = clock_now_us();
    int count = 0, rc = 0;

    (void)fd;
    (void)what;
    socket->draining = true;
    while (count++ < RECEIVE_CAP && rc != -EAGAIN && rc != -ETERM)
        rc = receive(socket, now_us);
    socket->draining = false;
    if (rc == 0 || rc == -EBADMSG)
        loop_arm(socket->again, 0);
    else
        recheck(socket); /* a handler may have sent after the last look */
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct bus *bus = arg;
    int64_t now_us = clock_now_us(), next_us = TICK_US;

    (void)fd;
    (void)what;
    for (struct bus_socket *socket = bus->sockets; socket; socket = socket->next) {
        if (socket->kind != BUS_SERVER && socket->kind != BUS_CLIENT)
            continue;
        bus_link_tick(socket, now_us);
        if (socket->kind == BUS_CLIENT && !socket->server.up)
            next_us = TICK_HURRY_US;
    }
    loop_arm(bus->tick, next_us);
}

void bus_hurry(struct bus *bus)
{
    loop_arm(bus->tick, 0);
}

struct bus *bus_new(struct event_base *base)
{
    struct bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return NULL;
    bus->base = base;
    zsys_handler_set(NULL); /* or czmq takes SIGINT and SIGTERM at its first socket */
    if (sodium_init() < 0 || !zsys_init()) {
        free(bus);
        return NULL;
    }
    while (bus->epoch == 0)
        randombytes_buf(&bus->epoch, sizeof(bus->epoch));
    bus->codec = message_codec_new();
    bus->tick = evtimer_new(base, on_tick, bus);
    if (!bus->codec || !bus->tick) {
        bus_free(bus);
        return NULL;
    }
    return bus;
}

static void socket_free(struct bus_socket *socket)
{
    if (socket->readable)
        event_free(socket->readable);
    if (socket->again)
        event_free(socket->again);
    bus_link_forget(socket);
    zsock_destroy(&socket->zsock);
    free(socket);
}

void bus_free(struct bus *bus)
{
    if (!bus)
        return;
    while (bus->sockets) {
        struct bus_socket *socket = bus->sockets;

        bus->sockets = socket->next;
        bus_link_leave(socket);
        socket_free(socket);
    }
    if (bus->tick)
        event_free(bus->tick);
    message_codec_free(bus->codec);
    free(bus);
}

uint64_t bus_epoch(const struct bus *bus)
{
    return bus->epoch;
}

struct bus_socket *bus_socket_new(struct bus *bus, enum bus_kind kind, int type, void *arg)
{
    bool links = kind == BUS_SERVER || kind == BUS_CLIENT;
    struct bus_socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return NULL;
    socket->bus = bus;
    socket->kind = kind;
    socket->arg = arg;
    socket->zsock = zsock_new(type);
    if (!socket->zsock) {
        free(socket);
        return NULL;
    }
    socket->handle = zsock_resolve(socket->zsock);
    zsock_set_linger(socket->zsock, LINGER_MS);
    zsock_set_maxmsgsize(socket->zsock, kind == BUS_PUBLISHER ? SUBSCRIPTION_MAX_BYTES : BUS_FRAME_MAX_BYTES);
    zsock_set_sndhwm(socket->zsock, links ? LINK_HIGH_WATER : EVENT_HIGH_WATER);
    zsock_set_rcvhwm(socket->zsock, links ? LINK_HIGH_WATER : EVENT_HIGH_WATER);
    zsock_set_reconnect_ivl(socket->zsock, 10);
    zsock_set_reconnect_ivl_max(socket->zsock, 100);
    return socket;
}

static bool attach(struct bus_socket *socket, const char *endpoint, bool bind)
{
    char *real = NULL;
    int rc;

    if (strchr(endpoint, '['))
        zsock_set_ipv6(socket->zsock, 1); /* only here: it would show 127.0.0.1 as ::ffff:127.0.0.1 */
    rc = bind ? zsock_bind(socket->zsock, "%s", endpoint) : zsock_connect(socket->zsock, "%s", endpoint);
    if (bind && rc >= 0)
        real = zsock_last_endpoint(socket->zsock); /* zsock_endpoint() keeps a port 0 */
    snprintf(socket->endpoint, sizeof(socket->endpoint), "%s", real ? real : endpoint);
    rc = bind && rc >= 0 && !real ? -1 : rc; /* nobody could be told where it is */
    zstr_free(&real);
    return rc >= 0;
}

struct bus_socket *bus_socket_start(struct bus_socket *socket, const char *endpoint, bool bind)
{
    struct bus *bus = socket->bus;

    if (!attach(socket, endpoint, bind)) {
        int error = errno;

        socket_free(socket);
        errno = error;
        return NULL;
    }
    socket->again = evtimer_new(bus->base, on_readable, socket);
    socket->readable =
        event_new(bus->base, zsock_fd(socket->zsock), EV_READ | EV_PERSIST, on_readable, socket);
    if (!socket->again || !socket->readable || event_add(socket->readable, NULL) < 0) {
        socket_free(socket);
        errno = ENOMEM;
        return NULL;
    }
    socket->next = bus->sockets;
    bus->sockets = socket;
    loop_arm(socket->again, 0);
    return socket;
}

struct bus_socket *bus_serve(struct bus *bus, const char *endpoint, const struct bus_link_handlers *handlers,
                             void *arg)
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_SERVER, ZMQ_ROUTER, arg);

    if (!socket)
        return NULL;
    socket->handlers = handlers;
    zsock_set_router_mandatory(socket->zsock, 1);
    zsock_set_router_handover(socket->zsock, 1); /* a client that connects again keeps its routing id */
    bus_hurry(bus);
    return bus_socket_start(socket, endpoint, true);
}

struct bus_socket *bus_connect(struct bus *bus, const char *endpoint, const char *role,
                               const struct bus_link_handlers *handlers, void *arg)
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_CLIENT, ZMQ_DEALER, arg);
    char identity[BUS_ROUTING_ID_BYTES + 1];

    if (!socket)
        return NULL;
    socket->handlers = handlers;
    socket->role = role;
    snprintf(identity, sizeof(identity), "%016llx", (unsigned long long)bus->epoch);
    zsock_set_identity(socket->zsock, identity);
    zsock_set_immediate(socket->zsock, 1); /* nothing is queued for a server that is not there */
    bus_hurry(bus);
    return bus_socket_start(socket, endpoint, false);
}

/* A reader that has stopped, or that does not read, would keep up to a high-water mark of messages for ever:
 * libzmq asks it for a sign of life (ZMTP 3.1, PING), and lets go of one that gives none. */
void bus_socket_want_life(struct bus_socket *socket)
{
    zsock_set_heartbeat_ivl(socket->zsock, READER_PING_MS);
    zsock_set_heartbeat_timeout(socket->zsock, READER_SILENT_MS);
}

struct bus_socket *bus_publish_bind(struct bus *bus, const char *endpoint)
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_PUBLISHER, ZMQ_XPUB, NULL);

    if (!socket)
        return NULL;
    bus_socket_want_life(socket);
    return bus_socket_start(socket, endpoint, true);
}

struct bus_socket *bus_publish_connect(struct bus *bus, const char *endpoint)
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_PUBLISHER, ZMQ_XPUB, NULL);

    return socket ? bus_socket_start(socket, endpoint, false) : NULL;
}

static struct bus_socket *subscribe(struct bus *bus, const char *endpoint, bool bind,
                                    const char *const *topics, bus_subscriber *subscriber, void *arg)
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_SUBSCRIBER, ZMQ_SUB, arg);

    if (!socket)
        return NULL;
    socket->subscriber = subscriber;
    for (; *topics; topics++)
        zsock_set_subscribe(socket->zsock, *topics);
    return bus_socket_start(socket, endpoint, bind);
}

struct bus_socket *bus_subscribe_bind(struct bus *bus, const char *endpoint, const char *const *topics,
                                      bus_subscriber *subscriber, void *arg)
{
    return subscribe(bus, endpoint, true, topics, subscriber, arg);
}

struct bus_socket *bus_subscribe_connect(struct bus *bus, const char *endpoint, const char *const *topics,
                                         bus_subscriber *subscriber, void *arg)
{
    return subscribe(bus, endpoint, false, topics, subscriber, arg);
}

static void count_send(struct bus_socket *socket, int rc)
{
    if (rc == 0)
        socket->stats.sent_total++;
    else
        socket->stats.dropped_total++;
    recheck(socket);
}

int bus_socket_send(struct bus_socket *socket, struct text routing, struct message *message,
                    struct bus_body *body)
{
    struct text head;
    int rc;

    message->from = socket->bus->epoch;
    rc = message_encode(socket->bus->codec, message, &head);
    if (rc == 0)
        rc = bus_frames_send(socket->handle, routing, head, body);
    count_send(socket, rc);
    return rc;
}

int bus_post(struct bus_socket *socket, const char *topic, struct message *message, struct bus_body *body)
{
    struct text head;
    int rc;

    if (message->from == 0)
        message->from = socket->bus->epoch;
    rc = message_encode(socket->bus->codec, message, &head);
    if (rc < 0)
        return rc;
    count_send(socket, bus_frames_send(socket->handle, text_of(topic), head, body));
    return 0;
}

const struct bus_stats *bus_stats(const struct bus_socket *socket)
{
    return &socket->stats;
}

const char *bus_endpoint(const struct bus_socket *socket)
{
    return socket->endpoint;
}
