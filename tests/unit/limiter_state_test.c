/* limiter_state_test.c - the file of the records: whoever wrote it, and however it was left. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scheduler/limiter_state.h"

static char dir[64], path[96];

static int enter(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/limiter_state_XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/limiter.state", dir);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    if (unlink(path) < 0)
        rmdir(path);
    return rmdir(dir);
}

static struct limiter_record record_at(int64_t now_us)
{
    return (struct limiter_record){.now_us = now_us,
                                   .core = {.policy = &queue_policy_fifo, .window_us = 1000}};
}

static int write_at(struct limiter_state *state, int64_t now_us)
{
    struct limiter_record record = record_at(now_us);

    return limiter_state_write(state, &record);
}

/* What the next epoch finds: the time of the record, 0 none. */
static int64_t found(const char *lane, unsigned index)
{
    struct limiter_state state;
    struct limiter_record record;
    int rc = limiter_state_open(&state, dir, lane, index, &record);

    assert_true(rc == 0 || rc == -EBADMSG);
    if (rc == 0)
        assert_int_equal(record.boot, state.boot);
    limiter_state_close(&state);
    return rc == 0 ? record.now_us : 0;
}

static void the_next_epoch_finds_the_last_record(void **nothing)
{
    struct limiter_state state;
    struct limiter_record record;
    struct stat stat_of;

    (void)nothing;
    assert_int_equal(limiter_state_open(&state, dir, "score", 0, &record), -EBADMSG);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    assert_int_equal(stat_of.st_size, LIMITER_PAIR_BYTES);
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(write_at(&state, i), 0);
        assert_int_equal(found("score", 0), i);
    }
    limiter_state_close(&state);
    assert_int_equal(limiter_state_open(&state, dir, "score", 0, &record), 0);
    assert_int_equal(write_at(&state, 6), 0);
    assert_int_equal(found("score", 0), 6);
    limiter_state_close(&state);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_size, LIMITER_PAIR_BYTES);
}

static void lanes_do_not_meet(void **nothing)
{
    struct limiter_state first, second;
    struct limiter_record record;

    (void)nothing;
    limiter_state_open(&first, dir, "first", 0, &record);
    limiter_state_open(&second, dir, "second", 1, &record);
    assert_int_equal(write_at(&first, 1), 0);
    assert_int_equal(write_at(&second, 2), 0);
    assert_int_equal(found("first", 0), 1);
    assert_int_equal(found("second", 1), 2);
    assert_int_equal(found("second", 0), 0); /* the table of lanes has changed: not his */
    limiter_state_close(&first);
    limiter_state_close(&second);
}

static void an_older_record_stands_in_for_a_damaged_one(void **nothing)
{
    struct limiter_state state;
    struct limiter_record record;
    int fd;

    (void)nothing;
    limiter_state_open(&state, dir, "score", 0, &record);
    assert_int_equal(write_at(&state, 1), 0);
    assert_int_equal(write_at(&state, 2), 0);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "torn", 4, LIMITER_RECORD_BYTES + 20), 4);
    assert_int_equal(found("score", 0), 1);
    assert_int_equal(pwrite(fd, "torn", 4, 20), 4);
    assert_int_equal(found("score", 0), 0);
    assert_int_equal(ftruncate(fd, 3), 0);
    assert_int_equal(found("score", 0), 0);
    close(fd);
    limiter_state_close(&state);
}

/* A disk that is full, and has room again; the record of before must not be taken for the newest then. */
static void a_failed_write_is_told_and_tried_again(void **nothing)
{
    struct limiter_state state;
    struct limiter_record record;
    char aside[128];

    (void)nothing;
    snprintf(aside, sizeof(aside), "%s.aside", path);
    limiter_state_open(&state, dir, "score", 0, &record);
    for (int64_t i = 1; i <= 3; i++)
        assert_int_equal(write_at(&state, i), 0);
    limiter_state_close(&state);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(limiter_state_open(&state, dir, "score", 0, &record), -EISDIR);
    assert_int_equal(write_at(&state, 4), -EISDIR);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(write_at(&state, 5), 0);
    assert_int_equal(found("score", 0), 5);
    limiter_state_close(&state);
}

static void a_full_disk_fails_the_write_only(void **nothing)
{
    struct limiter_state state;
    struct limiter_record record;
    int full = open("/dev/full", O_RDWR), file;

    (void)nothing;
    limiter_state_open(&state, dir, "score", 0, &record);
    assert_int_equal(write_at(&state, 1), 0);
    file = dup(state.fd);
    assert_true(dup2(full, state.fd) >= 0);
    assert_int_equal(write_at(&state, 2), -ENOSPC);
    assert_int_equal(write_at(&state, 3), -ENOSPC);
    assert_int_equal(found("score", 0), 1);
    assert_true(dup2(file, state.fd) >= 0);
    assert_int_equal(write_at(&state, 4), 0);
    assert_int_equal(found("score", 0), 4);
    close(full);
    close(file);
    limiter_state_close(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_next_epoch_finds_the_last_record, enter, leave),
        cmocka_unit_test_setup_teardown(lanes_do_not_meet, enter, leave),
        cmocka_unit_test_setup_teardown(an_older_record_stands_in_for_a_damaged_one, enter, leave),
        cmocka_unit_test_setup_teardown(a_failed_write_is_told_and_tried_again, enter, leave),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_the_write_only, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
