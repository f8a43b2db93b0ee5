/* bus_link.c - the links of the request path: hello and welcome, ping and pong, credits, epochs. */
#include <errno.h>
#include <unistd.h>

#include "common/bus_internal.h"
#include "common/clock.h"

struct routing {
    char bytes[BUS_ROUTING_ID_BYTES + 1];
    struct text text;
};

static struct text routing_of(struct routing *routing, const struct bus_socket *socket, uint64_t peer)
{
    if (socket->kind == BUS_CLIENT)
        return (struct text){NULL, 0};
    snprintf(routing->bytes, sizeof(routing->bytes), "%016llx", (unsigned long long)peer);
    return (struct text){routing->bytes, BUS_ROUTING_ID_BYTES};
}

static bool routing_epoch(struct text routing, uint64_t *epoch)
{
    *epoch = 0;
    if (routing.bytes != BUS_ROUTING_ID_BYTES)
        return false;
    for (size_t i = 0; i < routing.bytes; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, routing.at[i], sizeof(digits) - 1);

        if (!digit)
            return false;
        *epoch = *epoch << 4 | (uint64_t)(digit - digits);
    }
    return *epoch != 0;
}

static struct bus_peer *peer_find(const struct bus_socket *socket, uint64_t epoch)
{
    struct bus_peer *peer;

    HASH_FIND(hh, socket->peers, &epoch, sizeof(epoch), peer);
    return peer;
}

static struct link *link_find(struct bus_socket *socket, uint64_t epoch)
{
    struct bus_peer *peer;

    if (socket->kind == BUS_CLIENT)
        return socket->server.up && socket->server.peer == epoch ? &socket->server : NULL;
    peer = peer_find(socket, epoch);
    return peer ? &peer->link : NULL;
}

static int say(struct bus_socket *socket, uint64_t peer, struct message *message)
{
    struct routing routing;

    message->to = peer;
    return bus_socket_send(socket, routing_of(&routing, socket, peer), message, NULL);
}

static void say_goodbye(struct bus_socket *socket, uint64_t peer, const char *why)
{
    struct message message = {.type = MESSAGE_TYPE_goodbye, .goodbye = {.why = text_of(why)}};

    say(socket, peer, &message);
}

/* Ends the link and tells the owner; the peer, if it lives, says hello again. */
static void link_down(struct bus_socket *socket, uint64_t epoch, const char *why)
{
    if (socket->kind == BUS_CLIENT) {
        link_close(&socket->server);
        bus_hurry(socket->bus);
    } else {
        struct bus_peer *peer = peer_find(socket, epoch);

        HASH_DEL(socket->peers, peer);
        free(peer);
    }
    socket->handlers->down(socket->arg, epoch, why);
}

/* NULL when out of memory: it is told, and the client asks again. */
static struct bus_peer *peer_add(struct bus_socket *socket, uint64_t epoch)
{
    struct bus_peer *peer = calloc(1, sizeof(*peer));

    if (peer) {
        peer->epoch = epoch;
        HASH_ADD(hh, socket->peers, epoch, sizeof(peer->epoch), peer);
        if (peer->hh.tbl)
            return peer;
    }
    free(peer);
    if (socket->handlers->bad)
        socket->handlers->bad(socket->arg, epoch, -ENOMEM);
    return NULL;
}

static void welcome(struct bus_socket *socket, uint64_t client, const struct message *hello, int64_t now_us)
{
    struct message message = {.type = MESSAGE_TYPE_welcome, .welcome = {.credits = LINK_CREDITS}};
    struct bus_peer *peer = peer_find(socket, client);
    uint64_t credits = hello->hello.credits;
    struct text role = hello->hello.role;

    if (peer && !peer->link.used) { /* the same hello, sent twice: the welcome was slow */
        say(socket, client, &message);
        return;
    }
    if (peer)
        link_down(socket, client, "hello again");
    if (HASH_COUNT(socket->peers) >= BUS_PEERS_MAX) {
        socket->stats.strange_total++;
        return;
    }
    peer = peer_add(socket, client);
    if (!peer)
        return;
    link_open(&peer->link, client, credits, now_us);
    say(socket, client, &message);
    socket->handlers->up(socket->arg, client, role);
}

