/* container.h - sluice-container: what the processes of a stack need where each lives in a container of its
 * own. */
#ifndef SLUICE_CONTAINER_H
#define SLUICE_CONTAINER_H

/* Says what failed, why (errno), and about what. EXIT_FAILURE. */
int container_complain(const char *what, const char *about);

/* container_run.c. path: of the listener that the command is to inherit, NULL: none. The status of this
 * process. */
int container_run(const char *path, char **command);

#endif
