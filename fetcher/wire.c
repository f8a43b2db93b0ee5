/* wire.c - see wire.h. */
#include "fetcher/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
    struct wire *next;
    int fd;
    bool idle;
};

int wires_open(struct wires *wires, int family, int type, int protocol)
{
    struct wire *wire = malloc(sizeof(*wire));

    if (!wire)
        return -1;
    *wire = (struct wire){.next = wires->first, .fd = socket(family, type | SOCK_CLOEXEC, protocol)};
    if (wire->fd < 0) {
        free(wire);
        return -1;
    }
    wires->first = wire;
    return wire->fd;
}

int wires_close(struct wires *wires, int fd)
{
    struct wire **at = &wires->first, *wire;

    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    wire = *at;
    if (wire)
        *at = wire->next;
    free(wire);
    return close(fd);
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

bool wires_have_spoken(const struct wires *wires, int local_port)
{
    for (const struct wire *wire = wires->first; wire; wire = wire->next) {
        if (peek(wire) == 1 && has_port(wire, local_port))
            return true;
    }
    return false;
}

/* libcurl looks whether an end can be read, and takes a reset for life. So the descriptor gets a connection
 * that has ended. Where none can be had the dissolved one is found out when it is written to. */
static void cut(const struct wire *wire)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int pair[2];

    (void)connect(wire->fd, &nobody, sizeof(nobody)); /* forgets what it has brought */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    (void)dup3(pair[0], wire->fd, O_CLOEXEC);
    close(pair[0]);
    close(pair[1]);
}

void wires_cut_spoilt(const struct wires *wires)
{
    for (const struct wire *wire = wires->first; wire; wire = wire->next) {
        if (wire->idle && peek(wire) != -EAGAIN)
            cut(wire);
    }
}
