/* policy_fifo.c - first come, first served. */
#include "scheduler/queue.h"

/* One class for all: within it the order of coming decides. */
static uint64_t key_fifo(const struct queue *queue, const struct client *client, uint8_t priority)
{
    (void)queue;
    (void)client;
    (void)priority;
    return 0;
}

static void add_fifo(struct queue *queue, struct job *job, bool returned)
{
    (void)returned;
    job->place.key = 0;
    job->index.key = 0; /* should it go back under fair: it had no turn */
    order_insert(&queue->order, &job->place);
}

static void remove_fifo(struct queue *queue, struct job *job, bool served)
{
    (void)served;
    order_remove(&queue->order, &job->place);
}

const struct queue_policy queue_policy_fifo = {
    .name = "fifo", .key = key_fifo, .add = add_fifo, .remove = remove_fifo};
