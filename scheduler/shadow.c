/* shadow.c - see shadow.h. A table without chains: a client's window lies in one of a few places that its
 * hash names. Where all are taken by open windows of others nothing is counted, so that the total never says
 * too much. */
#include "scheduler/shadow.h"

#define PLACES 8 /* that are looked at for a client */

void shadow_init(struct shadow *shadow, int64_t window_us, unsigned burst)
{
    *shadow = (struct shadow){.window_us = window_us, .burst = burst};
    for (unsigned i = 0; i < SHADOW_WINDOWS; i++)
        shadow->windows[i].end_us = INT64_MIN;
}

static uint64_t hash_of(struct text client)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

    for (size_t i = 0; i < client.bytes; i++)
        hash = (hash ^ (unsigned char)client.at[i]) * 1099511628211ULL;
    return hash ^ hash >> 32;
}

/* The client's open window, else a place for a new one; NULL when there is none. */
static struct shadow_window *window_of(struct shadow *shadow, uint64_t client, int64_t at_us)
{
    struct shadow_window *room = NULL;

    for (unsigned i = 0; i < PLACES; i++) {
        struct shadow_window *window = &shadow->windows[(client + i) % SHADOW_WINDOWS];

        if (window->end_us <= at_us)
            room = room ? room : window;
        else if (window->client == client)
            return window;
    }
    return room;
}

bool shadow_arrive(struct shadow *shadow, struct text client, int64_t at_us)
{
    uint64_t hash = hash_of(client);
    struct shadow_window *window = window_of(shadow, hash, at_us);

    if (!window)
        return false;
    if (window->end_us <= at_us) {
        *window = (struct shadow_window){.client = hash, .end_us = at_us + shadow->window_us, .taken = 1};
        return false;
    }
    if (!window->blocked && window->taken < shadow->burst) {
        window->taken++;
        return false;
    }
    if (!window->blocked)
        window->end_us = at_us + SHADOW_PENALTY_US; /* in the place of the window, even of a longer one */
    window->blocked = true;
    return true;
}
