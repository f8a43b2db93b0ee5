/* breaker_state_test.c - what a breaker's file is worth to the next process. */
#include "fetcher/breaker_state.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000LL

static char dir[64], path[96];

static int enter(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/breaker_state_XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/breaker.score", dir);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct breaker_moment moment(const char *boot, int64_t now_s, int64_t wall_s)
{
    struct breaker_moment made = {.now_us = now_s * SECOND, .wall_us = wall_s * SECOND};

    snprintf(made.boot, sizeof(made.boot), "%s", boot);
    return made;
}

static const struct breaker_memory open_until_130 = {.open = true,
                                                     .failures = 3,
                                                     .retry_at_us = 130 * SECOND,
                                                     .open_us = 60 * SECOND,
                                                     .last_reason = REASON_UPSTREAM_SLOW};

static void time_goes_on(void **state)
{
    /* Written at 100 s, wall 1000 s, with 30 s to go. */
    static const struct {
        const char *boot;
        int64_t now_s, wall_s, retry_s;
    } rows[] = {
        {"a", 100, 1000, 130},                                            /* at once */
        {"a", 110, 1010, 130}, {"a", 110, 9999, 130}, {"a", 110, 0, 130}, /* whatever the wall clock does */
        {"a", 200, 1100, 130},                                            /* over */
        {"b", 5, 1010, 25},                                               /* another boot: 20 s are left */
        {"b", 5, 2000, -965},                                             /* over */
        {"b", 5, 900, 35}, /* the wall clock went back: nothing is shortened */
    };
    struct breaker_moment written = moment("a", 100, 1000), now;
    struct breaker_memory memory;
    struct stat found;

    (void)state;
    assert_int_equal(breaker_state_write(dir, "score", &open_until_130, &written), 0);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        now = moment(rows[i].boot, rows[i].now_s, rows[i].wall_s);
        assert_int_equal(breaker_state_read(dir, "score", &now, &memory), 0);
        assert_int_equal(memory.retry_at_us, rows[i].retry_s * SECOND);
        assert_true(memory.open);
        assert_int_equal(memory.failures, 3);
        assert_int_equal(memory.open_us, 60 * SECOND);
        assert_int_equal(memory.last_reason, REASON_UPSTREAM_SLOW);
    }
}

static void the_last_word_counts(void **state)
{
    struct breaker_memory closed = {.failures = 1, .open_us = 30 * SECOND, .last_reason = REASON_NONE},
                          memory;
    struct breaker_moment now = moment("a", 100, 1000);

    (void)state;
    assert_int_equal(breaker_state_write(dir, "score", &open_until_130, &now), 0);
    assert_int_equal(breaker_state_write(dir, "score", &closed, &now), 0);
    assert_int_equal(breaker_state_read(dir, "score", &now, &memory), 0);
    assert_false(memory.open);
    assert_int_equal(memory.failures, 1);
    assert_int_equal(breaker_state_read(dir, "other", &now, &memory), -ENOENT);
}

static void what_is_no_state_is_none(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "sluice-breaker 2 open=1 failures=3 left_us=1 span_us=1 now_us=1 wall_us=1 boot=a reason=none\n",
        "sluice-breaker 1 open=1 failures=3 left_us=1 span_us=1 now_us=1 wall_us=1 boot=a reason=none",
        "sluice-breaker 1 open=1 failures=3 left_us=-1 span_us=1 now_us=1 wall_us=1 boot=a reason=none\n",
        "sluice-breaker 1 open=1 failures=3 left_us=9e99 span_us=1 now_us=1 wall_us=1 boot=a reason=none\n",
        ("sluice-breaker 1 open=1 failures=3 left_us=999999999999999999999 span_us=1 now_us=1 wall_us=1 "
         "boot=a reason=none\n"),
        ("sluice-breaker 1 open=1 failures=3 left_us=86400000001 span_us=1 now_us=1 wall_us=1 boot=a "
         "reason=none\n"),
        "sluice-breaker 1 open=2 failures=3 left_us=1 span_us=1 now_us=1 wall_us=1 boot=a reason=none\n",
        "sluice-breaker 1 open=1 failures=3 left_us=1 span_us=-5 now_us=1 wall_us=1 boot=a reason=none\n",
        "sluice-breaker 1 open=1 failures=3 left_us=1 span_us=1 now_us=-1 wall_us=1 boot=a reason=none\n",
        "sluice-breaker 1 open=1 failures=3 left_us=1 span_us=1 now_us=1 wall_us=-1 boot=a reason=none\n",
        "sluice-breaker 1 open=1\n",
    };
    struct breaker_moment now = moment("a", 100, 1000);
    struct breaker_memory memory;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(lines[i], file);
        fclose(file);
        assert_int_equal(breaker_state_read(dir, "score", &now, &memory), -EBADMSG);
    }
}

static void a_disk_that_refuses(void **state)
{
    struct breaker_moment now = moment("a", 100, 1000);
    struct breaker_memory memory;
    char deep[1400];

    (void)state;
    assert_int_equal(breaker_state_write("/nowhere", "score", &open_until_130, &now), -ENOENT);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(breaker_state_write(dir, "score", &open_until_130, &now), -EISDIR);
    assert_int_equal(breaker_state_read(dir, "score", &now, &memory), -EISDIR);
    rmdir(path);
    snprintf(deep, sizeof(deep), "%s/breaker.score.new", dir);
    assert_int_equal(unlink(deep), 0);
    memset(deep, 'x', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(breaker_state_write(deep, "score", &open_until_130, &now), -ENAMETOOLONG);
    assert_int_equal(breaker_state_read(deep, "score", &now, &memory), -ENAMETOOLONG);
}

static void no_link_is_followed(void **state)
{
    struct breaker_moment now = moment("a", 100, 1000);
    char fresh[96];

    (void)state;
    snprintf(fresh, sizeof(fresh), "%s/breaker.score.new", dir);
    assert_int_equal(symlink("/dev/full", fresh), 0);
    assert_int_equal(breaker_state_write(dir, "score", &open_until_130, &now),
                     -ELOOP); /* no link is followed */
    assert_int_equal(unlink(fresh), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(time_goes_on, enter, leave),
        cmocka_unit_test_setup_teardown(the_last_word_counts, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_no_state_is_none, enter, leave),
        cmocka_unit_test_setup_teardown(a_disk_that_refuses, enter, leave),
        cmocka_unit_test_setup_teardown(no_link_is_followed, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
