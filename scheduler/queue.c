/* queue.c - see queue.h. */
#include "scheduler/queue.h"

#include <errno.h>
#include <stddef.h>

static const struct queue_policy *const policies[] = {
    &queue_policy_fifo,
    &queue_policy_priority,
};

const struct queue_policy *queue_policy_find(struct text name)
{
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (text_equal(name, policies[i]->name))
            return policies[i];
    }
    return NULL;
}

const struct queue_policy *queue_policy_at(unsigned place)
{
    return place < sizeof(policies) / sizeof(policies[0]) ? policies[place] : NULL;
}

static struct job *job_of(struct order_node *node)
{
    return node ? (struct job *)((char *)node - offsetof(struct job, place)) : NULL;
}

void queue_init(struct queue *queue, const struct queue_policy *policy, unsigned max)
{
    *queue = (struct queue){.policy = policy, .max = max};
}

unsigned queue_count(const struct queue *queue)
{
    return order_count(&queue->order);
}

bool queue_full(const struct queue *queue)
{
    return queue_count(queue) >= queue->max;
}

int queue_push(struct queue *queue, struct job *job)
{
    if (queue_full(queue))
        return -ENOBUFS;
    queue_push_back(queue, job);
    return 0;
}

void queue_push_back(struct queue *queue, struct job *job)
{
    job->place.key = queue->policy->key(queue, job);
    order_insert(&queue->order, &job->place);
}

struct job *queue_peek(const struct queue *queue)
{
    return queue_at(queue, 0);
}

struct job *queue_pop(struct queue *queue)
{
    struct job *job = queue_peek(queue);

    if (job)
        queue_remove(queue, job);
    return job;
}

void queue_remove(struct queue *queue, struct job *job)
{
    order_remove(&queue->order, &job->place);
}

void queue_update(struct queue *queue, struct job *job)
{
    if (job->place.key == queue->policy->key(queue, job))
        return;
    queue_remove(queue, job);
    queue_push_back(queue, job);
}

unsigned queue_position(const struct queue *queue, const struct job *job)
{
    return order_rank(&queue->order, &job->place);
}

struct job *queue_at(const struct queue *queue, unsigned position)
{
    return job_of(order_at(&queue->order, position));
}

void queue_switch(struct queue *queue, const struct queue_policy *policy)
{
    struct queue other;
    struct job *job;

    queue_init(&other, policy, queue->max);
    while ((job = queue_pop(queue)))
        queue_push_back(&other, job);
    *queue = other;
}
