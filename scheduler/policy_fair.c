/* policy_fair.c - turns: in each round one job of each client that waits (queue.h tells the rules).
 *
 * A client's places are consecutive rounds, from that of its first place; within a round clients keep one
 * turn. The queue's order holds places, not jobs: which of a client's jobs stands at a place follows from its
 * index in the client's line. So when one leaves the middle, one place is taken out, and all behind it have
 * moved up without being touched. */
#include <assert.h>

#include "scheduler/queue.h"

#define LOOK_BACK 64 /* rounds after which a place that was popped is no place any more */

/* A new client comes in at the next round, behind those who are there: a round that has begun is closed, or
 * a stream of new clients could hold up every second job for ever. */
static uint64_t key_fair(const struct queue *queue, const struct client *client, uint8_t priority)
{
    unsigned places = client ? order_count(&client->line) : 0;

    (void)priority;
    return places > 0 ? client->round + places : queue->round + 1;
}

static void open_line(const struct queue *queue, struct client *client, const struct job *job, bool returned)
{
    const struct order_node *old = &job->index; /* the place from which it was popped, if it was in turns */

    client->round = queue->round + 1;
    client->turn = job->place.seq;
    if (!returned || old->key > queue->round || old->key + LOOK_BACK < queue->round)
        return;
    client->round = old->key;
    client->turn = old->seq;
}

static void add_fair(struct queue *queue, struct job *job, bool returned)
{
    struct client *client = job->client;
    unsigned places = order_count(&client->line);

    if (places == 0)
        open_line(queue, client, job, returned);
    else if (returned)
        client->round--; /* one more in front; a new one stands at the end */
    job->index.key = returned ? client->round : client->round + places;
    job->index.seq = client->turn;
    order_insert(&queue->order, &job->index);
    job->place.key = 0;
    order_insert(&client->line, &job->place);
}

static void remove_fair(struct queue *queue, struct job *job, bool served)
{
    struct client *client = job->client;
    uint64_t round = client->round + (served ? 0 : order_count(&client->line) - 1);
    struct order_node *freed = order_find(&queue->order, round, client->turn);

    assert(freed);
    order_remove(&queue->order, freed);
    if (freed != &job->index) /* another job's node: it takes the place of this one's, which must go */
        order_replace(&queue->order, &job->index, freed);
    job->index.key = round;
    job->index.seq = client->turn;
    order_remove(&client->line, &job->place);
    if (!served)
        return;
    client->round++;
    if (round > queue->round)
        queue->round = round;
}

static unsigned position_fair(const struct queue *queue, const struct job *job)
{
    const struct client *client = job->client;
    unsigned index = order_rank(&client->line, &job->place);

    return order_rank_of(&queue->order, client->round + index, client->turn);
}

static struct job *job_of_fair(const struct queue *queue, const struct order_node *at)
{
    const struct client *client = queue_job_of_index(at)->client;

    (void)queue;
    return queue_job_of_place(order_at(&client->line, (unsigned)(at->key - client->round)));
}

const struct queue_policy queue_policy_fair = {.name = "fair",
                                               .key = key_fair,
                                               .add = add_fair,
                                               .remove = remove_fair,
                                               .position = position_fair,
                                               .job_of = job_of_fair};
