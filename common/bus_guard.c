/* bus_guard.c - who may come in from outside: publishers that speak CURVE, and the one who is asked about
 * each client.
 *
 * libzmq asks over an inproc socket of a fixed name (ZAP, RFC 27). czmq has an actor for that, zauth, which
 * could serve us, as all our sockets are of czmq's own context. But it is a second thread that counts
 * nothing, walks the whole folder of certificates at each handshake, and ends the process when two of its
 * files hold the same key. So we answer ourselves, on the loop. */
#include <errno.h>

#include "common/bus_internal.h"

#define ZAP_ENDPOINT   "inproc://zeromq.zap.01"
#define ZAP_DOMAIN     "sluice" /* with one, libzmq refuses everybody when nobody answers */
#define ZAP_VERSION    "1.0"
#define HANDSHAKE_MS   5000 /* who has not shown a key by then is cut off */
#define ACCEPT_BACKLOG 512

struct bus_socket *bus_publish_guarded(struct bus *bus, const char *endpoint,
                                       const uint8_t secret_key[BUS_KEY_BYTES])
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_PUBLISHER, ZMQ_XPUB, NULL);

    if (!socket)
        return NULL;
    zsock_set_zap_domain(socket->zsock, ZAP_DOMAIN);
    zsock_set_curve_server(socket->zsock, 1);
    zsock_set_curve_secretkey_bin(socket->zsock, secret_key);
    zsock_set_handshake_ivl(socket->zsock, HANDSHAKE_MS);
    bus_socket_want_life(socket);
    zsock_set_backlog(socket->zsock, ACCEPT_BACKLOG);
    return bus_socket_start(socket, endpoint, true);
}

struct bus_socket *bus_guard_start(struct bus *bus, bus_guard *guard, void *arg)
{
    struct bus_socket *socket = bus_socket_new(bus, BUS_GUARD, ZMQ_ROUTER, arg);

    if (!socket)
        return NULL;
    socket->guard = guard;
    zsock_set_rcvtimeo(socket->zsock, 0);
    zsock_set_sndtimeo(socket->zsock, 0);
    return bus_socket_start(socket, ZAP_ENDPOINT, true);
}

/* Version, number, domain, address, identity, mechanism, key. Gives the number, which the answer repeats;
 * NULL: that is no question, and whoever has put it is left waiting and cut off. */
static char *judge(struct bus_socket *socket, zmsg_t *question, bool *welcome)
{
    char *version = zmsg_popstr(question), *number = zmsg_popstr(question), *domain = zmsg_popstr(question);
    char *address = zmsg_popstr(question), *identity = zmsg_popstr(question);
    char *mechanism = zmsg_popstr(question);
    zframe_t *key = zmsg_pop(question);

    if (!version || strcmp(version, ZAP_VERSION) != 0)
        zstr_free(&number);
    *welcome = number && address && mechanism && strcmp(mechanism, "CURVE") == 0 && key &&
               zframe_size(key) == BUS_KEY_BYTES &&
               socket->guard(socket->arg, zframe_data(key), text_of(address));
    zstr_free(&version);
    zstr_free(&domain);
    zstr_free(&address);
    zstr_free(&identity);
    zstr_free(&mechanism);
    zframe_destroy(&key);
    return number;
}

int bus_guard_receive(struct bus_socket *socket)
{
    zmsg_t *question = zmsg_recv(socket->zsock), *answer;
    zframe_t *asker;
    bool welcome;
    char *number;

    if (!question)
        return -EAGAIN;
    asker = zmsg_unwrap(question);
    number = judge(socket, question, &welcome);
    zmsg_destroy(&question);
    socket->stats.received_total++;
    if (!number || !asker) {
        zframe_destroy(&asker);
        zstr_free(&number);
        socket->stats.bad_total++;
        return 0;
    }
    answer = zmsg_new();
    zmsg_addstr(answer, ZAP_VERSION);
    zmsg_addstr(answer, number);
    zmsg_addstr(answer, welcome ? "200" : "400");
    zmsg_addstr(answer, welcome ? "OK" : "no such client");
    zmsg_addstr(answer, ""); /* user */
    zmsg_addstr(answer, ""); /* metadata */
    zmsg_wrap(answer, asker);
    zmsg_send(&answer, socket->zsock);
    zmsg_destroy(&answer);
    zstr_free(&number);
    return 0;
}
