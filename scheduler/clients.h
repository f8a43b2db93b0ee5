/* clients.h - whose jobs they are: a client is known as long as one of its jobs lives, so the table is never
 * larger than the jobs are many, and nobody has a history. Pure. */
#ifndef SLUICE_CLIENTS_H
#define SLUICE_CLIENTS_H

#include <stdint.h>
#include <uthash.h>

#include "scheduler/order.h"

struct client {
    uint64_t id;
    uint32_t jobs;        /* that live */
    uint32_t waiting;     /* of them, in the queue */
    struct order line;    /* policy fair: those that wait, in the order of coming */
    uint64_t round, turn; /* policy fair: of its first place, and its turn in each round */
    UT_hash_handle hh;
};

struct clients {
    struct client *table; /* uthash; NULL when empty */
};

/* NULL when no job of it lives. */
struct client *clients_find(const struct clients *clients, uint64_t id);

/* For one more job, to be released at the end of its life. NULL when out of memory. */
struct client *clients_take(struct clients *clients, uint64_t id);
void clients_release(struct clients *clients, struct client *client);

#endif
