/* fleet.c - see fleet.h. */
#include "tests/sim/fleet.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void *share(size_t bytes)
{
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared != MAP_FAILED)
        return shared;
    perror("mmap");
    exit(EXIT_FAILURE);
}

void *fleet_run(unsigned count, unsigned jobs, size_t result_bytes, void (*work)(unsigned task, void *result))
{
    atomic_uint *next = share(sizeof(*next));
    char *results = share(count * result_bytes);
    int status;

    fflush(stdout);
    for (unsigned job = 0; job < jobs; job++) {
        pid_t pid = fork();

        if (pid < 0) {
            perror("fork");
            exit(EXIT_FAILURE);
        }
        if (pid > 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* who stops the program stops its workers */
        for (unsigned task; (task = atomic_fetch_add(next, 1)) < count;)
            work(task, results + task * result_bytes);
        fflush(stdout);
        _exit(EXIT_SUCCESS);
    }
    while (wait(&status) > 0) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
            continue;
        fprintf(stderr, "a worker has died\n");
        exit(EXIT_FAILURE);
    }
    munmap(next, sizeof(*next));
    return results;
}
