/* server.h - the simulator's sockets: connections, requests in, answers out in order.
 *
 * Requests are handed over as soon as their last byte is read, pipelined ones too (a foreign server may work
 * on several at once); their answers leave in the order of the requests. */
#ifndef SIMULATOR_SERVER_H
#define SIMULATOR_SERVER_H

#include <event2/event.h>
#include <stdint.h>

#include "tests/simulator/faults.h"
#include "tests/simulator/request.h"

#define SERVER_MAX_PIPELINED 64 /* per connection; with more, reading pauses */

struct server;
struct exchange; /* one request that awaits its answer */

struct server_handlers {
    /* A connection comes: what is to become of it. */
    enum faults_accept (*accept)(void *arg);
    /* A request is here; it borrows until return. read_ns: when its last byte was (CLOCK_MONOTONIC).
     * exchange_reply() or exchange_stall() must follow, now or later, unless gone() comes first. */
    void (*request)(void *arg, struct exchange *exchange, const struct request *request, int64_t read_ns);
    /* The connection is closed; the exchange ends on return. */
    void (*gone)(void *arg, struct exchange *exchange);
};

enum reply_end { REPLY_KEEP, REPLY_FIN, REPLY_RST };

struct reply {
    char *bytes; /* taken; free() is called on it */
    size_t size; /* may be 0 */
    enum reply_end end;
    size_t drip_bytes; /* so many at a time, 0: all */
    int64_t drip_us;
    int64_t idle_us; /* close the connection when it is then idle for so long; 0: keep */
    /* Behind the bytes, so much later, a text over and over (borrowed for ever), until it is so many bytes.
     */
    struct text again;
    uint64_t again_bytes;
    int64_t again_after_us;
};

/* What ACCEPT_GREET says. */
#define SERVER_GREETING                                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"                                                  \
    "Content-Length: 21\r\n\r\n{\"message\":\"unasked\"}"

struct server_stats {
    uint64_t connections_total, refused_total, malformed_total;
    unsigned connections; /* open now */
};

/* A listening socket on host:port (0: any). Returns the descriptor or -errno. */
int server_listen(const char *host, unsigned port);
unsigned server_port(int listen_fd);

/* Takes the descriptor. NULL when out of memory. */
struct server *server_new(struct event_base *base, int listen_fd, unsigned max_connections,
                          const struct server_handlers *handlers, void *arg);
void server_free(struct server *server); /* takes NULL; gone() is called for what is open */

/* For so long connections are not accepted, nor, with a backlog that is full, made: a SYN gets no answer. */
void server_deafen(struct server *server, int64_t span_us);

/* Ends the exchange. */
void exchange_reply(struct exchange *exchange, const struct reply *reply);

/* There will be no answer: the connection lasts until its client closes it, and then gone() comes. */
void exchange_stall(struct exchange *exchange);

/* When a request that was read at read_ns and is delay_ns on its way gets there: bytes do not overtake, so
 * never before this connection's earlier requests. */
int64_t exchange_due_ns(struct exchange *exchange, int64_t read_ns, int64_t delay_ns);

/* One pointer of yours; NULL at first. */
void exchange_set(struct exchange *exchange, void *mine);
void *exchange_get(const struct exchange *exchange);

const struct server_stats *server_stats(const struct server *server);

#endif
