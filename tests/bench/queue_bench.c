/* queue_bench.c - what the queue costs at depths of 10^2 to 10^6: push+pop, removal and position under each
 * policy, in nanoseconds and as a multiple of push+pop of a plain binary heap; and what a waiting job takes
 * of the scheduler's memory, with its one waiter, but without the request's frame.
 *
 *   queue_bench [DEPTH...] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scheduler/core.h"

#define CLIENTS    100
#define CLASSES    10
#define OPERATIONS 400000
#define ROUNDS     3 /* the best counts: the machine is not ours alone */
#define PATIENCE   (INT64_C(1) << 60)

struct entry {
    uint64_t key, seq;
    struct job *job;
};

struct heap {
    struct entry *entries;
    unsigned count;
};

struct bench {
    struct queue queue;
    struct job **jobs;
    unsigned depth;
    uint64_t seq, chance;
};

struct costs {
    double push_pop_ns, remove_ns, position_ns;
};

static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                      &queue_policy_fair};
static volatile unsigned sink; /* keeps the compiler from leaving work out */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static unsigned pick(uint64_t *chance, unsigned limit)
{
    *chance = *chance * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(*chance >> 33) % limit;
}

static void *must(void *memory)
{
    if (memory)
        return memory;
    fputs("out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

static bool before(const struct entry *a, const struct entry *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void heap_push(struct heap *heap, struct entry entry)
{
    unsigned place = heap->count++;

    for (; place > 0 && before(&entry, &heap->entries[(place - 1) / 2]); place = (place - 1) / 2)
        heap->entries[place] = heap->entries[(place - 1) / 2];
    heap->entries[place] = entry;
}

static struct entry heap_pop(struct heap *heap)
{
    struct entry first = heap->entries[0], last = heap->entries[--heap->count];
    unsigned place = 0;

    for (;;) {
        unsigned child = 2 * place + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!before(&heap->entries[child], &last))
            break;
        heap->entries[place] = heap->entries[child];
        place = child;
    }
    heap->entries[place] = last;
    return first;
}

static double best(double a, double b)
{
    return a > 0 && a < b ? a : b;
}

/* Entries are in the heap itself, jobs are not touched: the fastest a heap can be. */
static double heap_cost(unsigned depth)
{
    struct heap heap = {.entries = must(calloc(depth + 1, sizeof(struct entry)))};
    uint64_t seq = 0, chance = 1;
    double cost_ns = 0;

    while (heap.count < depth)
        heap_push(&heap, (struct entry){.key = pick(&chance, CLASSES), .seq = seq++});
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start_ns = now_ns();

        for (unsigned i = 0; i < OPERATIONS; i++) {
            struct entry entry = heap_pop(&heap);

            entry.key = pick(&chance, CLASSES);
            entry.seq = seq++;
            heap_push(&heap, entry);
        }
        cost_ns = best(cost_ns, (double)(now_ns() - start_ns) / OPERATIONS);
    }
    free(heap.entries);
    return cost_ns;
}

static void push(struct bench *bench, struct job *job)
{
    job->place.seq = bench->seq++;
    job->priority = (uint8_t)pick(&bench->chance, CLASSES);
    if (queue_push(&bench->queue, job, pick(&bench->chance, CLIENTS)) < 0)
        must(NULL);
}

static void fill(struct bench *bench, const struct queue_policy *policy, unsigned depth)
{
    static const uint8_t no_key[JOB_KEY_BYTES];

    *bench = (struct bench){.jobs = must(malloc(depth * sizeof(struct job *))), .depth = depth, .chance = 1};
    queue_init(&bench->queue, &(struct queue_config){.policy = policy, .max = depth});
    for (unsigned i = 0; i < depth; i++) {
        bench->jobs[i] = must(job_new(no_key, 0));
        push(bench, bench->jobs[i]);
    }
    for (unsigned i = depth; i > 1; i--) { /* shuffled: removal takes them in this order */
        unsigned other = pick(&bench->chance, i);
        struct job *job = bench->jobs[i - 1];

        bench->jobs[i - 1] = bench->jobs[other];
        bench->jobs[other] = job;
    }
}

static void empty(struct bench *bench)
{
    struct job *job;

    while ((job = queue_pop(&bench->queue))) {
        queue_forget(&bench->queue, job);
        job_free(job);
    }
    free(bench->jobs);
}

static void measure_push_pop(struct bench *bench, struct costs *costs)
{
    uint64_t start_ns = now_ns();

    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct job *job = queue_pop(&bench->queue);

        queue_forget(&bench->queue, job);
        push(bench, job);
    }
    costs->push_pop_ns = best(costs->push_pop_ns, (double)(now_ns() - start_ns) / OPERATIONS);
}

