/* clients.c - see clients.h. */
#define HASH_NONFATAL_OOM 1 /* uthash would exit(); with this a failed add leaves hh.tbl NULL */
#include "scheduler/clients.h"

#include <stdlib.h>

struct client *clients_find(const struct clients *clients, uint64_t id)
{
    struct client *found;

    HASH_FIND(hh, clients->table, &id, sizeof(id), found);
    return found;
}

struct client *clients_take(struct clients *clients, uint64_t id)
{
    struct client *client = clients_find(clients, id);

    if (client) {
        client->jobs++;
        return client;
    }
    client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    client->id = id;
    client->jobs = 1;
    HASH_ADD(hh, clients->table, id, sizeof(client->id), client);
    if (client->hh.tbl)
        return client;
    free(client);
    return NULL;
}

void clients_release(struct clients *clients, struct client *client)
{
    if (--client->jobs > 0)
        return;
    HASH_DEL(clients->table, client);
    free(client);
}
