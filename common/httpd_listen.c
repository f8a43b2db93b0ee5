/* httpd_listen.c - the listening socket of httpd.h: inherited, or bound here. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/httpd_internal.h"

#define INHERITED_FD 3    /* as in systemd's socket activation */
#define BACKLOG      4096 /* the kernel cuts it to net.core.somaxconn */

union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Whether the environment hands over a descriptor, and to us: a LISTEN_PID that is not ours was meant for a
 * process before us, which passed its environment on. */
static bool is_inherited(int *rc)
{
    const char *count = getenv("LISTEN_FDS");
    const char *pid = getenv("LISTEN_PID");

    *rc = 0;
    if (!count || !*count || (pid && *pid && strtol(pid, NULL, 10) != getpid()))
        return false;
    if (strcmp(count, "1") != 0)
        *rc = -EINVAL;
    return true;
}

static int inherited_take(void)
{
    int listens = 0, flags;
    socklen_t bytes = sizeof listens;

    if (getsockopt(INHERITED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) < 0)
        return -errno;
    if (!listens)
        return -EINVAL;
    flags = fcntl(INHERITED_FD, F_GETFL);
    if (flags < 0 || fcntl(INHERITED_FD, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    unsetenv("LISTEN_FDS"); /* taken: neither a second listener nor a child may have it again */
    unsetenv("LISTEN_PID");
    return INHERITED_FD;
}

/* Literals and "localhost" only: no process of ours may hang in a resolver at its start. */
static socklen_t address_read(const char *host, unsigned port, union endpoint *address)
{
    char literal[INET6_ADDRSTRLEN];
    size_t bytes = strlen(host);

    memset(address, 0, sizeof *address);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        return sizeof address->v4;
    }
    if (bytes > 2 && host[0] == '[' && host[bytes - 1] == ']' && bytes - 2 < sizeof literal) {
        snprintf(literal, sizeof literal, "%.*s", (int)bytes - 2, host + 1);
        host = literal;
    }
    if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) != 1)
        return 0;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((uint16_t)port);
    return sizeof address->v6;
}

int httpd_listen(const char *host, unsigned port)
{
    union endpoint address;
    socklen_t bytes;
    int fd, rc;

    if (is_inherited(&rc))
        return rc < 0 ? rc : inherited_take();
    bytes = address_read(host, port, &address);
    if (!bytes || port > 65535)
        return -EINVAL;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Not SO_REUSEPORT: it would let a stray second stack share the port unnoticed. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, &address.any, bytes) < 0 || listen(fd, BACKLOG) < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

bool httpd_address_ok(const char *host)
{
    union endpoint address;

    return address_read(host, 0, &address) != 0;
}

unsigned httpd_port(int listen_fd)
{
    union endpoint address = {0};
    socklen_t bytes = sizeof address;

    if (getsockname(listen_fd, &address.any, &bytes) < 0)
        return 0;
    if (address.any.sa_family == AF_INET6)
        return ntohs(address.v6.sin6_port);
    return address.any.sa_family == AF_INET ? ntohs(address.v4.sin_port) : 0;
}

/* An address as a number that tells clients apart (common/addresses.h). */
static uint64_t client_number(const union endpoint *peer)
{
    uint64_t upper;
    uint32_t lower;

    if (peer->any.sa_family == AF_INET)
        return ntohl(peer->v4.sin_addr.s_addr);
    if (peer->any.sa_family != AF_INET6)
        return 0;
    memcpy(&upper, peer->v6.sin6_addr.s6_addr, sizeof upper);
    memcpy(&lower, peer->v6.sin6_addr.s6_addr + 12, sizeof lower);
    return IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr) ? ntohl(lower) : be64toh(upper);
}

int httpd_accept(int listen_fd, uint64_t *client)
{
    union endpoint peer = {0};
    socklen_t bytes = sizeof peer;
    int fd = accept4(listen_fd, &peer.any, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);

    *client = client_number(&peer);
    return fd;
}
