/* transfer.h - one request to the provider over libcurl's multi interface in the libevent loop. Only this
 * file and transfer_end.c know libcurl.
 *
 * HTTP/1.1, http and https only (TLS 1.2 at least, always verified); kept connections are used again;
 * redirects are not followed; the environment's proxies are ignored. No content coding is offered
 * (Accept-Encoding: identity) and none is decoded: what comes encoded all the same is passed on as it is, so
 * that a small body stays one. Everything that a provider may send has a bound in bytes, and each phase one
 * in time. A transfer is prepared first and started later, so that its set-up costs nothing at the moment of
 * sending. A request is written at most once: libcurl would silently send it again when a kept connection
 * turns out to be dead, which is prevented and has its own end (UPSTREAM_RESEND). */
#ifndef SLUICE_TRANSFER_H
#define SLUICE_TRANSFER_H

#include <event2/event.h>
#include <stdint.h>

#include "fetcher/upstream.h"

#define TRANSFER_HEAD_BYTES  65536 /* of all heads and trailer fields of one answer */
#define TRANSFER_CONNECTIONS 16    /* kept open at most */

struct transfers; /* all that go through one pool of connections */
struct transfer;

/* Times are rounded up to milliseconds; a time that is no limit is 0. Texts are borrowed till return, and
 * NULL or empty where there is none. */
struct transfers_config {
    const char *user_agent;
    int64_t total_timeout_us;   /* of one transfer, from its start */
    int64_t connect_timeout_us; /* for name, connection and TLS together */
    int64_t first_byte_us;      /* from the write to the answer's first line; 0: no limit of its own */
    int64_t low_speed_us;       /* from then on, in each such span ...; 0: no limit */
    int64_t low_speed_bytes;    /* ... so many bytes a second, or the transfer is given up */
    size_t body_max_bytes;      /* of one body */
    size_t bodies_max_bytes;    /* of all that are being received: room that is taken for them */
    const char *ca_file;        /* PEM: who may vouch for the provider; none: the system's */
    const char *proxy;          /* URL of an HTTP proxy */
};

struct transfer_request {
    const char *url; /* all borrowed till return */
    bool head;       /* HEAD instead of GET */
    struct text client_id, request_id;
    struct text traceparent; /* empty: none */
};

/* What is known at the end; borrows from the transfer. */
struct transfer_result {
    enum upstream_end end;
    const struct upstream_head *head;
    struct text body;
    int64_t sent_at_us;  /* just before the write; 0: never written */
    int64_t first_at_us; /* the answer's first byte had come by then; 0: none came */
    int64_t ended_at_us;
    unsigned connects;  /* connections opened for it */
    const char *detail; /* what libcurl says of a failure, or "" */
};

struct transfer_handlers {
    /* The connection is there, and the request is about to be written: may it be? Called within libcurl: must
     * neither start nor free a transfer. */
    bool (*may_send)(void *arg, int64_t now_us);
    /* It has been written, at that time. Called just afterwards; may be the last thing before ended(). */
    void (*sent)(void *arg, int64_t sent_at_us);
    /* It is over; never called from transfer_start(). The transfer is still yours to free, here or later. */
    void (*ended)(void *arg, const struct transfer_result *result);
};

/* NULL when out of memory. */
struct transfers *transfers_new(struct event_base *base, const struct transfers_config *config);
/* Closes all connections; free the transfers first. Takes NULL. */
void transfers_free(struct transfers *transfers);

/* Prepares a transfer; handlers are borrowed for ever. NULL when out of memory, or when a value cannot be
 * sent in a header field. */
struct transfer *transfer_new(struct transfers *transfers, const struct transfer_request *request,
                              const struct transfer_handlers *handlers, void *arg);

/* Lets it take so long at most, its connection included, where that is less than what its pool allows. Before
 * its start. */
void transfer_limit(struct transfer *transfer, int64_t total_us);

/* Sends it now: over a kept connection it has been written, and sent() been called, when this returns. 0, or
 * -ENOMEM: nothing has happened or will. */
int transfer_start(struct transfer *transfer);

/* Whether the request has been written, or is just being. */
bool transfer_is_sent(const struct transfer *transfer);

/* Ends it, whatever it does, without calling anything. Takes NULL. */
void transfer_free(struct transfer *transfer);

#endif
