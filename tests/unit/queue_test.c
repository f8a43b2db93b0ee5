/* queue_test.c - who leaves the queue when. A story is a line of words: "b5" is job b of priority 5 that
 * comes,
 * "-b" one that is removed, "b2!" a new priority for b, ">" a pop, "=priority" a switch of the policy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/queue.h"

static const uint8_t no_key[JOB_KEY_BYTES];

struct play {
    struct queue queue;
    struct job *jobs[26];
    uint64_t seq;
    char out[64];
};

static void leave(struct play *play, struct job *job)
{
    for (unsigned i = 0; i < 26; i++) {
        if (play->jobs[i] != job || !job)
            continue;
        snprintf(play->out + strlen(play->out), sizeof(play->out) - strlen(play->out), "%c", (char)('a' + i));
        job_free(job);
        play->jobs[i] = NULL;
    }
}

static void act(struct play *play, const char *word)
{
    const char *name = word[0] == '-' ? word + 1 : word;
    struct job **job;

    if (word[0] == '>') {
        leave(play, queue_pop(&play->queue));
        return;
    }
    if (word[0] == '=') {
        queue_switch(&play->queue, queue_policy_find(text_of(word + 1)));
        return;
    }
    job = &play->jobs[name[0] - 'a'];
    if (name != word) {
        queue_remove(&play->queue, *job);
        job_free(*job);
        *job = NULL;
        return;
    }
    if (*job) {
        (*job)->priority = (uint8_t)strtoul(word + 1, NULL, 10);
        queue_update(&play->queue, *job);
        return;
    }
    *job = job_new(no_key, play->seq++);
    (*job)->priority = (uint8_t)strtoul(word + 1, NULL, 10);
    assert_int_equal(queue_push(&play->queue, *job), 0);
}

static void stories(void **state)
{
    static const struct {
        const char *policy, *story, *order;
    } table[] = {
        {"fifo", "a5 b1 c9", "abc"},
        {"fifo", "a5 b1 c9 -b", "ac"},
        {"priority", "a5 b1 c9 d1", "bdac"},
        {"priority", "a5 b5 c5 -a d5", "bcd"},
        {"priority", "a5 b1 > c0", "bca"},
        {"priority", "a5 b7 c5 b5!", "abc"}, /* promoted: among its new class it keeps its age */
        {"priority", "a1 b2 a3!", "ba"},
        {"fifo", "a5 b1 c9 =priority", "bac"},
        {"fifo", "a5 b1 c9 =priority =fifo", "abc"}, /* a switch forgets nothing */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct play play = {.seq = 1};
        char story[128], *save = NULL;

        queue_init(&play.queue, queue_policy_find(text_of(table[i].policy)), 100);
        snprintf(story, sizeof(story), "%s", table[i].story);
        for (char *word = strtok_r(story, " ", &save); word; word = strtok_r(NULL, " ", &save))
            act(&play, word);
        while (queue_count(&play.queue) > 0)
            leave(&play, queue_pop(&play.queue));
        assert_string_equal(play.out, table[i].order);
    }
}

static void is_bounded_but_not_for_those_admitted_before(void **state)
{
    struct job *a = job_new(no_key, 1), *b = job_new(no_key, 2);
    struct queue queue;

    (void)state;
    queue_init(&queue, &queue_policy_fifo, 1);
    assert_int_equal(queue_push(&queue, b), 0);
    assert_true(queue_full(&queue));
    assert_int_equal(queue_push(&queue, a), -ENOBUFS);
    queue_push_back(&queue, a);
    assert_int_equal(queue_position(&queue, a), 0); /* its old place */
    assert_int_equal(queue_position(&queue, b), 1);
    assert_ptr_equal(queue_at(&queue, 1), b);
    assert_ptr_equal(queue_pop(&queue), a);
    assert_ptr_equal(queue_pop(&queue), b);
    assert_null(queue_pop(&queue));
    job_free(a);
    job_free(b);
}

static void knows_its_policies(void **state)
{
    (void)state;
    assert_ptr_equal(queue_policy_find(text_of("fifo")), &queue_policy_fifo);
    assert_ptr_equal(queue_policy_find(text_of("priority")), &queue_policy_priority);
    assert_null(queue_policy_find(text_of("lifo")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stories),
        cmocka_unit_test(is_bounded_but_not_for_those_admitted_before),
        cmocka_unit_test(knows_its_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
