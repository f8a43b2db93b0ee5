/* httpd_internal.h - what httpd.c (listener, timer, drain), httpd_connection.c (one connection),
 * httpd_stream.c (answers that go on) and httpd_buffers.c (what is held for a client) share. */
#ifndef SLUICE_HTTPD_INTERNAL_H
#define SLUICE_HTTPD_INTERNAL_H

#include <event2/event_struct.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/addresses.h"
#include "common/http_answer.h"
#include "common/httpd.h"

#define HTTPD_BUFFER_BYTES ((size_t)64 * 1024)
#define HTTPD_LINGER_US    2000000
#define HTTPD_LINGER_BYTES ((size_t)1024 * 1024)

/* Each state has its list. Where the state has a time limit it is the same for all, so the list is sorted by
 * deadline and the timer looks at its front only. */
enum connection_state {
    CONNECTION_IDLE,    /* between requests */
    CONNECTION_HEAD,    /* a request has come in part */
    CONNECTION_WAITING, /* a request has been handed over: the exchange lives */
    CONNECTION_WRITING, /* its answer did not fit into the socket */
    CONNECTION_STREAM,  /* its answer goes on: the exchange lives, and all that was sent is in the socket */
    CONNECTION_HELD,    /* the same, but the socket did not take all of it */
    CONNECTION_LINGER,  /* the last answer is out; what still comes is dropped */
    CONNECTION_DEAD,    /* freed as soon as no function of ours stands on it */
    CONNECTION_STATES
};

/* What the event is registered for. It is changed off the beaten track only: each change is two system calls.
 * Edge-triggered watching is for a waiting connection whose input must not be read, or has ended: the level
 * would stay raised and spin the loop, but a reset must be seen. So it is with a connection that streams. */
enum connection_mode { CONNECTION_READ, CONNECTION_WATCH, CONNECTION_WRITE };

TAILQ_HEAD(connection_list, httpd_exchange);

/* A connection has at most one exchange at a time, so they are one and the same. */
struct httpd_exchange {
    struct httpd *httpd;
    TAILQ_ENTRY(httpd_exchange) link;  /* in the list of its state */
    TAILQ_ENTRY(httpd_exchange) ready; /* while is_ready: in httpd->ready */
    struct address *address;           /* whose connection it is; NULL where it is refused */
    int64_t deadline_us;
    void *mine;
    struct text also; /* field lines for the answer */
    struct event event;
    struct http_parser parser;
    char *in; /* what has been read and not parsed; NULL as a rule */
    size_t in_at, in_bytes, in_size;
    char *out; /* what the socket did not take of the answer: [out_at, out_bytes); NULL as a rule */
    size_t out_at, out_bytes;
    size_t out_counted;  /* of it in stats.buffered_bytes: a stream's has a bound of its own */
    size_t linger_bytes; /* that may still be dropped */
    enum connection_state state;
    enum connection_mode mode;
    bool is_ready;      /* has bytes to be parsed at the next turn */
    bool is_serving;    /* connection_serve() stands on it */
    bool is_old;        /* has had a request */
    bool has_fin;       /* the peer has ended its side */
    bool head_only;     /* of the current request: HEAD */
    bool keep_alive;    /* no side wants an end after this request */
    bool client_closes; /* the client wants it, so it sends nothing more */
    bool is_1_0;
    bool is_chunked; /* its stream */
};

struct httpd {
    struct event_base *base;
    struct httpd_config config;
    struct httpd_handlers handlers;
    void *arg;
    struct event *accept_event, *tick_event;
    struct event *turn_event; /* fires in the loop's next round */
    int listen_fd;
    bool accept_paused, draining;
    int64_t drain_us; /* when it began */
    void (*done)(void *arg);
    void *done_arg;
    int64_t now_us; /* sampled at each wake-up */
    int64_t tick_us;
    int64_t date_second;
    char date[HTTP_DATE_BYTES];
    int64_t timeouts_us[CONNECTION_STATES];
    size_t in_limit; /* of one connection's in */
    struct connection_list lists[CONNECTION_STATES];
    struct connection_list ready;
    unsigned ready_count;
    struct addresses *addresses;
    unsigned refused_count; /* connections that only get their 503: no part of stats.connections */
    uint64_t answered_bytes;
    size_t in_held; /* by requests that have come in part, of all connections */
    struct httpd_stats stats;
    char buffer[HTTPD_BUFFER_BYTES]; /* all connections read into it */
};

/* As accept4(); client: the peer's address, as a number. */
int httpd_accept(int listen_fd, uint64_t *client);

/* Takes the descriptor, and the place of that address (NULL: it is one that will be refused). NULL, and both
 * are given up, when out of memory. */
struct httpd_exchange *connection_new(struct httpd *httpd, int fd, struct address *address);
void connection_free(struct httpd_exchange *connection);

/* Goes on parsing what has been read already. */
void connection_resume(struct httpd_exchange *connection);

/* Answers with an error of our own, ends the connection. May free it. */
void connection_refuse(struct httpd_exchange *connection, const struct httpd_refusal *refusal);

/* Says good-bye to an idle connection, in a way that lets the peer see it. May free it. */
void connection_end_idle(struct httpd_exchange *connection);

/* Lets the turn event fire in the loop's next round. */
void httpd_turn_soon(struct httpd *httpd);

static inline bool connection_streams(const struct httpd_exchange *connection)
{
    return connection->state == CONNECTION_STREAM || connection->state == CONNECTION_HELD;
}

static inline unsigned httpd_connected(const struct httpd *httpd)
{
    return (unsigned)httpd->stats.connections + httpd->refused_count;
}

/* Into the list of that state; where it has a time limit, the time starts. */
void connection_enter(struct httpd_exchange *connection, enum connection_state state);
/* False: out of memory. */
bool connection_mode_set(struct httpd_exchange *connection, enum connection_mode mode);
void connection_in_free(struct httpd_exchange *connection);
/* Keeps bytes that came but cannot be parsed yet. False when out of memory, or of what is allowed. */
bool connection_in_append(struct httpd_exchange *connection, const char *bytes, size_t count);
/* Copies what the socket did not take, the parts but for their first `sent` bytes, behind what is in out:
 * there is room for it. */
void connection_out_append(struct httpd_exchange *connection, const struct iovec *parts, size_t count,
                           size_t sent);
/* Keeps an answer but for its first `sent` bytes. False as above. */
bool connection_out_keep(struct httpd_exchange *connection, const struct iovec *parts, size_t count,
                         size_t sent);
void connection_out_free(struct httpd_exchange *connection);
/* No more requests: everything is sent. May enter CONNECTION_DEAD. */
void connection_finish(struct httpd_exchange *connection);
/* At once, with gone() where an exchange lives, and frees it. */
void connection_drop(struct httpd_exchange *connection);
/* For who has not taken what was sent: what still waits in the socket is thrown away when it is closed. */
void connection_abandon(struct httpd_exchange *connection);
/* Decides what comes next, once no function stands on the connection any more; frees it when it is dead. */
void connection_settle(struct httpd_exchange *connection, enum http_progress progress);
/* As sendmsg(); total is the length of all parts. */
ssize_t connection_parts_send(int fd, struct iovec *parts, size_t count, size_t total);
/* Whether errno says that there is no reason to worry. */
bool connection_again(void);

/* Ends a stream whose reader does not take what it gets. */
void httpd_stream_cut(struct httpd_exchange *connection);
/* Ends all streams; those that have bytes waiting at once. */
void httpd_streams_end(struct httpd *httpd);

#endif
