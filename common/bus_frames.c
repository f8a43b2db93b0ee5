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

/* Frames beyond what we know: a peer's nonsense, which must not be taken for the next message. */
static bool drop_rest(void *socket, bool more)
{
    bool dropped = more;
    zmq_msg_t frame;

    while (more && receive_one(socket, &frame) == 0) {
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    return dropped;
}

static int receive_body(void *socket, struct bus_frames *frames)
{
    frames->body = bus_body_receive();
    if (!frames->body)
        return -ENOMEM;
    while (zmq_msg_recv(&frames->body->message, socket, ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (drop_rest(socket, zmq_msg_more(&frames->body->message)))
        return -EBADMSG;
    return bus_body_detach(frames->body);
}

int bus_frames_receive(void *socket, bool with_lead, struct bus_frames *frames)
{
    int rc;

    frames->body = NULL;
    rc = receive_one(socket, with_lead ? &frames->lead : &frames->head);
    if (rc < 0)
        return rc == -EAGAIN ? rc : -EBADMSG;
    if (with_lead) {
        if (!zmq_msg_more(&frames->lead) || receive_one(socket, &frames->head) < 0) {
            zmq_msg_close(&frames->lead);
            return -EBADMSG;
        }
    } else
        zmq_msg_init(&frames->lead);
    if (zmq_msg_more(&frames->head) && receive_body(socket, frames) < 0) {
        bus_frames_done(frames);
        return -EBADMSG;
    }
    return 0;
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
    if (zmq_msg_copy(&shared, &body->message) < 0)
        return -errno;
    do
        rc = zmq_msg_send(&shared, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return 0;
    rc = -errno;
    zmq_msg_close(&shared);
    return rc;
}

int bus_frames_send(void *socket, struct text lead, struct text head, struct bus_body *body)
{
    int rc = lead.at ? send_one(socket, lead.at, lead.bytes, true) : 0;

    if (rc == 0)
        rc = send_one(socket, head.at, head.bytes, body != NULL);
    if (rc == 0 && body)
        rc = send_body(socket, body);
    return rc;
}
