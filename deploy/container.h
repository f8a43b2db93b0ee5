/* container.h - sluice-container: what the processes of a stack need where each lives in a container of its
 * own. */
#ifndef SLUICE_CONTAINER_H
#define SLUICE_CONTAINER_H

#include <signal.h>
#include <stdbool.h>

/* Says what failed, why (errno), and about what. EXIT_FAILURE. */
int container_complain(const char *what, const char *about);

/* What ends this process (SIGTERM, SIGINT), and on request what tells of its children, comes by this
 * descriptor from now on: as process 1 it gets only the signals that it asks for. before: what was blocked;
 * may be NULL. -1 and errno. */
int container_signals(bool children, sigset_t *before);

/* container_run.c. path: of the listener that the command is to inherit, NULL: none. The status of this
 * process. */
int container_run(const char *path, char **command);

#endif
