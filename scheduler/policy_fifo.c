/* policy_fifo.c - first come, first served. */
#include "scheduler/queue.h"

/* One class for all: within it the order of coming decides. */
static uint64_t key_fifo(const struct queue *queue, const struct client *client, uint8_t priority)
{
    (void)queue;
    (void)client;
    (void)priority;
    return UINT64_MAX;
}

static void add_fifo(struct queue *queue, struct job *job, const struct queue_place *old)
{
    (void)old;
    order_insert(&queue->order, queue_coming(job), job);
}

static void remove_fifo(struct queue *queue, struct job *job)
{
    order_remove(&queue->order, queue_coming(job));
}

static unsigned position_fifo(const struct queue *queue, const struct job *job)
{
    return order_rank(&queue->order, queue_coming(job));
}

const struct queue_policy queue_policy_fifo = {
    .name = "fifo", .key = key_fifo, .add = add_fifo, .remove = remove_fifo, .position = position_fifo};
