/* queue_bench.c - what the queue costs at depths of 10^2 to 10^6, and what a waiting job takes of memory.
 *
 * Push+pop, removal and position under each policy, in nanoseconds and as a multiple of push+pop of a plain
 * binary heap of jobs with that policy's keys, which can do nothing else; heap and queue take turns, and the
 * median of the rounds counts. Then bytes for each waiting
 * job with its one waiter and its ticket, but without the request's frame, and what takes the scheduler's
 * thread longest: a switch of the policy, a hold for which everybody leaves, and a lost gateway. Ends with 1
 * when a limit is broken at 10^5 jobs.
 *
 *   queue_bench [DEPTH...] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/lane.h"
#include "tests/bench/bench.h"

#define CLIENTS    100
#define CLASSES    10
#define OPERATIONS 200000
#define ROUNDS     11
#define PATIENCE   (INT64_C(1) << 60)
#define GATEWAY    7
#define DRAWN      16 /* characters of the names that a gateway makes */
#define UUID       36

#define LIMITED_DEPTH  100000
#define PUSH_POP_LIMIT 4.0 /* times push+pop of the heap */
#define REMOVE_LIMIT   4.0
#define POSITION_LIMIT 3.0
#define BYTES_LIMIT    300.0

struct entry {
    uint64_t key, seq;
    struct job *job;
};

/* The policy's keys in a plain binary heap of jobs, which knows nothing but to push and to pop. */
struct heap {
    const struct queue_policy *policy;
    struct entry *entries;
    unsigned count;
    uint64_t seq, chance, round;
    uint64_t ends[CLIENTS]; /* policy fair: each client's last round */
};

struct bench {
    struct queue queue;
    struct job **jobs;
    unsigned depth;
    uint64_t seq, chance;
};

/* Of one operation in each round. */
struct cost {
    double ns[ROUNDS], times[ROUNDS]; /* as long, and as many times as long as the heap took just before */
};

static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                      &queue_policy_fair};
static volatile unsigned sink; /* keeps the compiler from leaving work out */

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

static struct entry heap_entry(struct heap *heap, struct job *job)
{
    unsigned client = pick(&heap->chance, CLIENTS);
    struct entry entry = {.job = job, .seq = heap->seq++};

    job->seq = entry.seq;
    job->priority = (uint8_t)pick(&heap->chance, CLASSES);
    if (heap->policy == &queue_policy_priority) {
        entry.key = job->priority;
    } else if (heap->policy == &queue_policy_fair) {
        if (heap->ends[client] < heap->round)
            heap->ends[client] = heap->round;
        entry.key = ++heap->ends[client];
        entry.seq = client;
    }
    return entry;
}

static void heap_fill(struct heap *heap, const struct queue_policy *policy, unsigned depth)
{
    static const uint8_t no_key[JOB_KEY_BYTES];

    *heap = (struct heap){
        .policy = policy, .entries = must(calloc(depth + 1, sizeof(struct entry))), .chance = 1};
    while (heap->count < depth)
        heap_push(heap, heap_entry(heap, must(job_new(no_key, 0))));
}

static void heap_empty(struct heap *heap)
{
    while (heap->count > 0)
        job_free(heap_pop(heap).job);
    free(heap->entries);
}

static double heap_push_pop(struct heap *heap)
{
    uint64_t start_ns = now_ns();

    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct entry entry = heap_pop(heap);

        heap->round = entry.key;
        heap_push(heap, heap_entry(heap, entry.job));
    }
    return (double)(now_ns() - start_ns) / OPERATIONS;
}

static void push(struct bench *bench, struct job *job)
{
    job->seq = bench->seq++;
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
    for (unsigned i = depth; i > 1; i--) { /* shuffled: removal and position take them in this order */
        unsigned other = pick(&bench->chance, i);
        struct job *job = bench->jobs[i - 1];

        bench->jobs[i - 1] = bench->jobs[other];
        bench->jobs[other] = job;
    }
}

static void empty(struct bench *bench)
{
    struct queue_place place;
    struct job *job;

    while ((job = queue_pop(&bench->queue, &place))) {
        queue_forget(&bench->queue, job);
        job_free(job);
    }
    free(bench->jobs);
}

static double push_pop(struct bench *bench)
{
    uint64_t start_ns = now_ns();

    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct queue_place place;
        struct job *job = queue_pop(&bench->queue, &place);

        queue_forget(&bench->queue, job);
        push(bench, job);
    }
    return (double)(now_ns() - start_ns) / OPERATIONS;
}

/* A quarter of the queue at a time, and back. */
static double removal(struct bench *bench)
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
    return (double)spent_ns / done;
}

static double position(struct bench *bench)
{
    uint64_t start_ns = now_ns();
    unsigned sum = 0;

    for (unsigned i = 0, job = 0; i < OPERATIONS; i++, job = job + 1 < bench->depth ? job + 1 : 0)
        sum += queue_position(&bench->queue, bench->jobs[job]);
    sink = sum;
    return (double)(now_ns() - start_ns) / OPERATIONS;
}

static int smaller(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(values[0]), smaller);
    return values[ROUNDS / 2];
}

/* Prints the cost of one operation. Gives whether it is within its limit. */
static bool print_cost(struct cost *cost, unsigned depth, double limit)
{
    double times = median(cost->times);
    bool good = depth != LIMITED_DEPTH || times <= limit;

    printf(" %9.0f %5.2fx%s", median(cost->ns), times, good ? " " : "!");
    return good;
}

