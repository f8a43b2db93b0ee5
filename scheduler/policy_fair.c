/* policy_fair.c - turns: in each round one job of each client that waits (queue.h tells the rules).
 *
 * A client's places are consecutive rounds, from that of its first place; within a round clients keep one
 * turn. The queue's order holds places, not jobs: which of a client's jobs stands at a place follows from its
 * index in the client's line. So when one leaves the middle, one place is taken out, and all behind it have
 * moved up without being touched. */
#include "scheduler/queue.h"

#define LOOK_BACK 64 /* rounds after which a place that was popped is no place any more */

/* A new client comes in at the next round, behind those who are there: a round that has begun is closed, or
 * a stream of new clients could hold up every second job for ever. */
static uint64_t key_fair(const struct queue *queue, const struct client *client, uint8_t priority)
{
    (void)priority;
    return client && client->waiting > 0 ? client->round + client->waiting : queue->round + 1;
}

static void open_line(const struct queue *queue, struct client *client, const struct job *job,
                      const struct queue_place *old)
{
    client->round = queue->round + 1;
    client->turn = job->seq;
    if (!old || old->round > queue->round || old->round + LOOK_BACK < queue->round)
        return;
    client->round = old->round;
    client->turn = old->turn;
}

static void add_fair(struct queue *queue, struct job *job, const struct queue_place *old)
{
    struct client *client = job->client;
    struct order_key place;

    if (client->waiting == 0)
        open_line(queue, client, job, old);
    else if (old)
        client->round--; /* one more in front; a new one stands at the end */
    place.key = client->round + (old ? 0 : client->waiting);
    place.seq = client->turn;
    order_insert(&queue->order, place, client);
    order_insert(&client->line, queue_coming(job), job);
}

static void remove_fair(struct queue *queue, struct job *job)
{
    struct client *client = job->client;
    struct order_key last = {.key = client->round + client->waiting - 1, .seq = client->turn};

    order_remove(&queue->order, last);
    order_remove(&client->line, queue_coming(job));
}

static struct job *take_fair(struct queue *queue, struct order_entry place)
{
    const struct order_entry *first = order_first(&queue->order);
    struct client *client = place.item;

    client->round++;
    /* One that is taken out of turn begins no round: others have still to be served before it. */
    if (place.key.key > queue->round && (!first || first->key.key >= place.key.key))
        queue->round = place.key.key;
    return order_take_first(&client->line).item;
}

/* Each client's oldest job stands at its first place. */
static const struct order_entry *oldest_fair(const struct queue *queue)
{
    struct order_key place = {.key = 0};
    const struct client *client;
    uint64_t seq = UINT64_MAX;

    for (unsigned i = 0; (client = clients_at(&queue->clients, i)); i++) {
        const struct order_entry *first = order_first(&client->line);

        if (!first || first->key.seq >= seq)
            continue;
        place = (struct order_key){.key = client->round, .seq = client->turn};
        seq = first->key.seq;
    }
    return order_find(&queue->order, place);
}

static unsigned position_fair(const struct queue *queue, const struct job *job)
{
    const struct client *client = job->client;
    unsigned index = order_rank(&client->line, queue_coming(job));

    return order_rank(&queue->order, (struct order_key){.key = client->round + index, .seq = client->turn});
}

static struct job *job_at_fair(const struct queue *queue, const struct order_entry *place)
{
    const struct client *client = place->item;

    (void)queue;
    return order_at(&client->line, (unsigned)(place->key.key - client->round))->item;
}

/* The order of coming lies behind all places. */
static void enter_fair(struct queue *queue)
{
    const struct order_key coming = {.key = UINT64_MAX};
    const struct order_entry *first;
    struct client *client;

    for (unsigned i = 0; (client = clients_at(&queue->clients, i)); i++)
        client->waiting = 0;
    while ((first = order_seek(&queue->order, coming))) {
        struct job *job = first->item;

        order_remove(&queue->order, first->key);
        add_fair(queue, job, NULL);
        job->client->waiting++;
    }
}

static void leave_fair(struct queue *queue)
{
    const struct order_entry *next;

    while ((next = order_first(&queue->order)) && next->key.key != UINT64_MAX) {
        struct client *client = order_take_first(&queue->order).item;
        struct order_entry first = order_take_first(&client->line);

        order_insert(&queue->order, first.key, first.item);
    }
}

const struct queue_policy queue_policy_fair = {.name = "fair",
                                               .turns = true,
                                               .key = key_fair,
                                               .add = add_fair,
                                               .remove = remove_fair,
                                               .take = take_fair,
                                               .oldest = oldest_fair,
                                               .position = position_fair,
                                               .job_at = job_at_fair,
                                               .enter = enter_fair,
                                               .leave = leave_fair};
