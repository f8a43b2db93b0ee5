/* visitor.h - who asks about something that a gateway keeps under an id, a job or a burst: a client of this
 * gateway, or another gateway for a client of its own. Whichever it is, it is told the whole answer. */
#ifndef SLUICE_VISITOR_H
#define SLUICE_VISITOR_H

#include "common/httpd.h"
#include "common/message.h"
#include "gateway/render.h"

struct bus_body;
struct moment;
struct proxy;

struct visitor {
    struct httpd_exchange *exchange; /* NULL: another gateway, for a client of its own: */
    uint64_t gateway, query;         /* its epoch, and its query's id */
    char request_id[RENDER_ID_BYTES];
};

/* Answers a visitor: with a record (NULL: there was no memory for it), with a problem. */
void proxy_tell(struct proxy *proxy, const struct visitor *visitor, struct bus_body *record);
void proxy_tell_reply(struct proxy *proxy, const struct visitor *visitor, const struct httpd_reply *reply);
/* field: the name of one more field and its value, or NULL. */
void proxy_tell_problem(struct proxy *proxy, const struct visitor *visitor, struct problem problem,
                        const char *field, const char *value);

/* Has the gateway of that epoch asked, in place of the visitor, who is told what it says, or what has become
 * of it. The query's id is set here. */
void proxy_pass_on(struct proxy *proxy, const struct visitor *visitor, struct message_query *query,
                   const struct moment *moment);

#endif
