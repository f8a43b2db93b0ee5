/* outbox.h - what one peer is to be told, in order: sent at once while the link has credit, kept otherwise,
 * up to a bound that the owner sets. Knows one link at a time; what a dead one was to be told is forgotten.
 */
#ifndef SLUICE_OUTBOX_H
#define SLUICE_OUTBOX_H

#include "common/bus.h"

struct outbox_item;

struct outbox {
    struct bus_socket *socket; /* set by the owner, */
    unsigned max;              /* and so is this: messages kept at most */
    unsigned count;
    uint64_t peer; /* 0: no link */
    struct outbox_item *first, *last;
};

/* The link to that peer is up, or (0) down. Forgets what waits. */
void outbox_link(struct outbox *outbox, uint64_t peer);

/* Borrows both: what has to wait is copied with its texts, the body is kept. 0 also when it has to wait;
 * -ENOTCONN without a link; -ENOBUFS: as many wait as may; -ENOMEM; -EMSGSIZE: the message breaks the
 * catalogue; -EINVAL: it would have to wait, but holds lists, which cannot. */
int outbox_send(struct outbox *outbox, struct message *message, struct bus_body *body);

/* Sends what waits, as far as credit goes: for writable(). */
void outbox_flush(struct outbox *outbox);

#endif
