/* admin.h - /admin: operators' orders and questions on their way to the scheduler and back. Each call is
 * answered once: at once when it is refused or the scheduler is away, else with the scheduler's word, or
 * after 5 s without one. Writes no log: the scheduler audits what is obeyed. */
#ifndef SLUICE_ADMIN_H
#define SLUICE_ADMIN_H

#include "common/bus.h"
#include "common/cache.h"
#include "common/httpd.h"
#include "gateway/cors.h"

#define ADMIN_CALLS_MAX   32
#define ADMIN_PATIENCE_US 5000000

struct admin;
struct bursts;

struct admin_config {
    const char *token;       /* "": only this host may ask; borrowed till return */
    const struct cors *cors; /* knows the dashboard's page; borrowed for its life */
    const char *client_id;   /* of the answers whose purge names none; borrowed for its life */
    unsigned char secret[CACHE_SECRET_BYTES]; /* of the cache's keys */
};

/* NULL when out of memory. */
struct admin *admin_new(struct event_base *base, const struct admin_config *config);
void admin_free(struct admin *admin); /* takes NULL; forgets who waits, without an answer */

/* A request of a path of /admin (admin_call_is()). Gives the status of a refusal, 0 when the scheduler or the
 * bursts are asked. */
int admin_request(struct admin *admin, struct httpd_exchange *exchange, const struct http_request *request,
                  struct text request_id);
/* What those of /admin/bursts go to; borrowed. */
void admin_serve_bursts(struct admin *admin, struct bursts *bursts);
/* Its client has left: what was ordered stays ordered. */
void admin_gone(struct admin *admin, const struct httpd_exchange *exchange);

/* What the link to the scheduler says. */
void admin_up(struct admin *admin, struct bus_socket *link, uint64_t peer);
void admin_down(struct admin *admin);
void admin_message(struct admin *admin, const struct message *message, struct bus_body *body);

#endif
