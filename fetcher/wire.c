/* wire.c - see wire.h. */
#include "fetcher/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct wire {
    struct wire *next;
    int fd;
    ino_t inode; /* of its socket: descriptors are used again */
    bool idle;
};

/* 0: there is none. */
static ino_t inode_of(int fd)
{
    struct stat about;

    return fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode) ? about.st_ino : 0;
}

static void remove_wire(struct wire **at)
{
    struct wire *wire = *at;

    *at = wire->next;
    free(wire);
}

/* libcurl 7.88 closes some sockets by itself: those whose connection was never made. Their descriptors may
 * be anybody's by now. */
static void forget_closed(struct wires *wires)
{
    struct wire **at = &wires->first;

    while (*at) {
        if (inode_of((*at)->fd) != (*at)->inode)
            remove_wire(at);
        else
            at = &(*at)->next;
    }
}

int wires_open(struct wires *wires, int family, int type, int protocol)
{
    struct wire *wire = malloc(sizeof(*wire));

    if (!wire)
        return -1;
    forget_closed(wires);
    *wire = (struct wire){.next = wires->first, .fd = socket(family, type | SOCK_CLOEXEC, protocol)};
    if (wire->fd < 0) {
        free(wire);
        return -1;
    }
    wire->inode = inode_of(wire->fd);
    wires->first = wire;
    return wire->fd;
}

int wires_close(struct wires *wires, int fd)
{
    struct wire **at = &wires->first;

    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    if (*at)
        remove_wire(at);
    return close(fd);
}

void wires_forget(struct wires *wires)
{
    while (wires->first)
        remove_wire(&wires->first);
}

void wires_rest(struct wires *wires, int fd, bool idle)
{
    for (struct wire *wire = wires->first; wire; wire = wire->next) {
        if (wire->fd == fd)
            wire->idle = idle;
    }
}

/* 1: a byte can be read (and still can be); 0: the end; -EAGAIN: nothing; or the connection is broken. */
static int peek(const struct wire *wire)
{
    char byte;
    ssize_t bytes = recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return bytes < 0 ? -errno : (int)bytes;
}

static bool has_port(const struct wire *wire, int port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } local = {0};
    socklen_t bytes = sizeof(local);

    if (getsockname(wire->fd, &local.any, &bytes) < 0)
        return false;
    return ntohs(local.any.sa_family == AF_INET6 ? local.v6.sin6_port : local.v4.sin_port) == port;
}

bool wires_have_spoken(struct wires *wires, int local_port)
{
    forget_closed(wires);
    for (const struct wire *wire = wires->first; wire; wire = wire->next) {
        if (peek(wire) == 1 && has_port(wire, local_port))
            return true;
    }
    return false;
}

/* libcurl looks whether an end can be read, and takes a reset for life. So the descriptor gets a connection
 * that has ended. Where none can be had the dissolved one is found out when it is written to. */
static void cut(struct wire *wire)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int pair[2];

    (void)connect(wire->fd, &nobody, sizeof(nobody)); /* forgets what it has brought */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    (void)dup3(pair[0], wire->fd, O_CLOEXEC);
    wire->inode = inode_of(wire->fd);
    close(pair[0]);
    close(pair[1]);
}

void wires_cut_spoilt(struct wires *wires)
{
    forget_closed(wires);
    for (struct wire *wire = wires->first; wire; wire = wire->next) {
        if (wire->idle && peek(wire) != -EAGAIN)
            cut(wire);
    }
}
