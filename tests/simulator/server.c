/* server.c - the listening socket. */
#include "tests/simulator/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/simulator/connection.h"

#define BACKLOG      1024
#define ACCEPT_BATCH 64 /* per wake-up, so that accepting cannot starve the rest */
#define FILLERS      2  /* a backlog of 0 holds one connection */

struct server {
    struct server_core core;
    int fd;
    unsigned max_connections;
    struct event *readable;
    struct event *retry;  /* accepts again after descriptors ran out, or when it may hear again */
    int fillers[FILLERS]; /* connections of its own that fill the backlog while it is deaf; -1: none */
};

static int listen_on(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, error;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = -errno;
    close(fd);
    return error;
}

int server_listen(const char *host, unsigned port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char service[16];
    int fd;

    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    fd = listen_on(found);
    freeaddrinfo(found);
    return fd;
}

unsigned server_port(int listen_fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(listen_fd, &address.any, &size) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static void on_readable(evutil_socket_t listen_fd, short what, void *arg)
{
    static const struct timeval pause = {.tv_usec = 100000};
    struct server *server = arg;
    int on = 1;

    (void)what;
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            event_del(server->readable); /* level-triggered: it would spin */
            event_add(server->retry, &pause);
        }
        if (fd < 0)
            return;
        server->core.stats.connections_total++;
        if (server->core.stats.connections >= server->max_connections) {
            server->core.stats.refused_total++;
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connection_new(&server->core, fd, server->core.handlers.accept(server->core.arg)) < 0)
            server->core.stats.refused_total++;
    }
}

/* Those that were accepted meanwhile as its own find themselves closed. */
static void drop_fillers(struct server *server)
{
    for (unsigned i = 0; i < FILLERS; i++) {
        if (server->fillers[i] >= 0)
            close(server->fillers[i]);
        server->fillers[i] = -1;
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;

    (void)fd;
    (void)what;
    drop_fillers(server);
    listen(server->fd, BACKLOG);
    event_add(server->readable, NULL);
}

/* A kernel whose queue of made connections is full drops the next SYN, and its sender tries again after a
 * second. */
void server_deafen(struct server *server, int64_t span_us)
{
    struct timeval span = {.tv_sec = span_us / 1000000, .tv_usec = span_us % 1000000};
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof(address);

    event_del(server->readable);
    drop_fillers(server);
    listen(server->fd, 0);
    if (getsockname(server->fd, (struct sockaddr *)&address, &size) == 0) {
        for (unsigned i = 0; i < FILLERS; i++) {
            server->fillers[i] = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            (void)connect(server->fillers[i], (struct sockaddr *)&address, size);
        }
    }
    event_add(server->retry, &span);
}

struct server *server_new(struct event_base *base, int listen_fd, unsigned max_connections,
                          const struct server_handlers *handlers, void *arg)
{
    struct server *server = calloc(1, sizeof(*server));

    if (!server) {
        close(listen_fd);
        return NULL;
    }
    server->core = (struct server_core){.base = base, .handlers = *handlers, .arg = arg};
    TAILQ_INIT(&server->core.open);
    server->fd = listen_fd;
    for (unsigned i = 0; i < FILLERS; i++)
        server->fillers[i] = -1;
    server->max_connections = max_connections;
    server->readable = event_new(base, listen_fd, EV_READ | EV_PERSIST, on_readable, server);
    server->retry = evtimer_new(base, on_retry, server);
    if (!server->readable || !server->retry || event_add(server->readable, NULL) < 0) {
        server_free(server);
        return NULL;
    }
    return server;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    while (!TAILQ_EMPTY(&server->core.open))
        connection_free(TAILQ_FIRST(&server->core.open));
    if (server->readable)
        event_free(server->readable);
    if (server->retry)
        event_free(server->retry);
    drop_fillers(server);
    close(server->fd);
    free(server);
}

const struct server_stats *server_stats(const struct server *server)
{
    return &server->core.stats;
}
