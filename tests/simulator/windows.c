/* windows.c - a bounded hash table of windows. When it is full, clients whose window is over make room; an
 * open window is never forgotten, since a judge that forgets would acquit. */
#include "tests/simulator/windows.h"

#include <stdlib.h>

struct client {
    struct client *next;
    int64_t last_ns; /* the previous arrival */
    int64_t open_ns; /* `delay` opens windows in the future */
    int64_t end_ns;  /* of the window or the block */
    unsigned used;   /* requests in this window; 0: there is none */
    bool blocked;
    size_t bytes;
    char id[];
};

struct windows {
    struct windows_config config;
    unsigned clients;
    size_t buckets; /* a power of two */
    struct client **bucket;
};

struct windows *windows_new(const struct windows_config *config)
{
    struct windows *windows = calloc(1, sizeof(*windows));

    if (!windows)
        return NULL;
    windows->config = *config;
    windows->buckets = 16;
    while (windows->buckets < config->max_clients)
        windows->buckets *= 2;
    windows->bucket = calloc(windows->buckets, sizeof(struct client *));
    if (!windows->bucket) {
        free(windows);
        return NULL;
    }
    return windows;
}

/* Drops those whose time is over at now_ns. */
static void sweep(struct windows *windows, int64_t now_ns)
{
    for (size_t i = 0; i < windows->buckets; i++) {
        struct client **link = &windows->bucket[i];

        while (*link) {
            struct client *client = *link;

            if (client->end_ns > now_ns) {
                link = &client->next;
                continue;
            }
            *link = client->next;
            free(client);
            windows->clients--;
        }
    }
}

void windows_clear(struct windows *windows)
{
    sweep(windows, INT64_MAX);
}

void windows_free(struct windows *windows)
{
    if (!windows)
        return;
    windows_clear(windows);
    free(windows->bucket);
    free(windows);
}

static struct client **bucket_of(struct windows *windows, struct text id)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

    for (size_t i = 0; i < id.bytes; i++)
        hash = (hash ^ (unsigned char)id.at[i]) * 1099511628211ULL;
    return &windows->bucket[(hash ^ (hash >> 32)) & (windows->buckets - 1)];
}

static struct client *client_find(struct windows *windows, struct text id)
{
    struct client *client = *bucket_of(windows, id);

    while (client && !(client->bytes == id.bytes && memcmp(client->id, id.at, id.bytes) == 0))
        client = client->next;
    return client;
}

/* NULL when there is no room. */
static struct client *client_add(struct windows *windows, struct text id, int64_t now_ns)
{
    struct client **bucket = bucket_of(windows, id);
    struct client *client;

    if (windows->clients >= windows->config.max_clients)
        sweep(windows, now_ns);
    if (windows->clients >= windows->config.max_clients)
        return NULL;
    client = calloc(1, sizeof(*client) + id.bytes);
    if (!client)
        return NULL;
    client->last_ns = -1;
    client->bytes = id.bytes;
    memcpy(client->id, id.at, id.bytes);
    client->next = *bucket;
    *bucket = client;
    windows->clients++;
    return client;
}

static void rule_early(const struct windows_config *config, struct client *client, int64_t now_ns,
                       struct ruling *ruling)
{
    ruling->outcome = WINDOWS_EARLY;
    if (config->delay) {
        /* The next window opens with the late answer, which is its first. */
        client->open_ns = now_ns + config->penalty_ns;
        client->end_ns = client->open_ns + config->window_ns;
        client->used = 1;
        ruling->delay_ns = config->penalty_ns;
        ruling->reset_ns = config->window_ns;
        ruling->remaining = config->burst - 1;
        return;
    }
    client->blocked = true;
    client->end_ns = now_ns + config->penalty_ns;
    client->used = 0;
    ruling->reset_ns = config->penalty_ns;
}

/* now_ns is what the provider's clock shows. */
static void rule(const struct windows_config *config, struct client *client, int64_t now_ns,
                 int64_t offset_ns, struct ruling *ruling)
{
    if (client->blocked && now_ns < client->end_ns) {
        ruling->outcome = WINDOWS_BLOCKED;
        ruling->reset_ns = ruling->rest_ns = client->end_ns - now_ns;
        return;
    }
    client->blocked = false;
    if (client->used == 0 || now_ns + offset_ns >= client->end_ns) {
        client->open_ns = now_ns;
        client->end_ns = now_ns + config->window_ns;
        client->used = 0;
    } else if (client->used >= config->burst || now_ns < client->open_ns) {
        ruling->rest_ns = client->end_ns - now_ns - offset_ns;
        rule_early(config, client, now_ns, ruling);
        return;
    }
    client->used++;
    ruling->outcome = WINDOWS_OPEN;
    ruling->remaining = config->burst - client->used;
    ruling->reset_ns = client->end_ns > now_ns ? client->end_ns - now_ns : 0;
}

void windows_judge(struct windows *windows, struct text id, int64_t now_ns, const struct windows_clock *clock,
                   struct ruling *ruling)
{
    int64_t shown_ns = clock->step_ns > 0 ? now_ns - now_ns % clock->step_ns : now_ns;
    struct client *client = client_find(windows, id);

    *ruling = (struct ruling){.outcome = WINDOWS_FULL, .gap_ns = -1};
    if (!client) /* a clock that runs behind keeps windows open for longer */
        client = client_add(windows, id, clock->offset_ns < 0 ? shown_ns + clock->offset_ns : shown_ns);
    if (!client)
        return;
    if (client->last_ns >= 0)
        ruling->gap_ns = now_ns - client->last_ns;
    client->last_ns = now_ns;
    rule(&windows->config, client, shown_ns, clock->offset_ns, ruling);
}

const struct windows_config *windows_rules(const struct windows *windows)
{
    return &windows->config;
}
