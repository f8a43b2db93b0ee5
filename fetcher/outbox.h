/* outbox.h - what the fetcher has to tell the scheduler, in order: sent at once while the link has credit,
 * kept otherwise. Knows one link at a time; what a dead one was to be told is forgotten. */
#ifndef SLUICE_OUTBOX_H
#define SLUICE_OUTBOX_H

#include "common/bus.h"

struct outbox_item;

struct outbox {
    struct bus_socket *socket; /* set by the owner */
    uint64_t peer;             /* 0: no link */
    struct outbox_item *first, *last;
};

/* The link to that peer is up, or (0) down. Forgets what waits. */
void outbox_link(struct outbox *outbox, uint64_t peer);

/* Borrows both; texts in the message must live for ever. 0 also when it has to wait; -ENOTCONN without a
 * link; -ENOMEM; -EMSGSIZE: the message breaks the catalogue. */
int outbox_send(struct outbox *outbox, struct message *message, struct bus_body *body);

/* Sends what waits, as far as credit goes. */
void outbox_flush(struct outbox *outbox);

#endif
