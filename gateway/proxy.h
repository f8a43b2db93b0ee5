/* proxy.h - a request for a provider's answer on its way through the gateway: checked, looked up in the
 * cache, else submitted to the scheduler and kept until its word comes or the deadline passes. A client that
 * prefers it (RFC 7240, respond-async) gets a 202 meanwhile, and the request goes on as a job, about which it
 * can ask under /jobs.
 *
 * Each request that comes in is decided exactly once, and the desk tells of it. Reads no clock
 * and writes no log. */
#ifndef SLUICE_PROXY_H
#define SLUICE_PROXY_H

#include "common/bus.h"
#include "gateway/render.h"
#include "gateway/reply.h"
#include "gateway/wish.h"

#define PROXY_QUERY_BYTES 8192                /* a longer query string is refused */
#define PROXY_OVERDUE_US  250000              /* how long after a deadline the scheduler's word is awaited */
#define PROXY_QUERY       (UINT64_C(1) << 63) /* in the ids of all its queries, and in no others */

struct proxy;

struct proxy_config {
    uint64_t epoch;        /* the gateway's; request ids are drawn from it */
    const char *client_id; /* sent to providers when the caller gives none; borrowed */
    int64_t timeout_us;    /* from a request to its deadline */
    uint32_t waiters_max;  /* requests that wait at most */
    struct wish_rules wishes;
    uint32_t polls_max; /* and requests that await word of a job */
    uint32_t jobs_max;  /* see jobs.h, as for the next two */
    size_t jobs_bytes_max;
    int64_t jobs_keep_us;
    struct metrics *metrics; /* borrowed */
    unsigned char secret[CACHE_SECRET_BYTES];
    struct reply_desk desk;
};

/* NULL when out of memory. */
struct proxy *proxy_new(const struct proxy_config *config);
void proxy_free(struct proxy *proxy); /* takes NULL; forgets who waits, without an answer */

/* A fresh request id, in digits. */
struct text proxy_draw_id(struct proxy *proxy, char digits[RENDER_ID_BYTES]);

/* What httpd says. */
void proxy_request(struct proxy *proxy, struct httpd_exchange *exchange, const struct http_request *request,
                   const struct lane *lane, const struct moment *moment);
/* One of this process itself: the request goes the same way as a client's, but its end is told to the errand,
 * perhaps before this returns. Borrows the request until then. */
void proxy_errand(struct proxy *proxy, struct errand *errand, const struct http_request *request,
                  const struct lane *lane, const struct moment *moment);
/* As a client that hangs up: its end is told at once. Harmless when it waits no longer. */
void proxy_errand_leave(struct proxy *proxy, struct errand *errand);
/* One under /jobs. */
void proxy_job_request(struct proxy *proxy, struct httpd_exchange *exchange,
                       const struct http_request *request, const struct moment *moment);
void proxy_gone(struct proxy *proxy, struct httpd_exchange *exchange);

/* What the link to the scheduler says. Everything outstanding is submitted (again) when it comes up. */
void proxy_up(struct proxy *proxy, struct bus_socket *link, uint64_t peer, const struct moment *moment);
void proxy_down(struct proxy *proxy, const struct moment *moment);
void proxy_message(struct proxy *proxy, const struct message *message, struct bus_body *body,
                   const struct moment *moment);
/* Submits what waits for credit; also harmless at any other time. */
void proxy_flush(struct proxy *proxy, const struct moment *moment);

/* When proxy_expire() is to be called; INT64_MAX while there is nothing to wait for. */
int64_t proxy_due_us(const struct proxy *proxy);
void proxy_expire(struct proxy *proxy, const struct moment *moment);

/* Answers everybody who waits with that reason. */
void proxy_refuse_all(struct proxy *proxy, enum reason reason, const struct moment *moment);

/* The gateway is going to end: no more jobs; who prefers one gets its answer in time. */
void proxy_drain(struct proxy *proxy);
/* Whether somebody waits for an answer of the scheduler's. */
bool proxy_busy(const struct proxy *proxy);

/* Writes what there is now into the metrics. */
void proxy_gauge(const struct proxy *proxy);

#endif
