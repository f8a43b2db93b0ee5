/* outbox.c - see outbox.h. */
#include "fetcher/outbox.h"

#include <errno.h>
#include <stdlib.h>

struct outbox_item {
    struct outbox_item *next;
    struct message message;
    struct bus_body *body;
};

static void drop_first(struct outbox *outbox)
{
    struct outbox_item *item = outbox->first;

    outbox->first = item->next;
    if (!outbox->first)
        outbox->last = NULL;
    bus_body_free(item->body);
    free(item);
}

void outbox_link(struct outbox *outbox, uint64_t peer)
{
    while (outbox->first)
        drop_first(outbox);
    outbox->peer = peer;
}

/* At most one `sent` and one `fetched` for each fetch, whose number the link's credits bound. */
static int keep(struct outbox *outbox, const struct message *message, struct bus_body *body)
{
    struct outbox_item *item = calloc(1, sizeof(*item));

    if (!item)
        return -ENOMEM;
    item->message = *message;
    item->body = bus_body_keep(body);
    if (outbox->last)
        outbox->last->next = item;
    else
        outbox->first = item;
    outbox->last = item;
    return 0;
}

int outbox_send(struct outbox *outbox, struct message *message, struct bus_body *body)
{
    int rc = -EAGAIN;

    if (outbox->peer == 0)
        return -ENOTCONN;
    if (!outbox->first)
        rc = bus_send(outbox->socket, outbox->peer, message, body);
    return rc == -EAGAIN ? keep(outbox, message, body) : rc;
}

void outbox_flush(struct outbox *outbox)
{
    while (outbox->first &&
           bus_send(outbox->socket, outbox->peer, &outbox->first->message, outbox->first->body) != -EAGAIN)
        drop_first(outbox);
}
