/* httpd.h - the HTTP/1.1 server face of gateway and metricsd, over plain libevent events.
 *
 * Keep-alive; pipelined requests are handed over one at a time, in order; one read and one write per
 * request, no timer or epoll churn on the hot path. A client that leaves (RST, or FIN when abort_on_fin)
 * while its request waits is noticed at once. Slow senders and slow readers are timed out; every limit is
 * in struct httpd_config. A connection that waits for its answer holds no read buffer. */
#ifndef SLUICE_HTTPD_H
#define SLUICE_HTTPD_H

#include <event2/event.h>
#include <stdint.h>

#include "common/http_request.h"

struct httpd;
struct httpd_exchange; /* one request that awaits its answer */

struct httpd_config {
    struct http_limits limits;
    unsigned max_connections; /* beyond: 503 and close */
    int64_t head_timeout_us;  /* from a request's first byte to its last; beyond: 408 */
    int64_t idle_timeout_us;  /* between requests; beyond: close */
    int64_t write_timeout_us; /* without progress of an answer; beyond: close */
    bool abort_on_fin;        /* a half-closed client counts as gone */
};

struct httpd_handlers {
    /* A whole request is here. It borrows until return. Exactly one httpd_reply(), now or later, ends the
     * exchange, unless gone() comes first. */
    void (*request)(void *arg, struct httpd_exchange *exchange, const struct http_request *request);
    /* The client has left; the exchange ends on return and must not be answered. */
    void (*gone)(void *arg, struct httpd_exchange *exchange);
    /* The parser refused a request; what to put into the body of the answer. May be NULL: a plain text
     * body. Writes the body into buffer and its media type into *type; returns the body's length. */
    size_t (*refusal)(void *arg, int status, const char *detail, char *buffer, size_t size,
                      const char **type);
};

struct httpd_reply {
    int status;
    struct text fields; /* whole lines, each "Name: value\r\n"; borrowed */
    struct text body;   /* borrowed; left out, but counted, in answers to HEAD */
    bool close;         /* ask for the end of the connection */
};

struct httpd_stats {
    uint64_t connections_total, requests_total, refused_total, gone_total, timed_out_total;
    unsigned connections; /* open now */
};

/* A listening socket: the inherited one (LISTEN_FDS=1, descriptor 3) or a new one on host:port. Returns the
 * descriptor or -errno. */
int httpd_listen(const char *host, unsigned port);
/* The port it really listens on. */
unsigned httpd_port(int listen_fd);

/* Takes the descriptor. NULL when out of memory or descriptors. */
struct httpd *httpd_new(struct event_base *base, int listen_fd, const struct httpd_config *config,
                        const struct httpd_handlers *handlers, void *arg);
void httpd_free(struct httpd *httpd); /* takes NULL; cuts what is open */

/* Stops accepting; existing connections go on, with "Connection: close" in their next answer. When the last
 * one has closed (idle ones are closed at once), calls done. */
void httpd_drain(struct httpd *httpd, void (*done)(void *arg), void *arg);

/* Answers and ends the exchange. httpd adds Date, Content-Length and Connection. */
void httpd_reply(struct httpd_exchange *exchange, const struct httpd_reply *reply);

/* One pointer of yours for each exchange; NULL at first. */
void httpd_exchange_set(struct httpd_exchange *exchange, void *mine);
void *httpd_exchange_get(const struct httpd_exchange *exchange);
/* Whether the peer is on the loopback network (for calls that only this host may make). */
bool httpd_exchange_local(const struct httpd_exchange *exchange);

const struct httpd_stats *httpd_stats(const struct httpd *httpd);

#endif
