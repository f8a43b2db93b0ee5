/* pending.c - see pending.h. An id is a slot's number and how often the slot has been used, so that looking
 * it up needs no hashing and an old id never finds a new request. */
#include "gateway/pending.h"

#include <errno.h>
#include <stdlib.h>

#define SLOT_BITS 20
#define SLOT_MASK ((1U << SLOT_BITS) - 1)
#define NO_SLOT   UINT32_MAX

struct slot {
    struct pending_request *request; /* NULL: free */
    uint32_t uses;
    uint32_t next_free;
};

struct pending {
    struct slot *slots;
    struct pending_request **heap; /* binary, by deadline */
    struct pending_request *oldest, *newest, *unsubmitted;
    uint32_t limit, count;
    uint32_t fresh;      /* slots from here on have never been used */
    uint32_t first_free; /* a chain of those given back */
};

struct pending *pending_new(uint32_t limit)
{
    struct pending *pending = calloc(1, sizeof(*pending));

    if (!pending || limit == 0 || limit > SLOT_MASK)
        goto fail;
    /* Not touched before they are used: the kernel gives the pages one by one. */
    pending->slots = calloc(limit, sizeof(pending->slots[0]));
    pending->heap = calloc(limit, sizeof(struct pending_request *));
    if (!pending->slots || !pending->heap)
        goto fail;
    pending->limit = limit;
    pending->first_free = NO_SLOT;
    return pending;
fail:
    pending_free(pending);
    return NULL;
}

void pending_free(struct pending *pending)
{
    if (!pending)
        return;
    free(pending->slots);
    free(pending->heap);
    free(pending);
}

uint32_t pending_count(const struct pending *pending)
{
    return pending->count;
}

static void heap_put(struct pending *pending, uint32_t at, struct pending_request *request)
{
    pending->heap[at] = request;
    request->heap_at = at;
}

static void heap_up(struct pending *pending, uint32_t at, struct pending_request *request)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;

        if (pending->heap[parent]->deadline_us <= request->deadline_us)
            break;
        heap_put(pending, at, pending->heap[parent]);
        at = parent;
    }
    heap_put(pending, at, request);
}

static void heap_down(struct pending *pending, uint32_t at, struct pending_request *request)
{
    uint32_t count = pending->count;

    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && pending->heap[child + 1]->deadline_us < pending->heap[child]->deadline_us)
            child++;
        if (request->deadline_us <= pending->heap[child]->deadline_us)
            break;
        heap_put(pending, at, pending->heap[child]);
        at = child;
    }
    heap_put(pending, at, request);
}

/* The last one fills the hole; it may belong above it or below it. */
static void heap_cut(struct pending *pending, uint32_t at)
{
    struct pending_request *last = pending->heap[--pending->count];

    if (at == pending->count)
        return;
    if (at > 0 && last->deadline_us < pending->heap[(at - 1) / 2]->deadline_us)
        heap_up(pending, at, last);
    else
        heap_down(pending, at, last);
}

static uint32_t slot_take(struct pending *pending)
{
    uint32_t place = pending->first_free;

    if (place == NO_SLOT)
        return pending->fresh++;
    pending->first_free = pending->slots[place].next_free;
    return place;
}

int pending_add(struct pending *pending, struct pending_request *request)
{
    struct slot *slot;
    uint32_t place;

    if (pending->count == pending->limit)
        return -ENOBUFS;
    place = slot_take(pending);
    slot = &pending->slots[place];
    slot->request = request;
    slot->uses++;
    request->id = (uint64_t)slot->uses << SLOT_BITS | place;
    request->submitted = false;
    request->again = false;
    request->prev = pending->newest;
    request->next = NULL;
    if (pending->newest)
        pending->newest->next = request;
    else
        pending->oldest = request;
    pending->newest = request;
    if (!pending->unsubmitted)
        pending->unsubmitted = request;
    heap_up(pending, pending->count++, request);
    return 0;
}

void pending_remove(struct pending *pending, struct pending_request *request)
{
    uint32_t place = (uint32_t)(request->id & SLOT_MASK);

    pending->slots[place].request = NULL;
    pending->slots[place].next_free = pending->first_free;
    pending->first_free = place;
    if (pending->unsubmitted == request)
        pending->unsubmitted = request->next;
    if (request->prev)
        request->prev->next = request->next;
    else
        pending->oldest = request->next;
    if (request->next)
        request->next->prev = request->prev;
    else
        pending->newest = request->prev;
    heap_cut(pending, request->heap_at);
}

struct pending_request *pending_find(const struct pending *pending, uint64_t id)
{
    uint32_t place = (uint32_t)(id & SLOT_MASK);

    if (place >= pending->fresh || pending->slots[place].uses != id >> SLOT_BITS)
        return NULL;
    return pending->slots[place].request;
}

struct pending_request *pending_oldest(const struct pending *pending)
{
    return pending->oldest;
}

struct pending_request *pending_unsubmitted(const struct pending *pending)
{
    return pending->unsubmitted;
}

void pending_submit(struct pending *pending)
{
    pending->unsubmitted->submitted = true;
    pending->unsubmitted = pending->unsubmitted->next;
}

void pending_unsubmit_all(struct pending *pending)
{
    for (struct pending_request *request = pending->oldest; request && request->submitted;
         request = request->next) {
        request->submitted = false;
        request->again = true;
    }
    pending->unsubmitted = pending->oldest;
}

struct pending_request *pending_next_due(const struct pending *pending)
{
    return pending->count > 0 ? pending->heap[0] : NULL;
}
