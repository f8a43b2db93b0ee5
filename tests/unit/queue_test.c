/* queue_test.c - who leaves the queue when. A story is a line of words: A1 comes, the first job of client A;
 * A1:5 comes with priority 5 (else 10). -A1 leaves unserved, A1:2 once more gets another priority. ">" serves
 * the next one, "<A1" brings A1 back from being served, "+7" lets 7 seconds pass, "=fair" switches the
 * policy. When the queue is full, a job comes only if it displaces the last one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/queue.h"

#define SECOND 1000000LL
#define BOUND  (30 * SECOND)

static const uint8_t no_key[JOB_KEY_BYTES];

struct play {
    struct queue queue;
    struct job *jobs[26][10];
    struct queue_place places[26][10]; /* of those that were served */
    uint64_t seq;
    int64_t now_us;
    char served[128], others[128]; /* who left by being served; who was refused (!) or displaced (~) */
};

static void note(char line[128], const char *before, const struct play *play, const struct job *job)
{
    size_t bytes = strlen(line);

    for (unsigned i = 0; i < 260; i++) {
        if (play->jobs[i / 10][i % 10] == job)
            snprintf(line + bytes, 128 - bytes, "%s%s%c%u", bytes ? " " : "", before, (char)('A' + i / 10),
                     i % 10);
    }
}

static struct job **named(struct play *play, const char *name)
{
    return &play->jobs[name[0] - 'A'][name[1] - '0'];
}

static void drop(struct play *play, struct job **job)
{
    queue_forget(&play->queue, *job);
    job_free(*job);
    *job = NULL;
}

static void drop_job(struct play *play, const struct job *job)
{
    for (unsigned i = 0; i < 260; i++) {
        if (job && play->jobs[i / 10][i % 10] == job)
            drop(play, &play->jobs[i / 10][i % 10]);
    }
}

static void come(struct play *play, const char *word, uint8_t priority)
{
    struct job **job = named(play, word);
    enum queue_room room = queue_room(&play->queue, (uint64_t)word[0], priority);
    struct job *last = queue_last(&play->queue);

    *job = job_new(no_key, play->seq++);
    (*job)->priority = priority;
    (*job)->arrival_us = play->now_us;
    if (room == QUEUE_FULL || room == QUEUE_CLIENT_FULL) {
        note(play->others, room == QUEUE_FULL ? "!" : "!!", play, *job);
        drop(play, job);
        return;
    }
    assert_int_equal(queue_push(&play->queue, *job, (uint64_t)word[0]), 0);
    if (room == QUEUE_ROOM)
        return;
    assert_ptr_equal(queue_last(&play->queue), last); /* the new one stands before it */
    note(play->others, "~", play, last);
    queue_remove(&play->queue, last);
    drop_job(play, last);
}

static void serve(struct play *play)
{
    struct job *next = queue_peek(&play->queue);
    struct queue_place place;

    note(play->served, "", play, next);
    assert_ptr_equal(queue_pop(&play->queue, &place), next);
    for (unsigned i = 0; i < 260; i++) {
        if (next && play->jobs[i / 10][i % 10] == next)
            play->places[i / 10][i % 10] = place;
    }
}

static void act(struct play *play, const char *word)
{
    uint8_t priority = strchr(word, ':') ? (uint8_t)strtoul(strchr(word, ':') + 1, NULL, 10) : 10;
    struct job **job = NULL;

    if (word[0] == '>') {
        serve(play); /* it stays in the table: it may come back */
    } else if (word[0] == '=') {
        assert_int_equal(queue_switch(&play->queue, queue_policy_find(text_of(word + 1))), 0);
    } else if (word[0] == '+') {
        play->now_us += strtol(word + 1, NULL, 10) * SECOND;
        queue_lift(&play->queue, play->now_us);
    } else if (word[0] == '<') {
        job = named(play, word + 1);
        queue_return(&play->queue, *job, &(&play->places[0][0])[job - &play->jobs[0][0]]);
    } else if (word[0] == '-') {
        job = named(play, word + 1);
        queue_remove(&play->queue, *job);
        drop(play, job);
    } else if (*named(play, word)) {
        job = named(play, word);
        (*job)->priority = priority;
        queue_update(&play->queue, *job);
    } else {
        come(play, word, priority);
    }
}

