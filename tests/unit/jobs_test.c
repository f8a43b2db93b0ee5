/* jobs_test.c - the table of jobs, as a story of letters: one line of orders, one line of what is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/jobs.h"

#define KEEP_US 10
#define MAX     3
#define BYTES   9

/* Results are allocated, so that AddressSanitizer sees one that is freed twice or never. */
static void free_result(void *result)
{
    free(result);
}

static const struct jobs_config config = {
    .max = MAX, .bytes_max = BYTES, .keep_us = KEEP_US, .free_result = free_result};

/* +A  A is opened      =A5  A's result has come, of 5 bytes      -A  A is removed      >3  time goes on by 3
 * Seen after each story: the pending ones | the kept ones and their bytes | when the next one expires | how
 * many were forgotten for want of room. '?': an opening was refused. */
static const struct {
    const char *story, *seen;
} cases[] = {
    {"", "||-|0"},
    {"+A +B", "AB||-|0"},
    {"+A =A5", "|A5|10|0"},
    {"+A >4 =A5 +B >2 =B3", "|AB8|14|0"}, /* counted from the end */
    {"+A =A5 >9", "|A5|10|0"},
    {"+A =A5 >10", "||-|0"},
    {"+A =A5 >4 +B =B1 >6", "|B1|14|0"},
    {"+A >99", "A||-|0"}, /* what is pending does not expire */
    {"+A -A", "||-|0"},
    {"+A =A5 -A", "||-|0"},
    {"+A +B =A5 -B", "|A5|10|0"},

    {"+A +B +C +D", "ABC||-|0?"},
    {"+A +B +C =B1 +D", "ACD||-|1"},
    {"+A +B +C =B1 =A1 +D", "CD|A1|10|1"}, /* the one that came first */
    {"+A +B +C -B +D", "ACD||-|0"},

    {"+A =A5 +B =B4", "|AB9|10|0"},
    {"+A =A5 +B =B5", "|B5|10|1"},
    {"+A =A5 +B =B1 +C =C8", "|BC9|10|1"},
    {"+A =A1 +B =B1 +C =C9", "|C9|10|2"},
    {"+A =A1 +B =B99", "|B99|10|1"}, /* longer than all may be together: alone */
    {"+A =A99 +B =B1", "|B1|10|1"},
    {"+A =A0 +B =B0", "|AB0|10|0"},
};

static unsigned char *secret_of(char letter)
{
    static unsigned char secret[JOBS_SECRET_BYTES];

    memset(secret, 0, sizeof(secret));
    secret[JOBS_SECRET_BYTES - 1] = (unsigned char)letter;
    return secret;
}

/* False: refused. */
static bool obey(struct jobs *jobs, const char *word, int64_t *now_us)
{
    struct job *job = jobs_find(jobs, secret_of(word[1]));
    size_t bytes = word[1] ? strtoul(word + 2, NULL, 10) : 0;

    switch (word[0]) {
    case '+':
        return jobs_add(jobs, secret_of(word[1]), jobs) != NULL;
    case '=':
        jobs_keep(jobs, job, malloc(bytes + 1), bytes, *now_us);
        break;
    case '-':
        jobs_remove(jobs, job);
        break;
    default:
        *now_us += strtol(word + 1, NULL, 10);
        jobs_expire(jobs, *now_us);
        break;
    }
    return true;
}

static void look(const struct jobs *jobs, bool refused, char seen[128])
{
    const struct jobs_counts *counts = jobs_counts(jobs);
    char pending[32] = "", kept[32] = "", due[32] = "-";
    unsigned pending_count = 0, kept_count = 0;

    for (const char *at = "ABCD"; *at; at++) {
        const struct job *job = jobs_find(jobs, secret_of(*at));

        if (job && job->pending)
            pending[pending_count++] = *at;
        else if (job)
            kept[kept_count++] = *at;
    }
    assert_int_equal(counts->pending, pending_count);
    assert_int_equal(counts->kept, kept_count);
    if (kept_count > 0)
        snprintf(kept + kept_count, sizeof(kept) - kept_count, "%zu", counts->bytes);
    else
        assert_int_equal(counts->bytes, 0);
    if (jobs_due_us(jobs) != INT64_MAX)
        snprintf(due, sizeof(due), "%lld", (long long)jobs_due_us(jobs));
    snprintf(seen, 128, "%s|%s|%s|%llu%s", pending, kept, due, (unsigned long long)counts->evicted_total,
             refused ? "?" : "");
}

static void test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jobs *jobs = jobs_new(&config);
        char story[128], seen[128], *rest;
        bool refused = false;
        int64_t now_us = 0;

        assert_non_null(jobs);
        snprintf(story, sizeof(story), "%s", cases[i].story);
        for (char *word = strtok_r(story, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            refused = !obey(jobs, word, &now_us) || refused;
        look(jobs, refused, seen);
        if (strcmp(seen, cases[i].seen) != 0)
            fail_msg("%s: %s instead of %s", cases[i].story, seen, cases[i].seen);
        jobs_free(jobs);
    }
}

/* A secret is a whole one: what differs in any byte finds nothing. */
static void test_the_whole_secret_counts(void **state)
{
    struct jobs *jobs = jobs_new(&config);
    unsigned char secret[JOBS_SECRET_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct job *job = jobs_add(jobs, secret, jobs);

    (void)state;
    assert_non_null(job);
    assert_ptr_equal(jobs_find(jobs, secret), job);
    assert_ptr_equal(job->pending, jobs);
    for (unsigned i = 0; i < 8 * JOBS_SECRET_BYTES; i++) {
        secret[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_null(jobs_find(jobs, secret));
        secret[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    jobs_keep(jobs, job, NULL, 0, 0);
    assert_null(job->pending);
    jobs_free(jobs);
    jobs_free(NULL);
}

static void test_no_jobs_at_all(void **state)
{
    struct jobs_config none = config;
    struct jobs *jobs;

    (void)state;
    none.max = 0;
    jobs = jobs_new(&none);
    assert_null(jobs_add(jobs, secret_of('A'), jobs));
    jobs_free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_the_whole_secret_counts),
        cmocka_unit_test(test_no_jobs_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
