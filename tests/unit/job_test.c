/* job_test.c - what a job takes from those who wait for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/job.h"

static struct waiter *waiter(uint64_t id, uint8_t priority, int64_t arrival_us, int64_t deadline_us)
{
    struct waiter *waiter = waiter_new((struct waiter_id){7, id}, text_of("mine"));

    assert_non_null(waiter);
    assert_memory_equal(waiter->mine, "mine", 4);
    waiter->priority = priority;
    waiter->arrival_us = arrival_us;
    waiter->deadline_us = deadline_us;
    return waiter;
}

static void assert_job(const struct job *job, unsigned priority, unsigned urgent, int64_t deadline_us)
{
    assert_int_equal(job->priority, priority);
    assert_int_equal(job->urgent, urgent);
    assert_int_equal(job_deadline_us(job), deadline_us);
}

static void has_the_best_of_its_waiters(void **state)
{
    static const uint8_t key[JOB_KEY_BYTES] = "key";
    struct job *job = job_new(key, 1);
    struct waiter *late = waiter(1, 5, 200, 1000), *early = waiter(2, 3, 100, 900),
                  *same = waiter(3, 3, 300, 1500);

    (void)state;
    assert_true(job_deadline_us(job) == INT64_MIN);
    job_add(job, late);
    assert_job(job, 5, 1, 1000);
    job_add(job, early);
    assert_job(job, 3, 1, 1000);
    assert_int_equal(job->arrival_us, 100);
    job_add(job, same);
    assert_job(job, 3, 2, 1500);
    job_drop(job, early);
    assert_job(job, 3, 1, 1500);
    job_drop(job, same);
    assert_job(job, 5, 1, 1000);
    job_add(job, early);
    job_drop(job, late);
    assert_job(job, 3, 1, 900);
    assert_ptr_equal(job_shift(job), early);
    assert_null(job_shift(job));
    waiter_free(late);
    waiter_free(early);
    waiter_free(same);
    job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_best_of_its_waiters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
