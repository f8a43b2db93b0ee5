/* policy_fifo.c - first come, first served. */
#include "scheduler/queue.h"

/* One class for all: within it the order of coming decides. */
static uint64_t key_fifo(const struct queue *queue, const struct job *job)
{
    (void)queue;
    (void)job;
    return 0;
}

const struct queue_policy queue_policy_fifo = {.name = "fifo", .key = key_fifo};