/* A quarter of the queue at a time, and back. */
static void measure_remove(struct bench *bench, struct costs *costs)
{
    unsigned batch = (bench->depth + 3) / 4, done = 0;
    uint64_t spent_ns = 0;

    for (unsigned from = 0; done < OPERATIONS; from = (from + batch) % bench->depth) {
        uint64_t start_ns = now_ns();

        for (unsigned i = 0; i < batch; i++)
            queue_remove(&bench->queue, bench->jobs[(from + i) % bench->depth]);
        spent_ns += now_ns() - start_ns;
        for (unsigned i = 0; i < batch; i++) {
            queue_forget(&bench->queue, bench->jobs[(from + i) % bench->depth]);
            push(bench, bench->jobs[(from + i) % bench->depth]);
        }
        done += batch;
    }
    costs->remove_ns = best(costs->remove_ns, (double)spent_ns / done);
}

static void measure_position(struct bench *bench, struct costs *costs)
{
    uint64_t start_ns = now_ns();
    unsigned sum = 0;

    for (unsigned i = 0; i < OPERATIONS; i++)
        sum += queue_position(&bench->queue, bench->jobs[pick(&bench->chance, bench->depth)]);
    sink = sum;
    costs->position_ns = best(costs->position_ns, (double)(now_ns() - start_ns) / OPERATIONS);
}

static double bytes_per_job(const struct queue_policy *policy, unsigned depth)
{
    struct core_config config = {.limiter = {.window_us = 1000000, .burst = 1, .hold_max_us = 1000000},
                                 .policy = policy,
                                 .queue_max = depth,
                                 .waiters_max = depth,
                                 .flight_max = 1};
    size_t before_bytes = mallinfo2().uordblks + mallinfo2().hblkhd;
    struct core *core = must(core_new(&config, 0));
    double bytes;

    for (uint64_t i = 0; i < depth; i++) {
        struct core_request request = {
            .id = {1, i + 1}, .client = i % CLIENTS, .priority = 10, .deadline_us = PATIENCE};
        struct core_verdict verdict;

        memcpy(request.key, &i, sizeof(i));
        core_submit(core, &request, 0, &verdict);
        if (verdict.answer != CORE_QUEUED)
            must(NULL);
    }
    bytes = (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before_bytes) / depth;
    core_free(core);
    return bytes;
}

static void print_depth(unsigned depth)
{
    double heap_ns = heap_cost(depth);

    printf("%-9u %-9s %9.0f\n", depth, "heap", heap_ns);
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct costs costs = {.push_pop_ns = 0};
        struct bench bench;

        fill(&bench, policies[i], depth);
        for (unsigned round = 0; round < ROUNDS; round++) {
            measure_push_pop(&bench, &costs);
            measure_remove(&bench, &costs);
            measure_position(&bench, &costs);
        }
        empty(&bench);
        printf("%-9u %-9s %9.0f %5.1fx %9.0f %5.1fx %9.0f %5.1fx %9.0f\n", depth, policies[i]->name,
               costs.push_pop_ns, costs.push_pop_ns / heap_ns, costs.remove_ns, costs.remove_ns / heap_ns,
               costs.position_ns, costs.position_ns / heap_ns, bytes_per_job(policies[i], depth));
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    printf("%-9s %-9s %16s %16s %16s %9s\n", "depth", "policy", "push+pop ns", "remove ns", "position ns",
           "bytes/job");
    for (int i = 1; i < argc; i++)
        print_depth((unsigned)strtoul(argv[i], NULL, 10));
    for (unsigned depth = 100; depth <= 1000000 && argc < 2; depth *= 10)
        print_depth(depth);
    return EXIT_SUCCESS;
}
