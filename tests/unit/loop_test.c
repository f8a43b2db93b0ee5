/* loop_test.c - the life of a process: READY, SIGTERM, drain, a second signal. Each case is a child process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <signal.h>

#include "common/clock.h"
#include "common/loop.h"

enum drain { DRAIN_NONE, DRAIN_ENDS, DRAIN_HANGS };

struct child {
    pid_t pid;
    int out; /* its standard output */
};

static struct loop *child_loop;

static void drain_ends(void *arg)
{
    (void)arg;
    loop_drained(child_loop);
}

static void drain_hangs(void *arg)
{
    (void)arg;
    puts("DRAINING");
    fflush(stdout);
}

static void run_child(enum drain drain, int64_t drain_us)
{
    child_loop = loop_new("tested", LOOP_PRECISE, drain_us);
    if (drain != DRAIN_NONE)
        loop_on_drain(child_loop, drain == DRAIN_ENDS ? drain_ends : drain_hangs, NULL);
    loop_ready(child_loop, "port=1");
    loop_ready(child_loop, "said only once");
    exit(loop_run(child_loop));
}

static struct child start(enum drain drain, int64_t drain_us)
{
    struct child child;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    child.pid = fork();
    if (child.pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        setenv("NOTIFY_FD", "1", 1); /* refused: below 3 */
        run_child(drain, drain_us);
    }
    close(ends[1]);
    child.out = ends[0];
    return child;
}

static void expect_line(const struct child *child, const char *expected)
{
    char line[64] = "";
    size_t used = 0;

    while (used < sizeof(line) - 1 && read(child->out, line + used, 1) == 1 && line[used] != '\n')
        used++;
    line[used] = '\0';
    assert_string_equal(line, expected);
}

/* The child's exit status; it must end by itself. */
static int ended(const struct child *child)
{
    int status;

    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    close(child->out);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_signal_ends_the_loop(void **state)
{
    static const enum drain drains[] = {DRAIN_NONE, DRAIN_ENDS};
    static const int signals[] = {SIGTERM, SIGINT};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct child child = start(drains[i], 60 * US_PER_SECOND);

        expect_line(&child, "READY tested port=1");
        kill(child.pid, signals[i]);
        expect_line(&child, ""); /* nothing more was said */
        assert_int_equal(ended(&child), EXIT_SUCCESS);
    }
}

static void a_second_signal_does_not_wait_for_the_drain(void **state)
{
    struct child child = start(DRAIN_HANGS, 60 * US_PER_SECOND);

    (void)state;
    expect_line(&child, "READY tested port=1");
    kill(child.pid, SIGTERM);
    expect_line(&child, "DRAINING");
    kill(child.pid, SIGTERM);
    assert_int_equal(ended(&child), EXIT_FAILURE);
}

static void a_drain_has_its_limit(void **state)
{
    struct child child = start(DRAIN_HANGS, 20 * US_PER_MS);

    (void)state;
    expect_line(&child, "READY tested port=1");
    kill(child.pid, SIGTERM);
    expect_line(&child, "DRAINING");
    assert_int_equal(ended(&child), EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_the_loop),
        cmocka_unit_test(a_second_signal_does_not_wait_for_the_drain),
        cmocka_unit_test(a_drain_has_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
