/* handover.c - descriptors over a unix socket. */
#include "deploy/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TAKERS 64 /* that may wait at PATH */

/* Room for the descriptors beside a message, aligned as the kernel wants it. */
union rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(struct handover))];
};

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

int handover_listen(const char *path)
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

void handover_serve(int door, const struct handover *handover)
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
    header->cmsg_len = CMSG_LEN(sizeof(*handover));
    memcpy(CMSG_DATA(header), handover, sizeof(*handover));
    sendmsg(taker, &message, MSG_NOSIGNAL);
    close(taker);
}

int handover_take(const char *path, struct handover *handover)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;
    char content;
    struct iovec byte = {.iov_base = &content, .iov_len = 1};
    union rights rights;
    struct msghdr message = make_message(&byte, &rights);
    struct sockaddr_un address;
    struct cmsghdr *header;
    bool taken = fd >= 0 && make_address(&address, path) &&
                 connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 recvmsg(fd, &message, MSG_CMSG_CLOEXEC) >= 0;

    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    if (!taken)
        return -1;
    header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(*handover))) {
        errno = EPROTO;
        return -1;
    }
    memcpy(handover, CMSG_DATA(header), sizeof(*handover));
    return 0;
}
