/* listen.c - sluice-listen COMMAND [ARGUMENT...]: binds the stack's one listener, then becomes the command.
 *
 * What the command starts inherits the listener as descriptor 3, as LISTEN_FDS=1 says (LISTEN_PID is left
 * out: it would name the command, not the gateways below it). So gateways come and go, and the port stays.
 * Without a command it tells the configuration of a whole stack: see --help. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/httpd.h"

#define INHERITED_FD 3

/* Puts the descriptor where the command looks for it. 0 or -errno. */
static int hand_over(int fd)
{
    if (fd == INHERITED_FD)
        return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    if (dup2(fd, INHERITED_FD) < 0) /* the copy is not closed by exec */
        return -errno;
    close(fd);
    return 0;
}

static int listen_for(const struct config *config)
{
    int fd, rc;

    unsetenv("LISTEN_FDS"); /* ours is made here, and never inherited */
    unsetenv("LISTEN_PID");
    fd = httpd_listen(config->gateway_bind, (unsigned)config->gateway_port);
    rc = fd < 0 ? fd : hand_over(fd);
    if (rc < 0) {
        fprintf(stderr, "sluice-listen: GATEWAY_BIND %s, GATEWAY_PORT %lld: %s\n", config->gateway_bind,
                (long long)config->gateway_port, strerror(-rc));
        return rc;
    }
    return setenv("LISTEN_FDS", "1", 1) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
    bool flag = argc > 1 && argv[1][0] == '-';
    struct config config;
    int rc = config_load("sluice-listen", FOR_DEPLOY, NULL, &config, flag ? argc : 1, argv);

    if (rc != 0 || flag)
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (argc == 1) {
        fputs("sluice-listen: no command; see --help\n", stderr);
        return EXIT_FAILURE;
    }
    if (listen_for(&config) < 0)
        return EXIT_FAILURE;
    execvp(argv[1], argv + 1);
    fprintf(stderr, "sluice-listen: %s: %s\n", argv[1], strerror(errno));
    return EXIT_FAILURE;
}
