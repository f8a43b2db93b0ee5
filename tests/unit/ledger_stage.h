/* ledger_stage.h - a RUNTIME_DIR for tests of ledgers, and processes that leave some. */
#ifndef SLUICE_LEDGER_STAGE_H
#define SLUICE_LEDGER_STAGE_H

#include "common/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static inline int enter(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/ledger_XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int leave(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(1);
    }
    return waitpid(child, &status, 0) == child ? 0 : -1;
}

/* A process that counts so many requests, ends `answered` of them, and is killed. */
static inline void live_and_die(const char *process, uint64_t epoch, int64_t requests, int64_t answered)
{
    int status, ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        int error;
        struct ledger *ledger = ledger_open(dir, process, epoch, &error);
        struct ledger_counts *counts = ledger_counts(ledger);

        counts->events = 5;
        metric_set(&counts->metrics, METRIC_GATEWAY_REQUESTS, requests);
        metric_set(&counts->metrics, METRIC_GATEWAY_SUCCESSFUL, answered);
        histogram_add(&counts->metrics.histograms[HISTOGRAM_GATEWAY_REQUEST], 1000);
        if (write(ready[1], error == 0 ? "y" : "n", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ready[0]);
    close(ready[1]);
}

#endif