static bool print_speed(const struct queue_policy *policy, unsigned depth)
{
    static double (*const operations[])(struct bench *) = {push_pop, removal, position};
    static const double limits[] = {PUSH_POP_LIMIT, REMOVE_LIMIT, POSITION_LIMIT};
    static struct cost costs[3];
    static double heap_ns[3 * ROUNDS];
    struct bench bench;
    struct heap heap;
    bool good = true;

    heap_fill(&heap, policy, depth);
    fill(&bench, policy, depth);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 3; i++) {
            double peer_ns = heap_push_pop(&heap);

            heap_ns[round] = peer_ns;
            costs[i].ns[round] = operations[i](&bench);
            costs[i].times[round] = costs[i].ns[round] / peer_ns;
        }
    }
    empty(&bench);
    heap_empty(&heap);
    printf("%-8u %-9s %6.0f", depth, policy->name, median(heap_ns));
    for (unsigned i = 0; i < 3; i++)
        good = print_cost(&costs[i], depth, limits[i]) && good;
    putchar('\n');
    fflush(stdout);
    return good;
}

static size_t used_bytes(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* A core in which so many wait, with names of so many characters, submitted as the scheduler does. */
static struct core *crowd(const struct queue_policy *policy, unsigned depth, unsigned clients, int id_chars)
{
    struct core_config config = {
        .limiter = {.window_us = 1000000, .burst = 1, .hold_max_us = 2 * PATIENCE},
        .policy = policy,
        .queue_max = depth,
        .waiters_max = depth,
        .flight_max = 1,
    };
    struct core *core = must(core_new(&config, 0));

    for (unsigned i = 0; i < depth; i++) {
        char id[UUID + 1], client[DRAWN + 1];
        struct core_request request = {.id = {GATEWAY, i + 1}, .priority = 10, .deadline_us = PATIENCE};
        struct core_verdict verdict;
        struct ticket ticket;

        snprintf(id, sizeof(id), "%0*x", id_chars, i);
        snprintf(client, sizeof(client), "%0*x", DRAWN, i % clients);
        memcpy(request.key, &i, sizeof(i));
        request.client = (i % clients) * 0x9e3779b97f4a7c15U;
        request.mine = ticket_write(&ticket, text_of(id), text_of(client), 0);
        core_submit(core, &request, 0, &verdict);
        if (verdict.answer != CORE_QUEUED)
            must(NULL);
    }
    return core;
}

static double bytes_per_job(const struct queue_policy *policy, unsigned depth, unsigned clients, int id_chars)
{
    size_t before_bytes = used_bytes();
    struct core *core = crowd(policy, depth, clients, id_chars);
    double bytes = (double)(used_bytes() - before_bytes) / depth;

    core_free(core);
    return bytes;
}

static double switch_ms(struct core *core, const struct queue_policy *policy)
{
    uint64_t start_ns = now_ns();

    if (core_policy(core, policy) < 0)
        must(NULL);
    return (double)(now_ns() - start_ns) / 1e6;
}

/* Everybody leaves, by one order. */
static double leave_ms(struct core *core, bool lost)
{
    uint64_t start_ns = now_ns();
    struct waiter *waiter;

    if (lost)
        core_gateway_lost(core, GATEWAY);
    else
        core_hold(core, 2 * PATIENCE, 1);
    while ((waiter = core_expire(core, 1)))
        waiter_free(waiter);
    core_free(core);
    return (double)(now_ns() - start_ns) / 1e6;
}

static bool print_memory(const struct queue_policy *policy, unsigned depth)
{
    double bytes = bytes_per_job(policy, depth, CLIENTS, DRAWN);
    bool good = depth != LIMITED_DEPTH || bytes <= BYTES_LIMIT;
    struct core *core = crowd(&queue_policy_fifo, depth, CLIENTS, DRAWN);

    printf("%-8u %-9s %7.0f%s %8.0f %8.0f", depth, policy->name, bytes, good ? " " : "!",
           bytes_per_job(policy, depth, CLIENTS, UUID), bytes_per_job(policy, depth, depth, DRAWN));
    printf(" %8.1f", switch_ms(core, policy));
    printf(" %8.1f", switch_ms(core, &queue_policy_fifo));
    core_free(core);
    printf(" %8.1f", leave_ms(crowd(policy, depth, CLIENTS, DRAWN), false));
    printf(" %8.1f\n", leave_ms(crowd(policy, depth, CLIENTS, DRAWN), true));
    fflush(stdout);
    return good;
}

int main(int argc, char **argv)
{
    unsigned depths[8] = {100, 1000, 10000, 100000, 1000000}, count = 5;
    bool good = true;

    for (count = argc > 1 ? 0 : count; count < 8 && (int)count < argc - 1; count++)
        depths[count] = (unsigned)strtoul(argv[count + 1], NULL, 10);
    printf("%-8s %-9s %6s %17s %17s %17s\n", "depth", "policy", "heap", "push+pop ns", "remove ns",
           "position ns");
    for (unsigned d = 0; d < count; d++) {
        for (unsigned i = 0; i < 3; i++)
            good = print_speed(policies[i], depths[d]) && good;
    }
    printf("\n%-8s %-9s %8s %8s %8s %8s %8s %8s %8s\n", "depth", "policy", "bytes", "uuid", "client", "to ms",
           "from ms", "hold ms", "lost ms");
    for (unsigned d = 0; d < count; d++) {
        for (unsigned i = 0; i < 3; i++)
            good = print_memory(policies[i], depths[d]) && good;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
