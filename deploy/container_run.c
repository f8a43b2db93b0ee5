/* container_run.c - the first process of a container: starts the command, passes signals on to it, reaps
 * orphans, and ends as it ends.
 *
 * It gives the command a process id that no other of the stack has: LMDB tells the readers of a cache apart
 * by that, and every container counts from 1. RUNTIME_DIR/process_ids says which are in use: a lock on a byte
 * is one id, and is held for as long as the command lives. The command gets its id by forks that are given up
 * until the kernel has counted so far.
 *
 * With --listener the command inherits the listener as descriptor 3, as LISTEN_FDS=1 says. When its holder is
 * gone, nobody can reach the listener any more: the command ends, and its container's next start takes the
 * listener of the holder's successor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/container.h"
#include "deploy/handover.h"

#define INHERITED_FD 3 /* as in systemd's socket activation */
#define FIRST_ID     16
#define TURN_ID      255 /* after it ids begin anew, as each costs so many forks */
#define LAST_ID      511
#define HOLDER_MS    10000 /* may take so long to come, as at a start of all containers at once */
#define TRY_MS       50
#define LEAVE_MS     5000 /* what the command may take to end when nobody can reach it any more */
#define KILLED_BY    128  /* + the signal: the status of who was killed, as shells have it */

struct run {
    char **command;
    struct handover handover; /* -1: none */
    int signals;
    sigset_t before; /* what was blocked */
    pid_t child;
    bool leaving;
};

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

/* Whom others can reach must not be left without a token: deploy/compose.yaml tells where the port is
 * published, which nothing in a container can see. */
static bool may_be_reached(void)
{
    const char *where = getenv("PUBLISHED_ON");

    return !where || strncmp(where, "127.", 4) == 0 || strcmp(where, "[::1]") == 0 || is_set("ADMIN_TOKEN") ||
           is_set("ADMIN_TOKEN_FILE");
}

/* The holder may be about to start, as this one. False and errno: it is not there, or a signal came first. */
static bool take_listener(struct run *run, const char *path)
{
    struct pollfd signals = {.fd = run->signals, .events = POLLIN};
    int tries = HOLDER_MS / TRY_MS;

    while (handover_take(path, &run->handover) < 0) {
        if ((errno != ENOENT && errno != ECONNREFUSED) || --tries == 0 || poll(&signals, 1, TRY_MS) != 0)
            return false;
    }
    return true;
}

/* Becomes the command. */
static void become(const struct run *run)
{
    int listener = run->handover.listener;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &run->before, NULL);
    if (listener >= 0) {
        if (listener == INHERITED_FD ? fcntl(listener, F_SETFD, 0) < 0 : dup2(listener, INHERITED_FD) < 0)
            _exit(container_complain("cannot be handed over", "listener"));
        unsetenv("LISTEN_PID");
        setenv("LISTEN_FDS", "1", 1);
    }
    execvp(run->command[0], run->command);
    _exit(container_complain("cannot be started", run->command[0]));
}

/* The next id after this one that nobody has, locked. 0: none is left. */
static pid_t claim_id(int fd, pid_t after)
{
    for (pid_t id = after + 1; id <= LAST_ID; id++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1};

        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return id;
    }
    return 0;
}

static void release_id(int fd, pid_t id)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1};

    fcntl(fd, F_OFD_SETLK, &lock);
}

/* Forks until the kernel has counted to the id; that child alone becomes the command. The last child's
 * process id: the one that was wanted, or a later one, when a health check got in between. -1 and errno. */
static pid_t fork_as(const struct run *run, pid_t id)
{
    pid_t child;

    do {
        child = fork();
        if (child == 0) {
            if (getpid() == id)
                become(run);
            _exit(EXIT_SUCCESS);
        }
        if (child > 0 && child != id)
            waitpid(child, NULL, 0);
    } while (child > 0 && child < id);
    return child;
}

/* From the id that was given last, so that who died lately is not taken for its successor. */
static pid_t start_after(int fd)
{
    pid_t last;

    if (pread(fd, &last, sizeof(last), 0) != sizeof(last) || last < FIRST_ID || last > TURN_ID)
        return FIRST_ID - 1;
    return last;
}

/* As process 1: under an id of its own. False and errno. */
static bool start_numbered(struct run *run)
{
    char path[PATH_MAX];
    const char *folder = getenv("RUNTIME_DIR");
    int fd;

    snprintf(path, sizeof(path), "%s/process_ids", folder ? folder : "run");
    fd = open(path, O_RDWR | O_CREAT,
              0600); /* for the command, too: the lock is to last as long as it lives */
    if (fd < 0)
        return false;
    for (pid_t id = claim_id(fd, start_after(fd)); id > 0; id = claim_id(fd, run->child)) {
        run->child = fork_as(run, id);
        if (run->child == id)
            return pwrite(fd, &id, sizeof(id), 0) == sizeof(id);
        release_id(fd, id);
        if (run->child < 0)
            return false;
    }
    errno = EAGAIN;
    return false;
}

/* Elsewhere than in a container of its own the kernel's ids do. */
static bool start(struct run *run)
{
    if (getpid() == 1)
        return start_numbered(run);
    run->child = fork();
    if (run->child == 0)
        become(run);
    return run->child > 0;
}

static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED_BY + WTERMSIG(status);
}

/* What has come; true with the command's end. */
static bool heed_signals(struct run *run, int *status)
{
    struct signalfd_siginfo signal;
    pid_t ended;

    while (read(run->signals, &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo != SIGCHLD)
            kill(run->child, (int)signal.ssi_signo);
    }
    while ((ended = waitpid(-1, status, WNOHANG)) > 0) {
        if (ended == run->child)
            return true;
    }
    return false;
}

/* Until the command has ended. */
static int watch(struct run *run)
{
    struct pollfd fds[] = {{.fd = run->signals, .events = POLLIN},
                           {.fd = run->handover.alive, .events = POLLIN}};
    int status, came;

    while (!heed_signals(run, &status)) {
        came = poll(fds, 2, run->leaving ? LEAVE_MS : -1);
        if (came > 0 && fds[1].revents) {
            fputs("sluice-container: the listener's holder is gone, and with it its port: ending\n", stderr);
            kill(run->child, SIGTERM);
            run->leaving = true;
            fds[1].fd = -1;
        } else if (came == 0) {
            kill(run->child, SIGKILL);
        }
    }
    return status_of(status);
}

int container_run(const char *path, char **command)
{
    struct run run = {.command = command, .handover = {-1, -1}};

    if (path && !may_be_reached()) {
        fputs(
            "sluice-container: GATEWAY_BIND is beyond loopback: ADMIN_TOKEN is needed, or ADMIN_TOKEN_FILE\n",
            stderr);
        return EXIT_FAILURE;
    }
    run.signals = container_signals(true, &run.before);
    if (run.signals < 0)
        return container_complain("no signals", command[0]);
    if (path && !take_listener(&run, path))
        return container_complain("no listener", path);
    if (!start(&run))
        return container_complain("cannot be started", command[0]);
    return watch(&run);
}
