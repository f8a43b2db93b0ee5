/* bus_internal.h - what bus.c (sockets, loop, events path) and bus_link.c (links) share. */
#ifndef SLUICE_BUS_INTERNAL_H
#define SLUICE_BUS_INTERNAL_H

#include <czmq.h>
#include <uthash.h>

#include "common/bus_frames.h"
#include "common/link.h"

#define BUS_ROUTING_ID_BYTES 16  /* the epoch in hexadecimal */
#define BUS_PEERS_MAX        256 /* clients of one server */
#define BUS_ENDPOINT_BYTES   256

enum bus_kind { BUS_SERVER, BUS_CLIENT, BUS_PUBLISHER, BUS_SUBSCRIBER };

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
    struct bus_socket *next;
};

struct bus {
    struct event_base *base;
    uint64_t epoch;
    struct message_codec *codec;
    struct event *tick;
    struct bus_socket *sockets;
};

/* What a link socket does with what came, and at each tick. */
void bus_link_receive(struct bus_socket *socket, struct bus_frames *frames, int64_t now_us);
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
