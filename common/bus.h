/* bus.h - ZeroMQ inside the libevent loop: the links of the request path and the sockets of the events path.
 *
 * A *link* joins a client (gateway, fetcher) to a server (scheduler) over ipc. It opens with `hello` and
 * `welcome`, is kept alive with `ping` and `pong`, and knows the peer's *epoch*, a number drawn afresh at
 * each start: another epoch is another process, so a restart shows as down() and up(). A message that carries
 * another receiver's epoch than ours is dropped and counted.
 * Nothing blocks or is lost silently: each side may send only so many messages as the other has given
 * *credits* for, and credits are fewer than the high-water mark; without credit bus_send() says -EAGAIN.
 * The events path is the opposite: it drops rather than waits, and counts what it dropped.
 * This is the only file that touches ZMQ_FD, which is edge-triggered: it is drained, with a cap, at every
 * wake-up and after every send. */
#ifndef SLUICE_BUS_H
#define SLUICE_BUS_H

#include <event2/event.h>
#include <stdint.h>

#include "common/message.h"

struct bus;
struct bus_socket;

/* An opaque body frame: shared by counting references, never copied. */
struct bus_body;
struct bus_body *bus_body_new(struct text bytes);        /* copies them once; NULL: out of memory */
struct bus_body *bus_body_room(size_t bytes, char **at); /* to be written there before it is sent; or NULL */
struct bus_body *bus_body_keep(struct bus_body *body);   /* one more owner; takes NULL */
void bus_body_free(struct bus_body *body);               /* one owner less; takes NULL */
struct text bus_body_text(const struct bus_body *body);  /* empty for NULL */

/* For a server, `peer` is the client's epoch; for a client, the server's. */
struct bus_link_handlers {
    /* The link is up. role is the client's ("gateway"), or "server". */
    void (*up)(void *arg, uint64_t peer, struct text role);
    /* The peer is gone, has restarted or has said goodbye: forget it. */
    void (*down)(void *arg, uint64_t peer, const char *why);
    /* A message that is none of the link's own. Message and body borrow; keep the body with bus_body_keep().
     */
    void (*message)(void *arg, uint64_t peer, const struct message *message, struct bus_body *body);
    /* After a bus_send() that has failed: credit has come, or another try may succeed. May be NULL. */
    void (*writable)(void *arg, uint64_t peer);
    /* Something unreadable came: -EBADMSG, -EPROTONOSUPPORT or -ENOMSG; -ENOMEM: it is lost. May be NULL. */
    void (*bad)(void *arg, uint64_t peer, int error);
};

struct bus_stats {
    uint64_t received_total, sent_total;
    uint64_t bad_total;     /* unreadable */
    uint64_t strange_total; /* from a peer without a link, or for another epoch */
    uint64_t dropped_total; /* not sent: events path full, or a peer that vanished */
};

/* The epoch is drawn here. NULL when out of memory or descriptors. */
struct bus *bus_new(struct event_base *base);
void bus_free(struct bus *bus); /* closes every socket; takes NULL. Says goodbye on open links. */
uint64_t bus_epoch(const struct bus *bus);

/* Server and client of links. NULL with errno set. role is borrowed for ever. */
struct bus_socket *bus_serve(struct bus *bus, const char *endpoint, const struct bus_link_handlers *handlers,
                             void *arg);
struct bus_socket *bus_connect(struct bus *bus, const char *endpoint, const char *role,
                               const struct bus_link_handlers *handlers, void *arg);

/* Sends on a link. Borrows both. 0; -EAGAIN: no credit (or no room) now; -ENOTCONN: no such link (any more);
 * -EMSGSIZE: the message breaks the catalogue. */
int bus_send(struct bus_socket *socket, uint64_t peer, struct message *message, struct bus_body *body);
/* Ends a server's link with that client: says goodbye and calls down(). */
void bus_dismiss(struct bus_socket *socket, uint64_t peer);
/* A message to that peer, or from it, is lost, mostly for want of memory. Links promise that none is: soon
 * this one goes down, and up again, and both ends begin anew with what is outstanding. For clients, too. */
void bus_lose(struct bus_socket *socket, uint64_t peer);

/* The events path. A publisher binds (metricsd's feed: XPUB; a reader that gives no sign of life is let go
 * after 20 s) or connects (everybody's events: PUB). */
struct bus_socket *bus_publish_bind(struct bus *bus, const char *endpoint);
struct bus_socket *bus_publish_connect(struct bus *bus, const char *endpoint);
/* Borrows all. 0 or -EMSGSIZE; what nobody takes is dropped. Frames: topic, message, body if any. A message
 * whose sender's epoch is set keeps it, so that metricsd can pass events on. */
int bus_post(struct bus_socket *socket, const char *topic, struct message *message, struct bus_body *body);

/* The events path beyond this host (common/bus_guard.c): a publisher that encrypts (CURVE, ZeroMQ's RFC 26)
 * and takes only those in whom the bus's guard, who is asked first, sees a client (ZAP, RFC 27). Without a
 * guard it takes nobody. Other sockets never ask the guard. */
#define BUS_KEY_BYTES 32
struct bus_socket *bus_publish_guarded(struct bus *bus, const char *endpoint,
                                       const uint8_t secret_key[BUS_KEY_BYTES]);
/* Whether whoever holds that public key's secret may come in; address: where it connects from. */
typedef bool bus_guard(void *arg, const uint8_t key[BUS_KEY_BYTES], struct text address);
struct bus_socket *bus_guard_start(struct bus *bus, bus_guard *guard, void *arg);

typedef void bus_subscriber(void *arg, struct text topic, const struct message *message,
                            struct bus_body *body);
/* topics: a list ended by NULL; "" takes all. */
struct bus_socket *bus_subscribe_bind(struct bus *bus, const char *endpoint, const char *const *topics,
                                      bus_subscriber *subscriber, void *arg);
struct bus_socket *bus_subscribe_connect(struct bus *bus, const char *endpoint, const char *const *topics,
                                         bus_subscriber *subscriber, void *arg);

const struct bus_stats *bus_stats(const struct bus_socket *socket);
/* The endpoint as bound (a port 0 has become a real one). */
const char *bus_endpoint(const struct bus_socket *socket);

#endif
