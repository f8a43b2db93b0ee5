/* bus_body.c - a body frame with a count of its owners: what came in one message goes out in others uncopied.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/bus_frames.h"

#define RECEIVE_BUFFER_BYTES 8192 /* of libzmq: what is longer has memory of its own */

struct bus_body *bus_body_receive(void)
{
    struct bus_body *body = malloc(sizeof(*body));

    if (!body)
        return NULL;
    body->owners = 1;
    zmq_msg_init(&body->message);
    return body;
}

int bus_body_detach(struct bus_body *body)
{
    size_t bytes = zmq_msg_size(&body->message);
    zmq_msg_t own;

    if (bytes > RECEIVE_BUFFER_BYTES)
        return 0;
    if (zmq_msg_init_size(&own, bytes) < 0)
        return -ENOMEM;
    memcpy(zmq_msg_data(&own), zmq_msg_data(&body->message), bytes);
    zmq_msg_move(&body->message, &own);
    return 0;
}

struct bus_body *bus_body_room(size_t bytes, char **at)
{
    struct bus_body *body = malloc(sizeof(*body));

    if (!body)
        return NULL;
    body->owners = 1;
    if (zmq_msg_init_size(&body->message, bytes) < 0) {
        free(body);
        return NULL;
    }
    *at = zmq_msg_data(&body->message);
    return body;
}

struct bus_body *bus_body_new(struct text bytes)
{
    char *at;
    struct bus_body *body = bus_body_room(bytes.bytes, &at);

    if (body && bytes.bytes > 0)
        memcpy(at, bytes.at, bytes.bytes);
    return body;
}

struct bus_body *bus_body_keep(struct bus_body *body)
{
    if (body)
        body->owners++;
    return body;
}

void bus_body_free(struct bus_body *body)
{
    if (!body || --body->owners > 0)
        return;
    zmq_msg_close(&body->message);
    free(body);
}

struct text bus_body_text(const struct bus_body *body)
{
    zmq_msg_t *message = body ? (zmq_msg_t *)&body->message : NULL; /* libzmq's getters take no const */

    return message ? (struct text){zmq_msg_data(message), zmq_msg_size(message)} : (struct text){"", 0};
}
