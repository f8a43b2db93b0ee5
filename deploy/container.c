/* container.c - sluice-container: the listener that outlives the gateways, and the first process of each
 * container.
 *
 * hold PATH PORT: has the listener of the gateways, and hands a copy of it to whoever connects to PATH
 * (handover.h). So gateways come and go, and who connects meanwhile waits in the one backlog. check PATH:
 * ends with 0 when it could be had. run [--listener PATH] COMMAND...: container_run.c. */
#include "deploy/container.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deploy/handover.h"

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

int container_complain(const char *what, const char *about)
{
    fprintf(stderr, "sluice-container: %s: %s: %s\n", about, what, strerror(errno));
    return EXIT_FAILURE;
}

/* -1 and errno. */
static int listen_tcp(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    return fd;
}

int container_signals(bool children, sigset_t *before)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    if (children)
        sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, before);
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int hold(const char *path, const char *number)
{
    char *end;
    unsigned long port = strtoul(number, &end, 10);
    struct handover handover;
    struct pollfd fds[2];
    int life[2]; /* its writing end is this process's alone, and closes with it */

    if (*end || port == 0 || port > 65535) {
        errno = EINVAL;
        return container_complain("no port", number);
    }
    handover.listener = listen_tcp((unsigned)port);
    if (handover.listener < 0)
        return container_complain("cannot listen", number);
    fds[0] = (struct pollfd){.fd = container_signals(false, NULL), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = handover_listen(path), .events = POLLIN};
    if (fds[0].fd < 0 || fds[1].fd < 0 || pipe2(life, O_CLOEXEC) < 0)
        return container_complain("cannot listen", path);
    handover.alive = life[0];
    printf("READY listener port=%lu\n", port);
    fflush(stdout);
    while (!fds[0].revents) {
        if (poll(fds, 2, -1) > 0 && fds[1].revents)
            handover_serve(fds[1].fd, &handover);
    }
    unlink(path);
    return EXIT_SUCCESS;
}

static int check(const char *path)
{
    struct handover handover;

    return handover_take(path, &handover) < 0 ? container_complain("no listener", path) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3]);
    if (argc >= 5 && strcmp(argv[1], "run") == 0 && strcmp(argv[2], "--listener") == 0)
        return container_run(argv[3], argv + 4);
    if (argc >= 3 && strcmp(argv[1], "run") == 0 && argv[2][0] != '-')
        return container_run(NULL, argv + 2);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    fputs(
        "usage: sluice-container hold PATH PORT | check PATH | run [--listener PATH] COMMAND [ARGUMENT...]\n",
        stderr);
    return EXIT_FAILURE;
}
