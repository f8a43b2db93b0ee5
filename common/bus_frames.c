/* bus_frames.c - see bus_frames.h. */
#include "common/bus_frames.h"

#include <errno.h>

struct text bus_frame_text(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), zmq_msg_size(frame)};
}

static int receive_one(void *socket, zmq_msg_t *frame)
{
    int rc;

    zmq_msg_init(frame);
    do
        rc = zmq_msg_recv(frame, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return 0;
    rc = -errno;
    zmq_msg_close(frame);
    return rc;
}

/* What is left of the message that was begun: frames beyond what we know, a peer's nonsense, or what we have
 * had no memory for. It must not be taken for the next message: a body is what a stranger wrote. */
static void drop_rest(void *socket)
{
    size_t bytes = sizeof(int);
    zmq_msg_t frame;
    int more;

    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &bytes) == 0 && more &&
           receive_one(socket, &frame) == 0)
        zmq_msg_close(&frame);
}

static int receive_body(void *socket, struct bus_frames *frames)
{
    frames->body = bus_body_receive();
    if (!frames->body)
        return -ENOMEM;
    while (zmq_msg_recv(&frames->body->message, socket, ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR)
            return -ENOMEM;
    }
    if (zmq_msg_more(&frames->body->message))
        return -EBADMSG;
    return bus_body_detach(frames->body);
}

static int receive_after_lead(void *socket, struct bus_frames *frames)
{
    if (!zmq_msg_more(&frames->lead))
        return -EBADMSG;
    return receive_one(socket, &frames->head) < 0 ? -ENOMEM : 0; /* it is there: messages come whole */
}

int bus_frames_receive(void *socket, bool with_lead, struct bus_frames *frames)
{
    int rc = receive_one(socket, with_lead ? &frames->lead : &frames->head);

    frames->body = NULL;
    if (rc < 0)
        return rc == -EAGAIN ? rc : -EBADMSG;
    zmq_msg_init(with_lead ? &frames->head : &frames->lead);
    if (with_lead)
        rc = receive_after_lead(socket, frames);
    if (rc == 0 && zmq_msg_more(&frames->head))
        rc = receive_body(socket, frames);
    if (rc < 0)
        drop_rest(socket);
    if (rc == -EBADMSG)
        bus_frames_done(frames);
    return rc;
}

void bus_frames_done(struct bus_frames *frames)
{
    zmq_msg_close(&frames->lead);
    zmq_msg_close(&frames->head);
    bus_body_free(frames->body);
}

static int send_one(void *socket, const char *bytes, size_t count, bool more)
{
    int rc;

    do
        rc = zmq_send(socket, bytes, count, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int send_body(void *socket, struct bus_body *body)
{
    zmq_msg_t shared;
    int rc;

    zmq_msg_init(&shared);
    if (zmq_msg_copy(&shared, &body->message) < 0) {
        rc = -errno;
        zmq_msg_close(&shared);
        return rc;
    }
    do
        rc = zmq_msg_send(&shared, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return 0;
    rc = -errno;
    zmq_msg_close(&shared);
    return rc;
}

/* A message that was begun and cannot be ended: what is sent next would become a part of it. With more frames
 * than any message has, it is dropped by whoever gets it; empty frames take no memory. */
static void spoil(void *socket)
{
    send_one(socket, "", 0, true);
    send_one(socket, "", 0, false);
}

int bus_frames_send(void *socket, struct text lead, struct text head, struct bus_body *body)
{
    int rc = lead.at ? send_one(socket, lead.at, lead.bytes, true) : 0;
    bool begun = rc == 0 && lead.at;

    if (rc == 0)
        rc = send_one(socket, head.at, head.bytes, body != NULL);
    if (rc == 0 && body) {
        begun = true;
        rc = send_body(socket, body);
    }
    if (rc < 0 && begun)
        spoil(socket);
    return rc;
}
