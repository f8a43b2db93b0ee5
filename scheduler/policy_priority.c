/* policy_priority.c - the most urgent class first; within a class, first come, first served. */
#include "scheduler/queue.h"

static uint64_t key_priority(const struct queue *queue, const struct job *job)
{
    (void)queue;
    return job->priority;
}

const struct queue_policy queue_policy_priority = {.name = "priority", .key = key_priority};
