/* outbox.c - see outbox.h. */
#include "common/outbox.h"

#include <errno.h>
#include <stdlib.h>

struct outbox_item {
    struct outbox_item *next;
    struct message message; /* its texts lie behind the item */
    struct bus_body *body;
    char texts[];
};

static void drop_first(struct outbox *outbox)
{
    struct outbox_item *item = outbox->first;

    outbox->first = item->next;
    if (!outbox->first)
        outbox->last = NULL;
    outbox->count--;
    bus_body_free(item->body);
    free(item);
}

void outbox_link(struct outbox *outbox, uint64_t peer)
{
    while (outbox->first)
        drop_first(outbox);
    outbox->peer = peer;
}

/* The message's text of that field; NULL when it is none. Every message begins where the union does. */
static struct text *text_at(struct message *message, const struct message_field *field)
{
    bool is_text = field->type == MESSAGE_FIELD_TEXT || field->type == MESSAGE_FIELD_BYTES;

    return is_text ? (struct text *)((char *)&message->hello + field->offset) : NULL;
}

/* Bytes of all texts. -EINVAL when something else is borrowed; -EMSGSIZE. */
static int texts_bytes(struct message *message, const struct message_field *fields, unsigned count,
                       size_t *bytes)
{
    *bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct text *text = text_at(message, &fields[i]);

        if (fields[i].type == MESSAGE_FIELD_PAIRS || fields[i].type == MESSAGE_FIELD_UINTS)
            return -EINVAL;
        if (text && text->bytes > fields[i].limit)
            return -EMSGSIZE;
        *bytes += text ? text->bytes : 0;
    }
    return 0;
}

static void copy_texts(struct outbox_item *item, const struct message_field *fields, unsigned count)
{
    char *at = item->texts;

    for (unsigned i = 0; i < count; i++) {
        struct text *text = text_at(&item->message, &fields[i]);

        if (!text || text->bytes == 0)
            continue;
        memcpy(at, text->at, text->bytes);
        text->at = at;
        at += text->bytes;
    }
}

static int keep(struct outbox *outbox, struct message *message, struct bus_body *body)
{
    const struct message_spec *spec = message_spec_find(message->type);
    unsigned count = 0;
    const struct message_field *fields = spec ? spec->fields(&count) : NULL;
    struct outbox_item *item;
    size_t bytes;
    int rc = spec ? texts_bytes(message, fields, count, &bytes) : -EMSGSIZE;

    if (rc < 0)
        return rc;
    if (outbox->count >= outbox->max)
        return -ENOBUFS;
    item = malloc(sizeof(*item) + bytes);
    if (!item)
        return -ENOMEM;
    *item = (struct outbox_item){.message = *message, .body = bus_body_keep(body)};
    copy_texts(item, fields, count);
    if (outbox->last)
        outbox->last->next = item;
    else
        outbox->first = item;
    outbox->last = item;
    outbox->count++;
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
    while (outbox->first) {
        int rc = bus_send(outbox->socket, outbox->peer, &outbox->first->message, outbox->first->body);

        if (rc == -EAGAIN || rc == -ENOMEM) /* the next credit is another occasion */
            return;
        drop_first(outbox);
    }
}
