/* wire.h - the sockets of a pool of connections, opened and closed for libcurl, which does not tell which of
 * them a transfer uses, nor looks at what has come over one that is kept. */
#ifndef SLUICE_WIRE_H
#define SLUICE_WIRE_H

#include <stdbool.h>

struct wire;

struct wires {
    struct wire *first; /* NULL at the beginning */
};

/* As socket(2) and close(2). */
int wires_open(struct wires *wires, int family, int type, int protocol);
int wires_close(struct wires *wires, int fd);
/* Closes nothing: after libcurl has closed all. */
void wires_forget(struct wires *wires);

/* It is kept, and of no request now; or it is in use again. Other descriptors may be named, too. */
void wires_rest(struct wires *wires, int fd, bool idle);

/* Whether there are bytes to read on the one that has this port of ours. */
bool wires_have_spoken(struct wires *wires, int local_port);

/* Cuts the kept connections that are good for nothing any more, so that libcurl finds them dead and takes
 * another one: those over which something has come that nobody has asked for (it would be read as the next
 * answer), and those that were reset (the next request would be lost). libcurl 7.88 only sees those that have
 * ended. */
void wires_cut_spoilt(struct wires *wires);

#endif
