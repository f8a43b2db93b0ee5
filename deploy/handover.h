/* handover.h - how a listener gets from the process that holds it to those that serve it: over a unix socket
 * (SCM_RIGHTS).
 *
 * Beside the listener comes the end of a pipe whose other end the holder alone has: it reads as closed once
 * the holder is gone, however it went, so that who serves a listener that nobody can reach any more gets to
 * know of it. */
#ifndef SLUICE_HANDOVER_H
#define SLUICE_HANDOVER_H

#include <stdbool.h>

struct handover {
    int listener;
    int alive; /* readable (its end) once the holder is gone */
};

/* For this user alone; a socket that is there is of a holder that was killed. A descriptor, or -1 and errno.
 */
int handover_listen(const char *path);
/* Gives copies to the next who has connected; one that has gone meanwhile is its own affair. */
void handover_serve(int door, const struct handover *handover);
/* Both are the caller's then, and close at exec. 0, or -1 and errno. */
int handover_take(const char *path, struct handover *handover);

#endif
