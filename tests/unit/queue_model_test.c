/* queue_model_test.c - the queue against a model that is too simple to be wrong, in random stories: a list of
 * jobs that is sorted anew for every question, and for turns each client's rounds written out. A story that
 * differs prints its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/queue.h"

#define JOBS    48
#define CLIENTS 5
#define STEPS   400
#define STORIES 300
#define BOUND   100

static const uint8_t no_key[JOB_KEY_BYTES];
static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                      &queue_policy_fair};

enum where { NOWHERE, QUEUED, AWAY };

struct item {
    struct job *job;
    enum where where;
    unsigned client;
    bool starved;
    uint64_t round, turn; /* once it was served in turns: the place it had */
    bool had_place;
    struct queue_place place; /* where the queue says it was */
};

struct line {
    uint64_t rounds[JOBS], turn;
    unsigned count;
};

struct model {
    struct item items[JOBS];
    struct line lines[CLIENTS];
    const struct queue_policy *policy;
    uint64_t round, seq, state;
    int64_t now_us;
};

static unsigned pick(struct model *model, unsigned limit)
{
    model->state = model->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(model->state >> 33) % limit;
}

static unsigned index_in_line(const struct model *model, const struct item *item)
{
    unsigned index = 0;

    for (unsigned i = 0; i < JOBS; i++) {
        const struct item *other = &model->items[i];

        index += other->where == QUEUED && other->client == item->client && other->job->seq < item->job->seq;
    }
    return index;
}

/* What the item is sorted by: two numbers. */
static void rank(const struct model *model, const struct item *item, uint64_t *first, uint64_t *second)
{
    const struct line *line = &model->lines[item->client];

    *first = 0;
    *second = item->job->seq;
    if (model->policy == &queue_policy_priority)
        *first = item->starved ? 0 : 1U + item->job->priority;
    if (model->policy != &queue_policy_fair)
        return;
    *first = line->rounds[index_in_line(model, item)];
    *second = line->turn;
}

static bool sooner(const struct model *model, const struct item *a, const struct item *b)
{
    uint64_t a1, a2, b1, b2;

    rank(model, a, &a1, &a2);
    rank(model, b, &b1, &b2);
    return a1 != b1 ? a1 < b1 : a2 < b2;
}

static void line_come(struct model *model, struct item *item, bool returned)
{
    struct line *line = &model->lines[item->client];

    if (line->count == 0) {
        bool back =
            returned && item->had_place && item->round <= model->round && item->round + 64 >= model->round;

        line->turn = back ? item->turn : item->job->seq;
        line->rounds[line->count++] = back ? item->round : model->round + 1;
    } else if (returned) {
        memmove(line->rounds + 1, line->rounds, line->count++ * sizeof(line->rounds[0]));
        line->rounds[0] = line->rounds[1] - 1;
    } else {
        line->rounds[line->count] = line->rounds[line->count - 1] + 1;
        line->count++;
    }
}

/* Whether somebody else has still a turn in a round before the item's. */
static bool earlier_round(const struct model *model, const struct item *item)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct line *line = &model->lines[i];

        if (i != item->client && line->count > 0 && line->rounds[0] < item->round)
            return true;
    }
    return false;
}

static void line_go(struct model *model, struct item *item, bool served)
{
    struct line *line = &model->lines[item->client];

    item->had_place = served;
    item->round = line->rounds[0];
    item->turn = line->turn;
    line->count--;
    if (!served)
        return;
    if (item->round > model->round && !earlier_round(model, item))
        model->round = item->round;
    memmove(line->rounds, line->rounds + 1, line->count * sizeof(line->rounds[0]));
}

static void model_switch(struct model *model, const struct queue_policy *policy)
{
    if (policy == model->policy)
        return;
    model->policy = policy;
    memset(model->lines, 0, sizeof(model->lines));
    for (uint64_t seq = 1; seq < model->seq && policy == &queue_policy_fair; seq++) {
        for (unsigned i = 0; i < JOBS; i++) {
            if (model->items[i].where == QUEUED && model->items[i].job->seq == seq)
                line_come(model, &model->items[i], false);
        }
    }
}

static void come(struct model *model, struct queue *queue, struct item *item)
{
    *item = (struct item){.job = job_new(no_key, model->seq++),
                          .where = QUEUED,
                          .client = pick(model, pick(model, 2) ? 2 : CLIENTS)};
    item->job->priority = (uint8_t)pick(model, 4);
    item->job->arrival_us = model->now_us;
    assert_int_equal(queue_push(queue, item->job, item->client), 0);
    if (model->policy == &queue_policy_fair)
        line_come(model, item, false);
}

