/* queue.h - the scheduler's waiting room: bounded, and ordered by a policy.
 *
 * fifo: first come, first served. priority: the most urgent class first; who has waited for longer than a
 * bound goes before all classes, the oldest first. fair: turns. A client's waiting jobs have its 1st, 2nd ...
 * place, in the order of coming; all first places are served before any second one. When a job is served, its
 * place goes with it; when it leaves unserved, its client's last place goes, and its later jobs move up. A
 * client whose last job has left is a new one when it comes again: places count, not history.
 *
 * Push, pop, removal from the middle and the position of any job are O(log n); a switch of the policy is
 * O(n log n) and loses nothing. Jobs are borrowed: the queue never frees one. Memory is only asked for where
 * -ENOMEM can be said: by a push, for the job's whole life in the queue, and by a switch, before it begins.
 */
#ifndef SLUICE_QUEUE_H
#define SLUICE_QUEUE_H

#include "scheduler/clients.h"
#include "scheduler/job.h"

struct queue;

/* What a job that was popped takes with it, to be able to go back there. */
struct queue_place {
    uint64_t round, turn; /* policy fair; 0: it had none */
};

/* One file each. `order` has an entry for each waiting job, the next one first, whose item is the job; unless
 * the policy gives turns: then it is a client's place, and job_at tells which job stands there. */
struct queue_policy {
    const char *name; /* as in the configuration: QUEUE_POLICY=priority */
    bool turns;       /* it needs clients' lines */
    /* The key of the place that a new job would get. The client is NULL when none of its jobs lives. */
    uint64_t (*key)(const struct queue *queue, const struct client *client, uint8_t priority);
    /* old: where it was when it was popped, if it goes back; NULL for one that comes. */
    void (*add)(struct queue *queue, struct job *job, const struct queue_place *old);
    void (*remove)(struct queue *queue, struct job *job); /* unserved */
    /* An entry has been taken out, for its client's oldest job to be served, which it gives. NULL: that is
     * the entry's item. */
    struct job *(*take)(struct queue *queue, struct order_entry entry);
    /* The entry of the one that came first; there must be one. NULL: it is the first entry. */
    const struct order_entry *(*oldest)(const struct queue *queue);
    void (*update)(struct queue *queue, struct job *job); /* its priority has changed; may be NULL */
    void (*lift)(struct queue *queue, int64_t now_us);    /* time has passed; may be NULL */
    unsigned (*position)(const struct queue *queue, const struct job *job);
    struct job *(*job_at)(const struct queue *queue, const struct order_entry *entry); /* NULL: the item */
    /* From the order of coming, which is that of fifo, to its own, and back. NULL: it is the same. */
    void (*enter)(struct queue *queue);
    void (*leave)(struct queue *queue);
};

struct queue_config {
    const struct queue_policy *policy;
    unsigned max;          /* jobs */
    unsigned client_max;   /* jobs of one client; 0: no bound of its own */
    int64_t starvation_us; /* policy priority: after which a job goes first; 0 never */
    void (*lifted)(void *arg, const struct job *job, int64_t now_us); /* it does now; may be NULL */
    void *arg;
};

struct queue {
    struct queue_config config;
    struct order order;
    unsigned jobs;   /* that wait, or have been popped and not forgotten */
    int64_t lift_us; /* policy priority: before that time nobody can begin to starve */
    uint64_t round;  /* policy fair: the latest of which a place was served */
    struct clients clients;
};

enum queue_room {
    QUEUE_ROOM,
    QUEUE_DISPLACES,   /* full, but it is more urgent than queue_last() */
    QUEUE_FULL,        /* and nobody is less urgent */
    QUEUE_CLIENT_FULL, /* too many of this client wait */
};

extern const struct queue_policy queue_policy_fifo;
extern const struct queue_policy queue_policy_priority;
extern const struct queue_policy queue_policy_fair;

/* The policy of that name, or NULL when there is none. */
const struct queue_policy *queue_policy_find(struct text name);

/* Its place in the table of all policies, which stays the same from version to version; NULL beyond it. */
unsigned queue_policy_index(const struct queue_policy *policy);
const struct queue_policy *queue_policy_at(unsigned index);

void queue_init(struct queue *queue, const struct queue_config *config);

unsigned queue_count(const struct queue *queue);

/* Whether a job of that client and priority may come in. More urgent is who would get a place before the last
 * one's, and not only by coming earlier: nobody under fifo, a better class under priority, and who has fewer
 * places under fair. */
enum queue_room queue_room(const struct queue *queue, uint64_t client, uint8_t priority);

/* 0, or -ENOMEM. No bound applies. Its seq must be unique. Once pushed, the job must be forgotten before it
 * is freed; with the last one that is forgotten all memory of the queue goes. */
int queue_push(struct queue *queue, struct job *job, uint64_t client);
/* What was popped goes back to its old place. Cannot fail. */
void queue_return(struct queue *queue, struct job *job, const struct queue_place *old);
/* The job, which does not wait (any more), is going to be freed. */
void queue_forget(struct queue *queue, struct job *job);

struct job *queue_peek(const struct queue *queue); /* the next one; NULL when empty */
/* The one that came first, whatever the policy: O(log n) for each class, or client. NULL when empty. */
struct job *queue_oldest(const struct queue *queue);
/* Take out the next one, or the oldest, to be served, and fill in where it was. */
struct job *queue_pop(struct queue *queue, struct queue_place *place);
struct job *queue_pop_oldest(struct queue *queue, struct queue_place *place);
struct job *queue_last(const struct queue *queue);       /* the newest of the least urgent; NULL when empty */
void queue_remove(struct queue *queue, struct job *job); /* unserved */

/* The job's priority has changed, or that of its arrival: it moves to where it belongs, behind those who came
 * before it. */
void queue_update(struct queue *queue, struct job *job);
/* The job came at another time than was thought. */
void queue_reorder(struct queue *queue, struct job *job, uint64_t seq);
/* Call it before you ask for order or positions: time has passed. */
void queue_lift(struct queue *queue, int64_t now_us);

/* How many jobs leave before it, if nobody else comes or leaves. */
unsigned queue_position(const struct queue *queue, const struct job *job);
/* The job at that position, NULL beyond the end. */
struct job *queue_at(const struct queue *queue, unsigned position);

/* Within a class (priority) and a client (fair) the order of coming stays. 0, or -ENOMEM: then nothing has
 * changed. */
int queue_switch(struct queue *queue, const struct queue_policy *policy);

/* Where a job stands in the order of coming. */
static inline struct order_key queue_coming(const struct job *job)
{
    return (struct order_key){.key = UINT64_MAX, .seq = job->seq};
}

#endif
