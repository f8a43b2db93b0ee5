/* clients.h - whose jobs they are: a client is known as long as one of its jobs lives, so there are never
 * more than jobs, and nobody has a history. An order by their ids rather than a hash table: it takes as much
 * memory as there are clients, and never stops to grow. Pure. */
#ifndef SLUICE_CLIENTS_H
#define SLUICE_CLIENTS_H

#include <stdint.h>

#include "scheduler/order.h"

struct client {
    uint64_t id;
    uint32_t jobs;        /* that live */
    uint32_t waiting;     /* of them, in the queue */
    struct order line;    /* policy fair: those that wait, in the order of coming */
    uint64_t round, turn; /* policy fair: of its first place, and its turn in each round */
};

struct clients { /* {0} are none */
    struct order order;
};

/* NULL when no job of it lives. */
struct client *clients_find(const struct clients *clients, uint64_t id);

/* The one of that place in the order of their ids; NULL beyond the end. */
struct client *clients_at(const struct clients *clients, unsigned place);

/* For one more job, to be released at the end of its life. NULL when out of memory. */
struct client *clients_take(struct clients *clients, uint64_t id);
void clients_release(struct clients *clients, struct client *client);

#endif