static void go(struct model *model, struct queue *queue, struct item *item)
{
    bool fair = model->policy == &queue_policy_fair, next = queue_peek(queue) == item->job;

    if ((next || queue_oldest(queue) == item->job) && pick(model, 4)) {
        assert_ptr_equal(next ? queue_pop(queue, &item->place) : queue_pop_oldest(queue, &item->place),
                         item->job);
        item->where = AWAY;
        item->had_place = false;
        if (fair)
            line_go(model, item, true);
        return;
    }
    queue_remove(queue, item->job);
    if (fair)
        line_go(model, item, false);
    queue_forget(queue, item->job);
    job_free(item->job);
    item->where = NOWHERE;
}

static void end(struct model *model, struct queue *queue, struct item *item)
{
    if (pick(model, 2)) {
        queue_return(queue, item->job, &item->place);
        if (model->policy == &queue_policy_fair)
            line_come(model, item, true);
        item->where = QUEUED;
        return;
    }
    queue_forget(queue, item->job);
    job_free(item->job);
    item->where = NOWHERE;
}

static void time_passes(struct model *model, struct queue *queue)
{
    model->now_us += pick(model, BOUND / 4);
    queue_lift(queue, model->now_us);
    for (unsigned i = 0; i < JOBS && model->policy == &queue_policy_priority; i++) {
        struct item *item = &model->items[i];

        if (item->where == QUEUED && model->now_us - item->job->arrival_us >= BOUND)
            item->starved = true;
    }
}

static void step(struct model *model, struct queue *queue)
{
    struct item *item = &model->items[pick(model, JOBS)];
    unsigned what = pick(model, 20);

    if (what == 0) {
        const struct queue_policy *policy = policies[pick(model, 3)];

        assert_int_equal(queue_switch(queue, policy), 0);
        model_switch(model, policy);
    } else if (what == 1) {
        time_passes(model, queue);
    } else if (what == 2 && item->where == QUEUED) {
        item->job->priority = (uint8_t)pick(model, 4);
        queue_update(queue, item->job);
    } else if (what < 8 && queue_count(queue) > 0) {
        const struct job *first = what < 7 ? queue_peek(queue) : queue_oldest(queue);

        for (unsigned i = 0; i < JOBS; i++) {
            if (model->items[i].where == QUEUED && model->items[i].job == first) {
                go(model, queue, &model->items[i]);
                return;
            }
        }
    } else if (item->where == NOWHERE) {
        come(model, queue, item);
    } else if (item->where == QUEUED) {
        go(model, queue, item);
    } else {
        end(model, queue, item);
    }
}

static bool agree(const struct model *model, const struct queue *queue)
{
    const struct job *oldest = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < JOBS; i++) {
        const struct item *item = &model->items[i];
        unsigned before = 0;

        if (item->where != QUEUED)
            continue;
        count++;
        oldest = !oldest || item->job->seq < oldest->seq ? item->job : oldest;
        for (unsigned j = 0; j < JOBS; j++)
            before += model->items[j].where == QUEUED && sooner(model, &model->items[j], item);
        if (queue_position(queue, item->job) != before || queue_at(queue, before) != item->job)
            return false;
    }
    return count == queue_count(queue) && !queue_at(queue, count) && queue_oldest(queue) == oldest;
}

static bool story(uint64_t seed)
{
    static struct model model;
    struct queue_config config = {.policy = policies[seed % 3], .max = JOBS, .starvation_us = BOUND};
    struct queue queue;
    bool good = true;

    queue_init(&queue, &config);
    model = (struct model){
        .policy = config.policy, .state = seed, .seq = 1, .round = queue.round, .now_us = 1000};
    for (unsigned i = 0; i < STEPS && good; i++) {
        step(&model, &queue);
        good = agree(&model, &queue);
        if (!good)
            print_message("seed %llu, step %u, policy %s\n", (unsigned long long)seed, i, model.policy->name);
    }
    while (queue_count(&queue) > 0)
        queue_pop(&queue, &(struct queue_place){.round = 0});
    for (unsigned i = 0; i < JOBS; i++) {
        if (model.items[i].where == NOWHERE)
            continue;
        queue_forget(&queue, model.items[i].job);
        job_free(model.items[i].job);
    }
    return good && order_count(&queue.clients.order) == 0 && !queue.order.root;
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= STORIES; seed++)
        assert_true(story(seed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