static void welcomed(struct bus_socket *socket, const struct message *message, int64_t now_us)
{
    uint64_t server = message->from;

    if (socket->server.up && socket->server.peer == server)
        return; /* answers a hello that we had sent twice */
    if (socket->server.up)
        link_down(socket, socket->server.peer, "another epoch");
    link_open(&socket->server, server, message->welcome.credits, now_us);
    socket->handlers->up(socket->arg, server, text_of("server"));
}

static void deliver(struct bus_socket *socket, struct link *link, const struct message *message,
                    struct bus_body *body)
{
    struct message credit = {.type = MESSAGE_TYPE_credit};
    uint64_t peer = message->from;

    credit.credit.count = link_handled(link);
    if (credit.credit.count > 0 && say(socket, peer, &credit) < 0)
        link_ungiven(link, credit.credit.count);
    socket->handlers->message(socket->arg, peer, message, body); /* may end the link: do not touch it after */
}

static void link_message(struct bus_socket *socket, struct link *link, const struct message *message,
                         struct bus_body *body)
{
    struct message pong = {.type = MESSAGE_TYPE_pong, .pong = {.at_us = message->ping.at_us}};

    switch (message->type) {
    case MESSAGE_TYPE_ping:
        say(socket, message->from, &pong);
        return;
    case MESSAGE_TYPE_pong:
        return;
    case MESSAGE_TYPE_credit:
        if (link_credit(link, message->credit.count) && socket->handlers->writable)
            socket->handlers->writable(socket->arg, message->from);
        return;
    case MESSAGE_TYPE_goodbye:
        link_down(socket, message->from, "goodbye");
        return;
    default:
        deliver(socket, link, message, body);
    }
}

/* A message from a peer that we have no link with: a client of a server that was restarted must learn it. */
static void strange(struct bus_socket *socket, const struct message *message)
{
    socket->stats.strange_total++;
    if (socket->kind == BUS_SERVER && message->type != MESSAGE_TYPE_goodbye)
        say_goodbye(socket, message->from, "unknown");
    else if (socket->kind == BUS_CLIENT && message->type == MESSAGE_TYPE_goodbye && socket->server.up)
        link_down(socket, socket->server.peer, "the server was restarted");
}

static void receive_message(struct bus_socket *socket, const struct message *message, struct bus_body *body,
                            int64_t now_us)
{
    struct link *link = link_find(socket, message->from);

    if (message->to != 0 && message->to != socket->bus->epoch) {
        strange(socket, message);
        return;
    }
    if (link)
        link_heard(link, now_us);
    if (message->type == MESSAGE_TYPE_hello && socket->kind == BUS_SERVER)
        welcome(socket, message->from, message, now_us);
    else if (message->type == MESSAGE_TYPE_welcome && socket->kind == BUS_CLIENT)
        welcomed(socket, message, now_us);
    else if (!link)
        strange(socket, message);
    else
        link_message(socket, link, message, body);
}

void bus_link_receive(struct bus_socket *socket, struct bus_frames *frames, int64_t now_us)
{
    struct message message;
    uint64_t epoch = 0;
    int rc = message_decode(socket->bus->codec, bus_frame_text(&frames->head), &message);

    if (socket->kind == BUS_SERVER && !routing_epoch(bus_frame_text(&frames->lead), &epoch))
        rc = -EBADMSG;
    else if (rc == 0 && socket->kind == BUS_SERVER && epoch != message.from)
        rc = -EBADMSG; /* speaks for somebody else */
    if (rc == 0) {
        receive_message(socket, &message, frames->body, now_us);
        return;
    }
    if (rc == -ENOMEM) {
        bus_link_miss(socket, frames);
        return;
    }
    socket->stats.bad_total++;
    if (socket->handlers->bad)
        socket->handlers->bad(socket->arg, epoch, rc);
}

