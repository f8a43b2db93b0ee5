/* connection.h - one connection of the simulator: its buffers, its exchanges, its timer. */
#ifndef SIMULATOR_CONNECTION_H
#define SIMULATOR_CONNECTION_H

#include <sys/queue.h>

#include "tests/simulator/server.h"

struct connection;
TAILQ_HEAD(connections, connection);

/* What all connections of a server share. */
struct server_core {
    struct event_base *base;
    struct server_handlers handlers;
    void *arg;
    struct server_stats stats;
    struct connections open;
};

/* Takes the descriptor, and does with it what is to become of it. -ENOMEM: it has been closed. */
int connection_new(struct server_core *core, int fd, enum faults_accept accept);

/* Closes and frees it; gone() is called for the exchanges that wait. */
void connection_free(struct connection *connection);

#endif
