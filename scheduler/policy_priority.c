/* policy_priority.c - the most urgent class first; within a class, first come, first served. Who has waited
 * for too long is served before all classes, the oldest first, and keeps the name of its class: relabelling
 * would end as plain fifo. */
#include "scheduler/queue.h"

#define STARVED 0
#define CLASSES 1

static uint64_t key_priority(const struct queue *queue, const struct client *client, uint8_t priority)
{
    (void)queue;
    (void)client;
    return CLASSES + (uint64_t)priority;
}

static void add_priority(struct queue *queue, struct job *job, bool returned)
{
    (void)returned;
    job->place.key = job->starved ? STARVED : key_priority(queue, job->client, job->priority);
    order_insert(&queue->order, &job->place);
    if (job->starved)
        return;
    job->index.key = 0;
    job->index.seq = job->place.seq;
    order_insert(&queue->ages, &job->index);
}

static void remove_priority(struct queue *queue, struct job *job, bool served)
{
    (void)served;
    order_remove(&queue->order, &job->place);
    if (!job->starved)
        order_remove(&queue->ages, &job->index);
}

static void move(struct queue *queue, struct job *job, uint64_t key)
{
    order_remove(&queue->order, &job->place);
    job->place.key = key;
    order_insert(&queue->order, &job->place);
}

static void update_priority(struct queue *queue, struct job *job)
{
    uint64_t key = key_priority(queue, job->client, job->priority);

    if (!job->starved && job->place.key != key)
        move(queue, job, key);
}

static void lift_starved(struct queue *queue, int64_t now_us)
{
    const struct order_node *oldest;

    if (queue->config.starvation_us <= 0)
        return;
    while ((oldest = order_at(&queue->ages, 0))) {
        struct job *job = queue_job_of_index(oldest);

        if (now_us - job->arrival_us < queue->config.starvation_us)
            return;
        order_remove(&queue->ages, &job->index);
        job->starved = true;
        move(queue, job, STARVED);
        if (queue->config.lifted)
            queue->config.lifted(queue->config.arg, job, now_us);
    }
}

const struct queue_policy queue_policy_priority = {.name = "priority",
                                                   .key = key_priority,
                                                   .add = add_priority,
                                                   .remove = remove_priority,
                                                   .update = update_priority,
                                                   .lift = lift_starved};