/* Plays the story, then serves all who are left: each must have stood where queue_position() says. */
static void tell(struct play *play, const struct queue_config *config, const char *line)
{
    char story[256], *save = NULL;
    unsigned count;

    *play = (struct play){.seq = 1, .now_us = 1000 * SECOND};
    queue_init(&play->queue, config);
    snprintf(story, sizeof(story), "%s", line);
    for (char *word = strtok_r(story, " ", &save); word; word = strtok_r(NULL, " ", &save))
        act(play, word);
    count = queue_count(&play->queue);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(queue_position(&play->queue, queue_at(&play->queue, i)), i);
    while (queue_count(&play->queue) > 0) {
        struct job *next = queue_at(&play->queue, queue_count(&play->queue) > 1 ? 1 : 0);

        act(play, ">");
        assert_true(queue_count(&play->queue) == 0 || queue_peek(&play->queue) == next);
    }
    assert_null(queue_peek(&play->queue));
    assert_null(queue_last(&play->queue));
    for (unsigned i = 0; i < 260; i++)
        drop_job(play, play->jobs[i / 10][i % 10]);
    assert_int_equal(order_count(&play->queue.clients.order), 0); /* nobody is remembered */
}

static const struct {
    const char *policy, *story, *order;
} told[] = {
    {"fifo", "A1:5 B1:1 C1:9", "A1 B1 C1"},
    {"fifo", "A1 B1 C1 -B1", "A1 C1"},
    {"fifo", "A1 B1 > <A1", "A1 A1 B1"},

    {"priority", "A1:5 B1:1 C1:9 D1:1", "B1 D1 A1 C1"},
    {"priority", "A1:5 B1:5 C1:5 -A1 D1:5", "B1 C1 D1"},
    {"priority", "A1:5 B1:1 > C1:0", "B1 C1 A1"},
    {"priority", "A1:5 B1:7 C1:5 B1:5", "A1 B1 C1"}, /* promoted: among its new class it keeps its age */
    {"priority", "A1:1 B1:2 A1:3", "B1 A1"},
    {"priority", "A1:5 B1:5 > > <B1 <A1", "A1 B1 A1 B1"},

    /* the starvation tier: after 30 s, oldest first, whatever the class */
    {"priority", "A1:10 +29 B1:0", "B1 A1"},
    {"priority", "A1:10 +30 B1:0", "A1 B1"},
    {"priority", "A1:10 B1:5 +30 C1:0", "A1 B1 C1"},
    {"priority", "A1:10 +10 B1:5 +20 C1:0 D1:1", "A1 C1 D1 B1"},
    {"priority", "A1:10 +10 B1:5 +20 C1:0 +10 D1:0", "A1 B1 C1 D1"},
    {"priority", "A1:10 B1:5 +30 A1:50 C1:0", "A1 B1 C1"}, /* no class matters there any more */
    {"priority", "A1:10 B1:5 +30 -A1 C1:0", "B1 C1"},
    {"priority", "A1:10 +30 B1:0 > <A1 C1:0", "A1 A1 B1 C1"},
    {"fifo", "A1:10 B1:0 +30 =priority C1:0 +0", "A1 B1 C1"}, /* time counts under any policy */

    /* turns */
    {"fair", "A1 A2 A3 B1", "A1 B1 A2 A3"},
    {"fair", "A1 A2 A3 B1 B2 C1", "A1 B1 C1 A2 B2 A3"},
    {"fair", "A1:0 A2:0 B1:99", "A1 B1 A2"},
    {"fair", "A1 A2 A3 > B1", "A1 A2 B1 A3"}, /* at most two slots */
    {"fair", "A1 A2 A3 > B1 B2 > >", "A1 A2 B1 A3 B2"},
    {"fair", "A1 A2 A3 B1 -A1", "A2 B1 A3"}, /* the later ones move up */
    {"fair", "A1 A2 A3 B1 B2 -A2", "A1 B1 A3 B2"},
    {"fair", "A1 A2 A3 B1 -A1 A4", "A2 B1 A3 A4"},
    {"fair", "A1 A2 A3 A4 -A1 -A2 -A3 -A4 B1 B2 A5", "B1 A5 B2"}, /* who left is no debtor */
    {"fair", "A1 A2 A3 B1 B2 > A4 -A2 -A3", "A1 B1 A4 B2"},
    {"fair", "A1 B1 C1 D1 D2 > A2 > B2 > C2", "A1 B1 C1 D1 D2 A2 B2 C2"}, /* newcomers hold nobody up */
    {"fair", "A1 A2 B1 > <A1", "A1 A1 B1 A2"},
    {"fair", "A1 B1 C1 > > <A1 <B1", "A1 B1 A1 B1 C1"},
    {"fair", "A1 A2 B1 B2 > > > <A1", "A1 B1 A2 A1 B2"},
    {"fair", "A1 B1 B2 B3 B4 > > > <A1 A2", "A1 B1 B2 A1 A2 B3 B4"}, /* with its places after it */

    /* a switch forgets nothing */
    {"fifo", "A1:5 B1:1 C1:9 =priority", "B1 A1 C1"},
    {"fifo", "A1:5 B1:1 C1:9 =priority =fifo", "A1 B1 C1"},
    {"fifo", "A1 A2 A3 B1 =fair", "A1 B1 A2 A3"},
    {"fair", "A1 A2 A3 B1 =fifo", "A1 A2 A3 B1"},
    {"fair", "A1 A2 A3:5 B1:5 =priority", "A3 B1 A1 A2"},
    {"priority", "A1:9 A2:1 B1:9 B2:0 =fair", "A1 B1 A2 B2"}, /* as they came, not as they stood */
    {"fair", "A1 A2 B1 > =priority <A1 =fair =fair", "A1 A1 B1 A2"},
    {"priority", "A1 B1 > =fair <A1 A2", "A1 A1 B1 A2"}, /* it had no place: by its age */
};

