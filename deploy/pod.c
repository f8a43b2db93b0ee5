/* pod.c - sluice-pod: what the containers of one stack share, held by the one among them that never changes.
 *
 * hold PATH PORT: owns the namespaces (as their process 1 it reaps orphans) and the listener of the gateways,
 * and hands a copy of it to whoever connects to PATH. take PATH COMMAND...: gets it from there as descriptor
 * 3, as LISTEN_FDS=1 says, and becomes the command. check PATH: ends with 0 when it could be had. So gateways
 * come and go, and who connects meanwhile waits in the one backlog. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define INHERITED_FD 3    /* as in systemd's socket activation */
#define BACKLOG      4096 /* the kernel cuts it to net.core.somaxconn */
#define TAKERS       64   /* that may wait at PATH */

/* Room for one descriptor beside a message, aligned as the kernel wants it. */
union rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "sluice-pod: %s: %s: %s\n", about, what, strerror(errno));
    return EXIT_FAILURE;
}

static bool make_address(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address->sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address->sun_path, path, strlen(path) + 1);
    return true;
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

/* For this user alone. A socket that is there is of a holder that was killed. -1 and errno. */
static int listen_unix(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    umask(0077);
    if (fd < 0 || !make_address(&address, path) || (unlink(path) < 0 && errno != ENOENT) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, TAKERS) < 0)
        return -1;
    return fd;
}

static struct msghdr make_message(struct iovec *byte, union rights *rights)
{
    memset(rights, 0, sizeof(*rights));
    return (struct msghdr){.msg_iov = byte,
                           .msg_iovlen = 1,
                           .msg_control = rights->bytes,
                           .msg_controllen = sizeof(rights->bytes)};
}

/* A taker that has gone meanwhile is its own affair. */
static void serve(int door, int listener)
{
    int taker = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct iovec byte = {.iov_base = (char[]){'1'}, .iov_len = 1};
    union rights rights;
    struct msghdr message = make_message(&byte, &rights);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (taker < 0)
        return;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &listener, sizeof(int));
    sendmsg(taker, &message, MSG_NOSIGNAL);
    close(taker);
}

/* As process 1 it gets only the signals that it asks for. */
static int open_signals(void)
{
    sigset_t ends;

    signal(SIGCHLD, SIG_IGN); /* orphans of the namespace vanish by themselves */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

static int hold(const char *path, const char *number)
{
    char *end;
    unsigned long port = strtoul(number, &end, 10);
    int listener, door;
    struct pollfd fds[2];

    if (*end || port == 0 || port > 65535) {
        errno = EINVAL;
        return complain("no port", number);
    }
    listener = listen_tcp((unsigned)port);
    if (listener < 0)
        return complain("cannot listen", number);
    door = listen_unix(path);
    fds[0] = (struct pollfd){.fd = open_signals(), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = door, .events = POLLIN};
    if (door < 0 || fds[0].fd < 0)
        return complain("cannot listen", path);
    printf("READY pod port=%lu\n", port);
    fflush(stdout);
    while (!fds[0].revents) {
        if (poll(fds, 2, -1) > 0 && fds[1].revents)
            serve(door, listener);
    }
    unlink(path);
    return EXIT_SUCCESS;
}

/* The listener, or -1 and errno. */
static int fetch(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), listener;
    char content;
    struct iovec byte = {.iov_base = &content, .iov_len = 1};
    union rights rights;
    struct msghdr message = make_message(&byte, &rights);
    struct sockaddr_un address;
    struct cmsghdr *header;

    if (fd < 0 || !make_address(&address, path) ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
        return -1;
    close(fd);
    header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
        errno = EPROTO;
        return -1;
    }
    memcpy(&listener, CMSG_DATA(header), sizeof(int));
    return listener;
}

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

static int take(const char *path, char **command)
{
    int listener;

    if (!may_be_reached()) {
        fputs("sluice-pod: GATEWAY_BIND is beyond loopback: ADMIN_TOKEN is needed, or ADMIN_TOKEN_FILE\n",
              stderr);
        return EXIT_FAILURE;
    }
    listener = fetch(path);
    if (listener < 0)
        return complain("no listener", path);
    if (listener == INHERITED_FD ? fcntl(listener, F_SETFD, 0) < 0 : dup2(listener, INHERITED_FD) < 0)
        return complain("cannot be handed over", path);
    if (listener != INHERITED_FD)
        close(listener);
    unsetenv("LISTEN_PID");
    setenv("LISTEN_FDS", "1", 1);
    execvp(command[0], command);
    return complain("cannot be started", command[0]);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3]);
    if (argc >= 4 && strcmp(argv[1], "take") == 0)
        return take(argv[2], argv + 3);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return fetch(argv[2]) < 0 ? complain("no listener", argv[2]) : EXIT_SUCCESS;
    fputs("usage: sluice-pod hold PATH PORT | take PATH COMMAND [ARGUMENT...] | check PATH\n", stderr);
    return EXIT_FAILURE;
}
