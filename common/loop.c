/* loop.c - see loop.h. */
#include "common/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define TURN_CALLBACKS 1024

struct loop {
    const char *process;
    struct event_base *base;
    struct event *on_term, *on_int, *drain_timer, *watchdog;
    int64_t drain_us, watchdog_us; /* watchdog_us 0: nobody wants signs of life */
    void (*drain)(void *arg);
    void *drain_arg;
    bool (*is_well)(void *arg);
    void *well_arg;
    bool draining, failed, ready;
};

int loop_try_arm(struct event *timer, int64_t delay_us)
{
    struct timeval delay = {0};

    if (delay_us > 0)
        delay = (struct timeval){.tv_sec = (time_t)(delay_us / US_PER_SECOND),
                                 .tv_usec = (suseconds_t)(delay_us % US_PER_SECOND)};
    return event_add(timer, &delay) < 0 ? -ENOMEM : 0;
}

void loop_arm(struct event *timer, int64_t delay_us)
{
    static bool told;

    if (loop_try_arm(timer, delay_us) == 0)
        return;
    if (!told) /* once: it may go off very often until there is memory again */
        log_error("timer_not_armed", log_str("why", "out of memory; it goes off at once"));
    told = true;
    event_active(timer, EV_TIMEOUT, 0);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct loop *loop = arg;

    (void)what;
    if (loop->draining) {
        log_warn("exit", log_str("why", "second signal"));
        _exit(EXIT_FAILURE);
    }
    log_info("drain", log_int("signal", number));
    sd_notify(0, "STOPPING=1");
    loop->draining = true;
    if (loop_try_arm(loop->drain_timer, loop->drain_us) < 0)
        log_error("drain_unlimited", log_str("why", "out of memory"));
    if (loop->drain)
        loop->drain(loop->drain_arg);
    else
        loop_drained(loop);
}

static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;

    (void)fd;
    (void)what;
    log_warn("exit", log_str("why", "drain took too long"), log_int("drain_us", loop->drain_us));
    loop_fail(loop);
}

/* While it drains, too: then the drain's own limit ends what hangs, but a loop that stands still is killed.
 */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;

    (void)fd;
    (void)what;
    if (!loop->is_well || loop->is_well(loop->well_arg))
        sd_notify(0, "WATCHDOG=1");
    loop_arm(loop->watchdog, loop->watchdog_us / 2);
}

static bool start_watchdog(struct loop *loop)
{
    uint64_t watchdog_us = 0;

    if (sd_watchdog_enabled(0, &watchdog_us) <= 0 || watchdog_us > INT64_MAX)
        return true;
    loop->watchdog_us = (int64_t)watchdog_us;
    loop->watchdog = evtimer_new(loop->base, on_watchdog, loop);
    if (loop->watchdog)
        loop_arm(loop->watchdog, loop->watchdog_us / 2);
    return loop->watchdog != NULL;
}

static bool open_base(struct loop *loop, enum loop_timers timers)
{
    struct event_config *config = event_config_new();

    if (!config)
        return false;
    /* Without it timers are 2-3 ms late, and a slot is a promise of microseconds. */
    if (timers == LOOP_PRECISE)
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    /* What makes itself active again and again lets others have their turn. */
    event_config_set_max_dispatch_interval(config, NULL, TURN_CALLBACKS, 0);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    return loop->base != NULL;
}

/* As many as we are allowed: the usual 1024 are there for programs that use select(). */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* where that fails, we make do with fewer */
}

static bool open_events(struct loop *loop)
{
    loop->on_term = evsignal_new(loop->base, SIGTERM, on_signal, loop);
    loop->on_int = evsignal_new(loop->base, SIGINT, on_signal, loop);
    loop->drain_timer = evtimer_new(loop->base, on_drain_over, loop);
    return loop->on_term && loop->on_int && loop->drain_timer && event_add(loop->on_term, NULL) == 0 &&
           event_add(loop->on_int, NULL) == 0 && start_watchdog(loop);
}

struct loop *loop_new(const char *process, enum loop_timers timers, int64_t drain_us)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop) {
        loop->process = process;
        loop->drain_us = drain_us;
        signal(SIGPIPE, SIG_IGN);
        raise_descriptors();
        if (open_base(loop, timers) && open_events(loop))
            return loop;
    }
    log_error("start_failed", log_str("what", "event loop"), log_str("why", "memory or descriptors"));
    loop_free(loop);
    return NULL;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->on_term)
        event_free(loop->on_term);
    if (loop->on_int)
        event_free(loop->on_int);
    if (loop->drain_timer)
        event_free(loop->drain_timer);
    if (loop->watchdog)
        event_free(loop->watchdog);
    if (loop->base)
        event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

void loop_on_drain(struct loop *loop, void (*drain)(void *arg), void *arg)
{
    loop->drain = drain;
    loop->drain_arg = arg;
}

void loop_watch(struct loop *loop, bool (*is_well)(void *arg), void *arg)
{
    loop->is_well = is_well;
    loop->well_arg = arg;
}

void loop_drained(struct loop *loop)
{
    if (event_base_loopexit(loop->base, NULL) < 0) /* out of memory */
        event_base_loopbreak(loop->base);
}

void loop_fail(struct loop *loop)
{
    loop->failed = true;
    event_base_loopbreak(loop->base);
}

static void notify_supervisor(void)
{
    const char *number = getenv("NOTIFY_FD");
    char *end;
    long fd;

    sd_notify(0, "READY=1");
    if (!number)
        return;
    fd = strtol(number, &end, 10);
    if (*end != '\0' || fd < 3 || write((int)fd, "\n", 1) != 1)
        log_warn("notify_failed", log_str("notify_fd", number));
    else
        close((int)fd);
}

void loop_ready(struct loop *loop, const char *details)
{
    if (loop->ready)
        return;
    loop->ready = true;
    printf("READY %s%s%s\n", loop->process, details[0] ? " " : "", details);
    fflush(stdout);
    notify_supervisor();
}

int loop_run(struct loop *loop)
{
    if (!loop->failed && event_base_dispatch(loop->base) < 0) {
        log_error("loop_failed", log_str("why", strerror(errno)));
        loop->failed = true;
    }
    return loop->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
