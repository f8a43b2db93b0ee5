/* clients.c - see clients.h. */
#include "scheduler/clients.h"

#include <stdlib.h>

struct client *clients_find(const struct clients *clients, uint64_t id)
{
    const struct order_entry *entry = order_find(&clients->order, (struct order_key){.key = id});

    return entry ? entry->item : NULL;
}

struct client *clients_at(const struct clients *clients, unsigned place)
{
    const struct order_entry *entry = order_at(&clients->order, place);

    return entry ? entry->item : NULL;
}

struct client *clients_take(struct clients *clients, uint64_t id)
{
    struct client *client = clients_find(clients, id);

    if (client) {
        client->jobs++;
        return client;
    }
    client = calloc(1, sizeof(*client));
    if (!client || order_reserve(&clients->order, order_count(&clients->order) + 1) < 0) {
        free(client);
        return NULL;
    }
    client->id = id;
    client->jobs = 1;
    order_insert(&clients->order, (struct order_key){.key = id}, client);
    return client;
}

void clients_release(struct clients *clients, struct client *client)
{
    if (--client->jobs > 0)
        return;
    order_remove(&clients->order, (struct order_key){.key = client->id});
    order_reserve(&clients->order, order_count(&clients->order));
    order_reserve(&client->line, 0);
    free(client);
}