void bus_link_miss(struct bus_socket *socket, struct bus_frames *frames)
{
    uint64_t epoch = socket->server.peer;

    if (socket->kind == BUS_SERVER && !routing_epoch(bus_frame_text(&frames->lead), &epoch))
        return;
    if (socket->handlers->bad)
        socket->handlers->bad(socket->arg, epoch, -ENOMEM);
    bus_lose(socket, epoch);
}

void bus_lose(struct bus_socket *socket, uint64_t peer)
{
    struct link *link = link_find(socket, peer);

    if (!link)
        return;
    link->lost = true;
    bus_hurry(socket->bus);
}

static void say_hello(struct bus_socket *socket, int64_t now_us)
{
    struct message message = {.type = MESSAGE_TYPE_hello};

    message.hello.role = text_of(socket->role);
    message.hello.pid = (uint64_t)getpid();
    message.hello.credits = LINK_CREDITS;
    if (say(socket, 0, &message) == 0) /* -EAGAIN: nobody is connected yet */
        socket->server.hello_us = now_us;
}

static void try_again(struct bus_socket *socket, struct link *link)
{
    if (link_stuck(link) && socket->handlers->writable)
        socket->handlers->writable(socket->arg, link->peer);
}

static void tick_client(struct bus_socket *socket, int64_t now_us)
{
    struct message ping = {.type = MESSAGE_TYPE_ping, .ping = {.at_us = now_us}};

    if (link_silent(&socket->server, now_us))
        link_down(socket, socket->server.peer, "silent");
    if (socket->server.up && socket->server.lost)
        bus_dismiss(socket, socket->server.peer);
    try_again(socket, &socket->server);
    if (link_hello_due(&socket->server, now_us))
        say_hello(socket, now_us);
    if (link_ping_due(&socket->server, now_us)) {
        socket->server.ping_us = now_us;
        say(socket, socket->server.peer, &ping);
    }
}

void bus_link_tick(struct bus_socket *socket, int64_t now_us)
{
    struct bus_peer *peer, *next;

    if (socket->kind == BUS_CLIENT) {
        tick_client(socket, now_us);
        return;
    }
    for (peer = socket->peers; peer; peer = next) {
        next = peer->hh.next;
        if (link_silent(&peer->link, now_us) || peer->link.lost)
            bus_dismiss(socket, peer->epoch);
        else
            try_again(socket, &peer->link);
    }
}

int bus_send(struct bus_socket *socket, uint64_t peer, struct message *message, struct bus_body *body)
{
    struct link *link = link_find(socket, peer);
    struct routing routing;
    int rc;

    if (!link)
        return -ENOTCONN;
    if (!link_spend(link))
        return -EAGAIN;
    message->to = peer;
    rc = bus_socket_send(socket, routing_of(&routing, socket, peer), message, body);
    if (rc < 0)
        link_unspend(link); /* nothing has left */
    return rc == -EHOSTUNREACH ? -ENOTCONN : rc;
}

void bus_dismiss(struct bus_socket *socket, uint64_t peer)
{
    if (!link_find(socket, peer))
        return;
    say_goodbye(socket, peer, "unknown");
    link_down(socket, peer, "dismissed");
}

void bus_link_leave(struct bus_socket *socket)
{
    struct bus_peer *peer, *next;

    if (socket->kind == BUS_CLIENT && socket->server.up)
        say_goodbye(socket, socket->server.peer, "leaving");
    HASH_ITER(hh, socket->peers, peer, next)
    {
        say_goodbye(socket, peer->epoch, "leaving");
    }
}

void bus_link_forget(struct bus_socket *socket)
{
    struct bus_peer *peer = socket->peers, *next;

    HASH_CLEAR(hh, socket->peers);
    for (; peer; peer = next) {
        next = peer->hh.next;
        free(peer);
    }
}
