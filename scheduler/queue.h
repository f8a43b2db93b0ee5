/* queue.h - the scheduler's waiting room: bounded, and ordered by a policy.
 *
 * A policy gives each job a key, and the smallest key leaves first; equal keys: first come, first served.
 * Push, pop, removal from the middle and the position of any job are O(log n); a switch of the policy is
 * O(n log n) and loses nothing. Jobs are borrowed: the queue never frees one. */
#ifndef SLUICE_QUEUE_H
#define SLUICE_QUEUE_H

#include "scheduler/job.h"

struct queue;

struct queue_policy {
    const char *name; /* as in the configuration: QUEUE_POLICY=priority */
    uint64_t (*key)(const struct queue *queue, const struct job *job);
};

struct queue {
    const struct queue_policy *policy;
    struct order order;
    unsigned max;
};

extern const struct queue_policy queue_policy_fifo;
extern const struct queue_policy queue_policy_priority;

/* The policy of that name, or NULL when there is none. */
const struct queue_policy *queue_policy_find(struct text name);

/* By place, from 0; NULL beyond the last. */
const struct queue_policy *queue_policy_at(unsigned place);

void queue_init(struct queue *queue, const struct queue_policy *policy, unsigned max);

unsigned queue_count(const struct queue *queue);
bool queue_full(const struct queue *queue);

/* 0; when full, -ENOBUFS. */
int queue_push(struct queue *queue, struct job *job);
/* The same for a job that has been admitted before (requeued, resubmitted): no bound applies to it. */
void queue_push_back(struct queue *queue, struct job *job);

struct job *queue_peek(const struct queue *queue); /* the next one; NULL when empty */
struct job *queue_pop(struct queue *queue);        /* takes it out */
void queue_remove(struct queue *queue, struct job *job);

/* The job's priority has changed: it moves to where it belongs, behind those who came before it. */
void queue_update(struct queue *queue, struct job *job);

/* How many jobs leave before it. */
unsigned queue_position(const struct queue *queue, const struct job *job);
/* The job at that position, NULL beyond the end. */
struct job *queue_at(const struct queue *queue, unsigned position);

void queue_switch(struct queue *queue, const struct queue_policy *policy);

#endif
