/* bus_frames.h - inside the bus: sending and receiving whole multi-part messages without ever blocking. */
#ifndef SLUICE_BUS_FRAMES_H
#define SLUICE_BUS_FRAMES_H

#include <zmq.h>

#include "common/bus.h"

#define BUS_FRAME_MAX_BYTES (80 << 20) /* longest frame taken from a peer */

struct bus_body {
    unsigned owners;
    zmq_msg_t message;
};

/* An empty body to receive into, and what is to be done then, for it may be kept: a short message borrows
 * from libzmq's receive buffer, some 18 kB that would live as long as it does. 0, or -ENOMEM. */
struct bus_body *bus_body_receive(void);
int bus_body_detach(struct bus_body *body);

/* What came: the leading frame (a ROUTER's routing id, a topic; absent on a DEALER), the head and the body.
 */
struct bus_frames {
    zmq_msg_t lead, head;
    struct bus_body *body;
};

/* 0, or -EAGAIN when nothing waits; -EBADMSG: too few or too many frames (they are gone then); -ENOMEM: a
 * message is lost, all but its lead. After 0 and -ENOMEM call bus_frames_done(). */
int bus_frames_receive(void *socket, bool with_lead, struct bus_frames *frames);
void bus_frames_done(struct bus_frames *frames);
struct text bus_frame_text(zmq_msg_t *frame);

/* Borrows all; lead.at NULL: none. 0, -EAGAIN (no room), -EHOSTUNREACH (a ROUTER's unknown peer), -ENOMEM:
 * nothing has come to anybody, or something that whoever gets it drops. */
int bus_frames_send(void *socket, struct text lead, struct text head, struct bus_body *body);

#endif
