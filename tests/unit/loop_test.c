/* loop_test.c - the life of a process: READY, SIGTERM, drain, a second signal. Each case is a child process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* systemd's end of NOTIFY_SOCKET, in the abstract namespace. */
static int supervise(char name[32])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t bytes = sizeof(address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family)), 0); /* any name */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    snprintf(name, 32, "@%.*s", (int)(bytes - sizeof(address.sun_family) - 1), address.sun_path + 1);
    return fd;
}

static void expect_word(int fd, const char *expected)
{
    char word[64];
    ssize_t bytes = recv(fd, word, sizeof(word) - 1, 0);

    assert_true(bytes > 0);
    word[bytes] = '\0';
    assert_string_equal(word, expected);
}

static bool is_well_twice(void *arg)
{
    static int turn;

    (void)arg;
    turn++;
    if (turn == 3) {
        puts("UNWELL");
        fflush(stdout);
    }
    return turn < 3;
}

/* A sign of life is only given while the work goes on, too. */
static void systemd_is_told(void **state)
{
    struct child child;
    char name[32];
    int ends[2], fd = supervise(name);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child.pid = fork();
    if (child.pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        setenv("NOTIFY_SOCKET", name, 1);
        setenv("WATCHDOG_USEC", "20000", 1);
        child_loop = loop_new("tested", LOOP_PRECISE, US_PER_SECOND);
        loop_watch(child_loop, is_well_twice, NULL);
        loop_ready(child_loop, "");
        exit(loop_run(child_loop));
    }
    close(ends[1]);
    child.out = ends[0];
    expect_line(&child, "READY tested");
    expect_line(&child, "UNWELL");
    kill(child.pid, SIGTERM);
    expect_word(fd, "READY=1");
    expect_word(fd, "WATCHDOG=1");
    expect_word(fd, "WATCHDOG=1");
    expect_word(fd, "STOPPING=1");
    close(fd);
    assert_int_equal(ended(&child), EXIT_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_the_loop),
        cmocka_unit_test(a_second_signal_does_not_wait_for_the_drain),
        cmocka_unit_test(a_drain_has_its_limit),
        cmocka_unit_test(systemd_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
