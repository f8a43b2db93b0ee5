/* grant.c - see grant.h. */
#include "fetcher/grant.h"

#include <stdlib.h>

/* Nothing is due before the clock began: how late it is must be told. */
static int64_t since_start(int64_t at_us)
{
    return at_us > 0 ? at_us : 0;
}

struct grant *grant_new(const struct message_fetch *fetch, uint64_t serial, uint64_t link)
{
    struct grant *grant = calloc(1, sizeof(*grant));

    if (!grant)
        return NULL;
    if (fetch->key.bytes != sizeof(grant->key.bytes) || fetch->request.bytes >= sizeof(grant->request)) {
        free(grant);
        return NULL;
    }
    grant->state = GRANT_WAITING;
    grant->serial = serial;
    grant->attempt = fetch->attempt;
    grant->link = link;
    memcpy(grant->request, fetch->request.at, fetch->request.bytes);
    memcpy(grant->key.bytes, fetch->key.at, sizeof(grant->key.bytes));
    grant->earliest_at_us = since_start(fetch->earliest_at_us);
    grant->latest_at_us = since_start(fetch->latest_at_us);
    grant->deadline_at_us = since_start(fetch->deadline_at_us);
    return grant;
}

void grant_free(struct grant *grant)
{
    if (!grant)
        return;
    transfer_free(grant->transfer);
    if (grant->timer)
        event_free(grant->timer);
    free(grant);
}

void grant_add(struct grant **list, struct grant *grant)
{
    grant->next = *list;
    *list = grant;
}

void grant_remove(struct grant **list, struct grant *grant)
{
    while (*list != grant)
        list = &(*list)->next;
    *list = grant->next;
}

struct grant *grant_find(struct grant *list, uint64_t attempt, uint64_t link)
{
    while (list && (list->attempt != attempt || list->link != link))
        list = list->next;
    return list;
}

unsigned grant_count(const struct grant *list, enum grant_state state)
{
    unsigned count = 0;

    for (; list; list = list->next)
        count += list->state == state;
    return count;
}
