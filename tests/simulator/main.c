/* sluice-simulator - stands in for the rate-limited provider of the score API, and judges who calls it.
 *
 * Prints "READY simulator port=N" when it listens; SIGTERM or SIGINT ends it with 0. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/simulator/options.h"

#define OTHER_DESCRIPTORS 64

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    (void)signal_number;
    (void)what;
    event_base_loopbreak(arg);
}

/* A base whose timers are punctual to some 50 us, and never early because of a cached time. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static void raise_descriptor_limit(int64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void say_ready(unsigned port)
{
    const char *notify = getenv("NOTIFY_FD");

    printf("READY simulator port=%u\n", port);
    fflush(stdout);
    if (notify && notify[0] != '\0') {
        int fd = (int)strtol(notify, NULL, 10);

        if (write(fd, "\n", 1) == 1)
            close(fd);
    }
}

static int serve(struct event_base *base, const struct simulator_config *config)
{
    struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *interrupt = evsignal_new(base, SIGINT, on_signal, base);
    struct simulator simulator = {0};
    int rc = EXIT_FAILURE;

    if (term && interrupt && event_add(term, NULL) == 0 && event_add(interrupt, NULL) == 0 &&
        simulator_init(&simulator, base, config) == 0) {
        say_ready(simulator.port);
        rc = event_base_dispatch(base) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    simulator_done(&simulator);
    if (term)
        event_free(term);
    if (interrupt)
        event_free(interrupt);
    return rc;
}

int main(int argc, char **argv)
{
    struct simulator_config config = {0};
    struct event_base *base;
    int rc = options_read(&config, argc, argv);

    if (rc != 0)
        return rc > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* it has said why */
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit(config.max_connections);
    base = make_base();
    rc = base ? serve(base, &config) : EXIT_FAILURE;
    if (base)
        event_base_free(base);
    return rc;
}
