/* queue.c - see queue.h. */
#include "scheduler/queue.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

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
    const struct order_node *last;

    if (queue->config.client_max > 0 && known && known->waiting >= queue->config.client_max)
        return QUEUE_CLIENT_FULL;
    if (queue_count(queue) < queue->config.max)
        return QUEUE_ROOM;
    last = order_at(&queue->order, queue_count(queue) - 1);
    return last && queue->config.policy->key(queue, known, priority) < last->key ? QUEUE_DISPLACES
                                                                                 : QUEUE_FULL;
}

static void add(struct queue *queue, struct job *job, bool returned)
{
    queue->config.policy->add(queue, job, returned);
    job->client->waiting++;
}

static void take_out(struct queue *queue, struct job *job, bool served)
{
    queue->config.policy->remove(queue, job, served);
    job->client->waiting--;
}

int queue_push(struct queue *queue, struct job *job, uint64_t client)
{
    job->client = clients_take(&queue->clients, client);
    if (!job->client)
        return -ENOMEM;
    add(queue, job, false);
    return 0;
}

void queue_return(struct queue *queue, struct job *job)
{
    add(queue, job, true);
}

void queue_forget(struct queue *queue, struct job *job)
{
    if (job->client)
        clients_release(&queue->clients, job->client);
    job->client = NULL;
}

struct job *queue_peek(const struct queue *queue)
{
    return queue_at(queue, 0);
}

struct job *queue_pop(struct queue *queue)
{
    struct job *job = queue_peek(queue);

    if (job)
        take_out(queue, job, true);
    return job;
}

struct job *queue_last(const struct queue *queue)
{
    return queue_count(queue) > 0 ? queue_at(queue, queue_count(queue) - 1) : NULL;
}

void queue_remove(struct queue *queue, struct job *job)
{
    take_out(queue, job, false);
}

void queue_update(struct queue *queue, struct job *job)
{
    if (queue->config.policy->update)
        queue->config.policy->update(queue, job);
}

void queue_reorder(struct queue *queue, struct job *job, uint64_t seq)
{
    take_out(queue, job, false);
    job->place.seq = seq;
    add(queue, job, false);
}

void queue_lift(struct queue *queue, int64_t now_us)
{
    if (queue->config.policy->lift)
        queue->config.policy->lift(queue, now_us);
}

unsigned queue_position(const struct queue *queue, const struct job *job)
{
    if (queue->config.policy->position)
        return queue->config.policy->position(queue, job);
    return order_rank(&queue->order, &job->place);
}

struct job *queue_at(const struct queue *queue, unsigned position)
{
    const struct order_node *at = order_at(&queue->order, position);

    if (!at)
        return NULL;
    if (queue->config.policy->job_of)
        return queue->config.policy->job_of(queue, at);
    return queue_job_of_place(at);
}

/* By way of the order of coming, so that the new order is the same whichever the old one was. */
void queue_switch(struct queue *queue, const struct queue_policy *policy)
{
    struct order all = {.root = NULL};
    struct job *job;

    if (policy == queue->config.policy)
        return;
    while ((job = queue_peek(queue))) {
        take_out(queue, job, false);
        job->place.key = 0;
        order_insert(&all, &job->place);
    }
    assert(!queue->ages.root);
    queue->config.policy = policy;
    while (all.root) {
        job = queue_job_of_place(order_at(&all, 0));
        order_remove(&all, &job->place);
        add(queue, job, false);
    }
}
