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

static struct order_key key_of(const struct job *job)
{
    return (struct order_key){.key = job->starved ? STARVED : CLASSES + (uint64_t)job->filed,
                              .seq = job->seq};
}

/* It may be the next one that begins to starve. */
static void watch(struct queue *queue, const struct job *job)
{
    int64_t starves_us = job->arrival_us + queue->config.starvation_us;

    if (!job->starved && starves_us < queue->lift_us)
        queue->lift_us = starves_us;
}

static void add_priority(struct queue *queue, struct job *job, const struct queue_place *old)
{
    (void)old;
    job->filed = job->priority;
    order_insert(&queue->order, key_of(job), job);
    watch(queue, job);
}

static void remove_priority(struct queue *queue, struct job *job)
{
    order_remove(&queue->order, key_of(job));
}

static void update_priority(struct queue *queue, struct job *job)
{
    watch(queue, job);
    if (job->starved || job->filed == job->priority)
        return;
    remove_priority(queue, job);
    add_priority(queue, job, NULL);
}

/* The oldest of each class is its first one. Before the first of them starves there is nothing to do. */
static void lift_starved(struct queue *queue, int64_t now_us)
{
    struct order_key from = {.key = CLASSES};
    const struct order_entry *first;

    if (queue->config.starvation_us <= 0 || now_us < queue->lift_us)
        return;
    queue->lift_us = INT64_MAX;
    while ((first = order_seek(&queue->order, from))) {
        struct job *job = first->item;

        from.key = first->key.key;
        if (now_us - job->arrival_us < queue->config.starvation_us) {
            watch(queue, job);
            from.key++; /* the next class */
            continue;
        }
        remove_priority(queue, job);
        job->starved = true;
        add_priority(queue, job, NULL);
        if (queue->config.lifted)
            queue->config.lifted(queue->config.arg, job, now_us);
    }
}

/* The oldest of each class is its first one. */
static const struct order_entry *oldest_priority(const struct queue *queue)
{
    const struct order_entry *oldest = order_first(&queue->order), *first = oldest;

    while ((first = order_seek(&queue->order, (struct order_key){.key = first->key.key + 1}))) {
        if (first->key.seq < oldest->key.seq)
            oldest = first;
    }
    return oldest;
}

static unsigned position_priority(const struct queue *queue, const struct job *job)
{
    return order_rank(&queue->order, key_of(job));
}

/* The order of coming lies behind all classes. */
static void enter_priority(struct queue *queue)
{
    const struct order_entry *last;

    queue->lift_us = INT64_MAX;
    while ((last = order_at(&queue->order, order_count(&queue->order) - 1)) && last->key.key == UINT64_MAX) {
        struct job *job = last->item;

        order_remove(&queue->order, last->key);
        add_priority(queue, job, NULL);
    }
}

static void leave_priority(struct queue *queue)
{
    const struct order_entry *next;

    while ((next = order_first(&queue->order)) && next->key.key != UINT64_MAX) {
        struct job *job = order_take_first(&queue->order).item;

        order_insert(&queue->order, queue_coming(job), job);
    }
}

const struct queue_policy queue_policy_priority = {.name = "priority",
                                                   .key = key_priority,
                                                   .add = add_priority,
                                                   .remove = remove_priority,
                                                   .update = update_priority,
                                                   .lift = lift_starved,
                                                   .oldest = oldest_priority,
                                                   .position = position_priority,
                                                   .enter = enter_priority,
                                                   .leave = leave_priority};
