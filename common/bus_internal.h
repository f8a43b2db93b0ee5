/* bus_internal.h - what bus.c (sockets, loop, events path) bus_link.c (links) and bus_guard.c share. */
#ifndef SLUICE_BUS_INTERNAL_H
#define SLUICE_BUS_INTERNAL_H

#define HASH_NONFATAL_OOM 1 /* uthash would exit(); with this a failed add leaves hh.tbl NULL */
#include <czmq.h>
#include <uthash.h>

#include "common/bus_frames.h"
#include "common/link.h"

#define BUS_ROUTING_ID_BYTES 16  /* the epoch in hexadecimal */
#define BUS_PEERS_MAX        256 /* clients of one server */
#define BUS_ENDPOINT_BYTES   256

enum bus_kind { BUS_SERVER, BUS_CLIENT, BUS_PUBLISHER, BUS_SUBSCRIBER, BUS_GUARD };

struct bus_peer {
    uint64_t epoch; /* the client's; the hash key */
    struct link link;
    UT_hash_handle hh;
};

struct bus_socket {
    struct bus *bus;
    enum bus_kind kind;
    zsock_t *zsock;
    void *handle; /* libzmq's own */
    struct event *readable, *again;
    bool draining;
    struct bus_stats stats;
    char endpoint[BUS_ENDPOINT_BYTES];
    void *arg;
    /* links */
    const struct bus_link_handlers *handlers;
    const char *role;
    struct bus_peer *peers; /* server: hash by epoch */
    struct link server;     /* client */
    /* events path */
    bus_subscriber *subscriber;
    bus_guard *guard;
    struct bus_socket *next;
};

struct bus {
    struct event_base *base;
    uint64_t epoch;
    struct message_codec *codec;
    struct event *tick;
    struct bus_socket *sockets;
};

/* A socket of that kind (type: ZMQ_XPUB and so on), to be set up and then started: bus_socket_start() takes
 * it, and gives NULL with errno when the endpoint is not to be had. */
struct bus_socket *bus_socket_new(struct bus *bus, enum bus_kind kind, int type, void *arg);
struct bus_socket *bus_socket_start(struct bus_socket *socket, const char *endpoint, bool bind);
/* Of a publisher that others connect to: its readers are to show that they live. */
void bus_socket_want_life(struct bus_socket *socket);

/* What a guard does with a question. 0, or -EAGAIN when none waits. */
int bus_guard_receive(struct bus_socket *socket);

/* What a link socket does with what came, with what came and was lost, and at each tick. */
void bus_link_receive(struct bus_socket *socket, struct bus_frames *frames, int64_t now_us);
void bus_link_miss(struct bus_socket *socket, struct bus_frames *frames);
void bus_link_tick(struct bus_socket *socket, int64_t now_us);
/* Says goodbye on every open link, without calling down(). */
void bus_link_leave(struct bus_socket *socket);
void bus_link_forget(struct bus_socket *socket);

/* Encodes and sends at once, without credits. routing.at NULL for a client. */
int bus_socket_send(struct bus_socket *socket, struct text routing, struct message *message,
                    struct bus_body *body);
/* Makes the tick come soon: a link is down. */
void bus_hurry(struct bus *bus);

#endif
