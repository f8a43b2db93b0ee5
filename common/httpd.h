/* httpd.h - the HTTP/1.1 server face of gateway and metricsd, over plain libevent events.
 *
 * Keep-alive; pipelined requests are handed over one at a time, in order; one read and one write per
 * request, no timer or epoll churn on the hot path. Answers that go on: streams, below. A client that leaves
 * (RST, or FIN when abort_on_fin) while its request waits is noticed at once. Slow senders and slow readers
 * are timed out; every limit is in struct httpd_config. A connection that waits for its answer holds no read
 * buffer. Who comes when all places are taken gets that of the one that has idled for longest, if one has for
 * a second; else a 503.
 *
 * The limit of seeing: what a client pipelines behind a waiting request is buffered up to about one request's
 * limits, then reading stops. A reset is still seen then, but a FIN only if it gets through to our socket. */
#ifndef SLUICE_HTTPD_H
#define SLUICE_HTTPD_H

#include <event2/event.h>
#include <stdint.h>

#include "common/http_request.h"

struct httpd;
struct httpd_exchange; /* one request that awaits its answer */

struct httpd_config {
    struct http_limits limits;
    unsigned max_connections;    /* beyond: 503 and close; fewer where descriptors are few */
    unsigned client_connections; /* of one address; beyond: 503 and close. 0: three quarters of all */
    int64_t head_timeout_us;     /* from a request's first byte to its last; beyond: 408 */
    int64_t idle_timeout_us;     /* between requests; beyond: close */
    int64_t write_timeout_us;    /* without progress of an answer; beyond: close */
    size_t buffer_bytes; /* of unfinished requests and untaken answers of all; 0: no bound; beyond: close */
    size_t stream_bytes; /* that may wait for the reader of a stream; beyond: close */
    bool abort_on_fin;   /* a half-closed client counts as gone: without it, so does only a reset one */
};

/* Why there is no request: 400, 408, 413, 414, 417, 431, 501, 505 for the request itself; 503 where its
 * connection is one too many. */
struct httpd_refusal {
    int status;
    const char *reason; /* of a 503: "connections_full" or "client_connections"; else NULL */
    const char *detail;
};

struct httpd_handlers {
    /* A whole request is here. It borrows until return. Exactly one httpd_reply(), now or later, ends the
     * exchange, unless gone() comes first; or httpd_stream_begin() does what it says. Never called from
     * inside httpd_reply() or a function of streams. */
    void (*request)(void *arg, struct httpd_exchange *exchange, const struct http_request *request);
    /* The client has left, or its stream has been ended for it (it did not read, or the server drains); the
     * exchange ends on return and must not be answered. Never called from inside httpd_stream_*(). */
    void (*gone)(void *arg, struct httpd_exchange *exchange);
    /* We refuse a request without handing it over; what to put into the body of the answer. May be NULL: a
     * plain text body. Writes the body into buffer and its media type into *type (borrowed till the next
     * call); returns the body's length. */
    size_t (*refusal)(void *arg, const struct httpd_refusal *refusal, char *buffer, size_t size,
                      const char **type);
};

struct httpd_reply {
    int status;
    struct text fields; /* whole lines, each "Name: value\r\n"; borrowed */
    struct text body;   /* borrowed; left out, but counted, in answers to HEAD; none with 204 and 304 */
    bool close;         /* ask for the end of the connection */
};

/* One row for each: common/httpd_stats.def. */
struct httpd_stats {
#define HTTPD_STAT(id, kind, member, name, labels, help) uint64_t member;
#include "common/httpd_stats.def"
#undef HTTPD_STAT
    uint64_t connections_total; /* served ones */
    uint64_t requests_total;    /* handed over */
    uint64_t starved_total;     /* times that there was no memory, or no descriptor, to let clients in */
    uint64_t gone_total;        /* clients that left while their request waited or streamed */
    uint64_t streams_cut_total; /* whose readers did not take what they got, too much of it or for too long */
};

/* A listening socket: the inherited one (LISTEN_FDS=1, descriptor 3) or a new one on host:port, where host is
 * "localhost" or an IPv4 or IPv6 literal, and port 0 takes a free one. Returns the descriptor or -errno.
 * LISTEN_FDS is for us when LISTEN_PID is ours or not set; it is taken out of the environment once used. */
int httpd_listen(const char *host, unsigned port);
/* Whether httpd_listen() can read it: an IPv4 or IPv6 literal (with or without brackets) or localhost. */
bool httpd_address_ok(const char *host);
/* The port it really listens on; 0 when it is no TCP socket. */
unsigned httpd_port(int listen_fd);

/* Takes the descriptor. NULL when out of memory or descriptors. */
struct httpd *httpd_new(struct event_base *base, int listen_fd, const struct httpd_config *config,
                        const struct httpd_handlers *handlers, void *arg);
/* Takes NULL; cuts what is open, without calling any handler. Not from inside a handler. */
void httpd_free(struct httpd *httpd);

/* Stops accepting; existing connections go on, with "Connection: close" in their next answer. When the last
 * one has closed (idle ones are closed at once, and two seconds later those that never sent a request), calls
 * done from the loop; httpd may be freed there. */
void httpd_drain(struct httpd *httpd, void (*done)(void *arg), void *arg);

/* Answers and ends the exchange: the pointer is dead on return. httpd adds Date, Content-Length and
 * Connection. May be called from inside request(), also for another exchange than its own. */
void httpd_reply(struct httpd_exchange *exchange, const struct httpd_reply *reply);

/* Streams: an answer that goes on, such as server-sent events. It is the last one of its connection, which
 * holds no read buffer meanwhile: what the client still sends is left unread, and its FIN means that it has
 * left, whatever abort_on_fin says. HTTP/1.1 gets chunks, so that a cut stream is told from an ended one;
 * HTTP/1.0 gets bytes until the end of the connection.
 *
 * Begins the answer; fields as in struct httpd_reply. Returns whether there is a stream now; else the
 * exchange is dead on return: a HEAD has got its head, the server drains, or the client has just left. */
bool httpd_stream_begin(struct httpd_exchange *exchange, int status, struct text fields);
/* The text is borrowed: the same may go to any number of streams, and is copied only where the socket does
 * not take it at once. 0; or else the stream has been cut, and the exchange is dead on return: -ENOBUFS when
 * more than stream_bytes would wait (where nothing waits yet, a longer text is taken), -EPIPE when the client
 * has left, -ENOMEM. */
int httpd_stream_send(struct httpd_exchange *exchange, struct text text);
/* The exchange is dead on return; what waits is still sent. */
void httpd_stream_end(struct httpd_exchange *exchange);

/* One pointer of yours for each exchange; NULL at first. */
void httpd_exchange_set(struct httpd_exchange *exchange, void *mine);
void *httpd_exchange_get(const struct httpd_exchange *exchange);
/* Field lines that go with its answer, beside those of httpd_reply() or httpd_stream_begin(); borrowed until
 * then. */
void httpd_exchange_also(struct httpd_exchange *exchange, struct text fields);
/* Whether the peer is on the loopback network (for calls that only this host may make). */
bool httpd_exchange_local(const struct httpd_exchange *exchange);

/* Borrowed for as long as httpd lives. */
const struct httpd_stats *httpd_stats(const struct httpd *httpd);

#endif
