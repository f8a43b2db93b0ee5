/* queue.c - see queue.h. */
#include "scheduler/queue.h"

#include <errno.h>

#define FIRST_ROUND (UINT64_C(1) << 32) /* a returned job may need a place before the first */

/* In this order they are known to the state file: new ones come last. */
static const struct queue_policy *const policies[] = {
    &queue_policy_fifo,
    &queue_policy_priority,
    &queue_policy_fair,
};

const struct queue_policy *queue_policy_find(struct text name)
{
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (text_equal(name, policies[i]->name))
            return policies[i];
    }
    return NULL;
}

unsigned queue_policy_index(const struct queue_policy *policy)
{
    unsigned index = 0;

    while (index < sizeof(policies) / sizeof(policies[0]) && policies[index] != policy)
        index++;
    return index;
}

const struct queue_policy *queue_policy_at(unsigned index)
{
    return index < sizeof(policies) / sizeof(policies[0]) ? policies[index] : NULL;
}

void queue_init(struct queue *queue, const struct queue_config *config)
{
    *queue = (struct queue){.config = *config, .round = FIRST_ROUND};
}

unsigned queue_count(const struct queue *queue)
{
    return order_count(&queue->order);
}

enum queue_room queue_room(const struct queue *queue, uint64_t client, uint8_t priority)
{
    const struct client *known = clients_find(&queue->clients, client);
    const struct order_entry *last;

    if (queue->config.client_max > 0 && known && known->waiting >= queue->config.client_max)
        return QUEUE_CLIENT_FULL;
    if (queue_count(queue) < queue->config.max)
        return QUEUE_ROOM;
    last = order_at(&queue->order, queue_count(queue) - 1);
    return last && queue->config.policy->key(queue, known, priority) < last->key.key ? QUEUE_DISPLACES
                                                                                     : QUEUE_FULL;
}

/* Whoever waits or may come back has room in every order that the policy needs. */
static int reserve(struct queue *queue, struct client *client)
{
    int rc = queue->config.policy->turns ? order_reserve(&client->line, client->jobs) : 0;

    return rc == 0 ? order_reserve(&queue->order, queue->jobs) : rc;
}

static void add(struct queue *queue, struct job *job, const struct queue_place *old)
{
    queue->config.policy->add(queue, job, old);
    job->client->waiting++;
}

static void take_out(struct queue *queue, struct job *job)
{
    queue->config.policy->remove(queue, job);
    job->client->waiting--;
}

int queue_push(struct queue *queue, struct job *job, uint64_t client)
{
    job->client = clients_take(&queue->clients, client);
    if (!job->client)
        return -ENOMEM;
    queue->jobs++;
    if (reserve(queue, job->client) < 0) {
        queue_forget(queue, job);
        return -ENOMEM;
    }
    add(queue, job, NULL);
    return 0;
}

void queue_return(struct queue *queue, struct job *job, const struct queue_place *old)
{
    add(queue, job, old);
}

void queue_forget(struct queue *queue, struct job *job)
{
    struct client *client = job->client;

    if (!client)
        return;
    job->client = NULL;
    queue->jobs--;
    order_reserve(&queue->order, queue->jobs);
    clients_release(&queue->clients, client);
}

static struct job *job_at(const struct queue *queue, const struct order_entry *entry)
{
    if (!entry)
        return NULL;
    return queue->config.policy->job_at ? queue->config.policy->job_at(queue, entry) : entry->item;
}

struct job *queue_peek(const struct queue *queue)
{
    return job_at(queue, order_first(&queue->order));
}

static const struct order_entry *oldest(const struct queue *queue)
{
    const struct queue_policy *policy = queue->config.policy;

    return policy->oldest && queue_count(queue) > 0 ? policy->oldest(queue) : order_first(&queue->order);
}

struct job *queue_oldest(const struct queue *queue)
{
    return job_at(queue, oldest(queue));
}

static struct job *take(struct queue *queue, const struct order_entry *entry, struct queue_place *place)
{
    const struct queue_policy *policy = queue->config.policy;
    struct order_entry taken;
    struct job *job;

    *place = (struct queue_place){.round = 0};
    if (!entry)
        return NULL;
    taken = *entry; /* the order is going to change */
    if (policy->turns)
        *place = (struct queue_place){.round = taken.key.key, .turn = taken.key.seq};
    if (entry == order_first(&queue->order))
        order_take_first(&queue->order);
    else
        order_remove(&queue->order, taken.key);
    job = policy->take ? policy->take(queue, taken) : taken.item;
    job->client->waiting--;
    return job;
}

struct job *queue_pop(struct queue *queue, struct queue_place *place)
{
    return take(queue, order_first(&queue->order), place);
}

struct job *queue_pop_oldest(struct queue *queue, struct queue_place *place)
{
    return take(queue, oldest(queue), place);
}

struct job *queue_last(const struct queue *queue)
{
    return queue_count(queue) > 0 ? queue_at(queue, queue_count(queue) - 1) : NULL;
}

void queue_remove(struct queue *queue, struct job *job)
{
    take_out(queue, job);
}

void queue_update(struct queue *queue, struct job *job)
{
    if (queue->config.policy->update)
        queue->config.policy->update(queue, job);
}

void queue_reorder(struct queue *queue, struct job *job, uint64_t seq)
{
    take_out(queue, job);
    job->seq = seq;
    add(queue, job, NULL);
}

void queue_lift(struct queue *queue, int64_t now_us)
{
    if (queue->config.policy->lift)
        queue->config.policy->lift(queue, now_us);
}

unsigned queue_position(const struct queue *queue, const struct job *job)
{
    return queue->config.policy->position(queue, job);
}

struct job *queue_at(const struct queue *queue, unsigned position)
{
    return job_at(queue, order_at(&queue->order, position));
}

/* Room in the lines of all clients for all of their jobs, or for none. 0 or -ENOMEM. */
static int reserve_lines(struct queue *queue, bool room)
{
    struct client *client;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && (client = clients_at(&queue->clients, i)); i++)
        rc = order_reserve(&client->line, room ? client->jobs : 0);
    return rc;
}

/* By way of the order of coming, so that the new order is the same whichever the old one was. */
int queue_switch(struct queue *queue, const struct queue_policy *policy)
{
    const struct queue_policy *old = queue->config.policy;

    if (policy == old)
        return 0;
    if (policy->turns && reserve_lines(queue, true) < 0) {
        reserve_lines(queue, false);
        return -ENOMEM;
    }
    if (old->leave)
        old->leave(queue);
    if (policy->enter)
        policy->enter(queue);
    queue->config.policy = policy;
    if (old->turns)
        reserve_lines(queue, false);
    return 0;
}
