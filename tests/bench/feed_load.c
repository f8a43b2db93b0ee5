/* feed_load.c - one process of a stack that decides much: it posts events through the real publisher
 * (common/event.c), RATE a second for SECONDS, and its totals once a second, as they all do.
 *
 *     feed_load PROCESS RUNTIME_DIR RATE SECONDS
 *
 * Says "posting" when it begins. Prints one line of JSON: what it has posted, and its CPU time for each
 * event. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/event.h"

#define TICK_US 2000
#define BATCH   20000 /* at an overload the clock must be looked at, too */

struct load {
    struct event_base *base;
    struct event_publisher *publisher;
    int64_t rate, begin_us, end_us, totals_at_us, cpu_begin_us;
    uint64_t posted;
};

static int64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage); /* what the loop's thread does; libzmq's own is not in anybody's way */
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static void post(struct load *load)
{
    char request[32];

    snprintf(request, sizeof(request), "01-%llx", (unsigned long long)load->posted);
    load->posted++;
    event_emit(load->publisher, &(struct message_event){.name = text_of("granted"),
                                                        .lane = text_of("score"),
                                                        .request = text_of(request),
                                                        .attempt = load->posted,
                                                        .reason = text_of("none"),
                                                        .value = 1234});
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct load *load = arg;
    int64_t now_us = clock_now_us(), due;

    (void)fd;
    (void)what;
    due = (now_us - load->begin_us) * load->rate / 1000000;
    for (int i = 0; i < BATCH && (int64_t)load->posted < due; i++)
        post(load);
    if (now_us >= load->totals_at_us) {
        event_totals(load->publisher);
        load->totals_at_us += 1000000;
    }
    if (now_us >= load->end_us)
        event_base_loopbreak(load->base);
}

static void run(struct load *load, int64_t seconds)
{
    static const struct timeval interval = {.tv_usec = TICK_US}, settling = {.tv_usec = 500000};
    struct event *tick = event_new(load->base, -1, EV_PERSIST, on_tick, load);

    event_base_loopexit(load->base, &settling); /* until metricsd, if it is there, has subscribed */
    event_base_dispatch(load->base);
    event_totals(load->publisher);
    puts("posting");
    fflush(stdout);
    load->begin_us = clock_now_us();
    load->totals_at_us = load->begin_us + 1000000;
    load->end_us = load->begin_us + seconds * 1000000;
    load->cpu_begin_us = cpu_us();
    event_add(tick, &interval);
    event_base_dispatch(load->base);
    event_del(tick);
    printf("{\"posted\": %llu, \"cpu_us_per_event\": %.4f}\n", (unsigned long long)load->posted,
           (double)(cpu_us() - load->cpu_begin_us) / (double)load->posted);
    event_totals(load->publisher);
    event_base_loopexit(load->base, &settling); /* the last totals are on their way */
    event_base_dispatch(load->base);
    event_free(tick);
}

/* A whole number above 0; else 0. */
static int64_t whole(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    return *end == '\0' && value > 0 ? value : 0;
}

int main(int argc, char **argv)
{
    static struct config config;
    struct load load = {.rate = argc == 5 ? whole(argv[3]) : 0};
    int64_t seconds = argc == 5 ? whole(argv[4]) : 0;
    struct bus *bus;

    if (load.rate == 0 || seconds == 0) {
        fprintf(stderr, "Usage: feed_load PROCESS RUNTIME_DIR RATE SECONDS\n");
        return EXIT_FAILURE;
    }
    snprintf(config.runtime_dir, sizeof(config.runtime_dir), "%s", argv[2]);
    load.base = event_base_new();
    bus = bus_new(load.base);
    load.publisher = bus ? event_publisher_new(bus, &config, argv[1]) : NULL;
    if (!load.publisher) {
        fprintf(stderr, "feed_load: %s: %s\n", argv[2], strerror(errno));
        return EXIT_FAILURE;
    }
    run(&load, seconds);
    event_publisher_free(load.publisher);
    bus_free(bus);
    event_base_free(load.base);
    return EXIT_SUCCESS;
}