static void stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        struct queue_config config = {
            .policy = queue_policy_find(text_of(told[i].policy)), .max = 100, .starvation_us = BOUND};
        struct play play;

        tell(&play, &config, told[i].story);
        assert_string_equal(play.served, told[i].order);
        assert_string_equal(play.others, "");
    }
}

static void who_comes_when_it_is_full(void **state)
{
    static const struct {
        const char *policy, *story, *order, *others;
    } table[] = {
        {"fifo", "A1:5 B1:5 C1:5 D1:0", "A1 B1 C1", "!D1"},
        {"priority", "A1:5 B1:5 C1:3 D1:5", "C1 A1 B1", "!D1"},
        {"priority", "A1:5 B1:5 C1:3 D1:4", "C1 D1 A1", "~B1"}, /* the newest of the least urgent */
        {"priority", "A1:5 B1:5 C1:3 D1:0 E1:0 F1:0 G1:0", "D1 E1 F1", "~B1 ~A1 ~C1 !G1"},
        {"priority", "A1:5 B1:5 C1:5 +30 D1:0", "A1 B1 C1", "!D1"}, /* nothing goes before who starves */
        {"priority", "A1:5 B1:5 +30 C1:5 D1:0", "A1 B1 D1", "~C1"},
        {"fair", "A1 A2 A3 B1", "A1 B1 A2", "~A3"},
        {"fair", "A1 A2 A3 B1 B2 C1", "A1 B1 C1", "~A3 !B2 ~A2"}, /* B2 would only come later than A2 */
        {"fair", "A1 B1 C1 D1", "A1 B1 C1", "!D1"},
        {"fair", "A1 A2 A3 > A4 B1", "A1 A2 B1 A3", "~A4"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct queue_config config = {
            .policy = queue_policy_find(text_of(table[i].policy)), .max = 3, .starvation_us = BOUND};
        struct play play;

        tell(&play, &config, table[i].story);
        assert_string_equal(play.served, table[i].order);
        assert_string_equal(play.others, table[i].others);
    }
}

static void a_client_has_its_bound_under_every_policy(void **state)
{
    static const char *const policies[] = {"fifo", "priority", "fair"};

    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct queue_config config = {
            .policy = queue_policy_find(text_of(policies[i])), .max = 9, .client_max = 2};
        struct play play;

        tell(&play, &config, "A1 A2 A3 B1 > A4 A5 -A4 A6");
        assert_string_equal(play.others, "!!A3 !!A5");
    }
}

static void knows_its_policies(void **state)
{
    (void)state;
    assert_ptr_equal(queue_policy_find(text_of("fifo")), &queue_policy_fifo);
    assert_ptr_equal(queue_policy_find(text_of("priority")), &queue_policy_priority);
    assert_ptr_equal(queue_policy_find(text_of("fair")), &queue_policy_fair);
    assert_null(queue_policy_find(text_of("lifo")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stories),
        cmocka_unit_test(who_comes_when_it_is_full),
        cmocka_unit_test(a_client_has_its_bound_under_every_policy),
        cmocka_unit_test(knows_its_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
