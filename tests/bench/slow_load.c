/* slow_load.c - a crowd of slow clients, each at an address of its own (127.x.y.z) and always busy being
 * slow: whoever is cut comes again at once, until SECONDS are over.
 *
 *     slow_load PORT TARGET COUNT SECONDS GRACE_SECONDS KIND,...
 *
 * Clients are of these kinds in turn: head and body send header fields, or a body, a byte a second; read has
 * asked for /metrics eight times and takes a byte of it a second; idle has had an answer (TARGET, from the
 * cache), or, every second of them, has never asked for one. They come within 10 s; says "here" then. Prints
 * one line of JSON: for each kind, how many connections there were, how they ended and after how long, and
 * how many are still open GRACE_SECONDS after the end; and how late this program itself was at most: those
 * times contain it. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define TICK_US      100          /* short, as many that act at once would be one crowd's burst */
#define PERIOD_NS    1000000000U  /* in which each acts once, all of them evenly spread */
#define RAMP_NS      10000000000U /* in which they come */
#define ASKS         8            /* of one slow reader */
#define ANSWER_BYTES 4096
#define LIVES_MAX    200000 /* whose lengths are kept, of one kind */

enum kind { HEAD, BODY, READ, IDLE, KINDS };
enum end { ANSWER_408, ANSWER_503, OTHER_ANSWER, FIN, RST, ENDS };

static const char *const kind_names[] = {"head", "body", "read", "idle"};
static const char *const end_names[] = {"408", "503", "other", "fin", "rst"};
#define TURN_MAX 16

struct slow {
    struct event event;
    enum kind kind;
    unsigned number;
    bool connected;
    uint64_t since_ns;
    char answer[16];
    size_t answer_bytes;
};

struct tally {
    uint64_t opened, ended[ENDS];
    float *lives_s;
    size_t lives;
};

static struct load {
    struct event_base *base;
    struct event *tick;
    struct slow *all;
    enum kind turn[TURN_MAX];
    unsigned turn_count;
    unsigned count, port, opened, here, here_min;
    const char *target;
    uint64_t acted;
    uint64_t begin_ns, end_ns, grace_ns;
    uint64_t tick_ns, late_ns; /* the last tick, and the longest time without one */
    bool told;
    struct tally tallies[KINDS];
} load;

static void open_one(struct slow *slow);

static enum end judge(const struct slow *slow, ssize_t got)
{
    if (got < 0)
        return RST;
    if (slow->answer_bytes >= 12 && strncmp(slow->answer + 9, "408", 3) == 0)
        return ANSWER_408;
    if (slow->answer_bytes >= 12 && strncmp(slow->answer + 9, "503", 3) == 0)
        return ANSWER_503;
    return slow->kind != IDLE && slow->kind != READ && slow->answer_bytes ? OTHER_ANSWER : FIN;
}

static void ended(struct slow *slow, ssize_t got)
{
    struct tally *tally = &load.tallies[slow->kind];

    event_del(&slow->event);
    close(event_get_fd(&slow->event));
    slow->connected = false;
    load.here--;
    tally->ended[judge(slow, got)]++;
    if (tally->lives < LIVES_MAX)
        tally->lives_s[tally->lives++] = (float)(now_ns() - slow->since_ns) / 1e9F;
    if (now_ns() < load.end_ns)
        open_one(slow);
    else if (!load.here)
        event_base_loopbreak(load.base);
}

/* What a quick client would read, too: the answer that tells why. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct slow *slow = arg;
    char bytes[ANSWER_BYTES];
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    size_t room = sizeof slow->answer - slow->answer_bytes;

    (void)what;
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        ended(slow, got);
        return;
    }
    if (room > (size_t)got)
        room = (size_t)got;
    memcpy(slow->answer + slow->answer_bytes, bytes, room);
    slow->answer_bytes += room;
}

/* Who reads slowly only looks whether it has been reset: what came before that could still be read. */
static void on_changed(evutil_socket_t fd, short what, void *arg)
{
    struct pollfd peer = {.fd = fd};

    (void)what;
    if (poll(&peer, 1, 0) > 0 && peer.revents & POLLERR)
        ended(arg, -1);
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        perror("slow_load: send");
}

static void begin(struct slow *slow, int fd)
{
    char text[ASKS * 64];
    size_t at = 0;

    if (slow->kind == HEAD) {
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nX-Slow: ", load.target);
        say(fd, text);
    } else if (slow->kind == BODY) {
        say(fd, "POST /admin/bursts HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{\"cpfs\":[");
    } else if (slow->kind == READ) {
        for (unsigned i = 0; i < ASKS; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        say(fd, text);
    } else if (slow->number / load.turn_count % 2 == 0) {
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", load.target);
        say(fd, text);
    }
}

/* 200 x 250 addresses of each 127.x network, so that neither ports nor a limit of one client's run out. */
static struct sockaddr_in own_address(unsigned number)
{
    uint32_t host =
        0x7f000000U + ((number / 50000 + 1) << 16) + ((number / 250 % 200) << 8) + number % 250 + 1;

    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
}

static void open_one(struct slow *slow)
{
    struct sockaddr_in own = own_address(slow->number);
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)load.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (slow->kind == READ)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){2048}, sizeof(int));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof own) < 0 ||
        connect(fd, (const struct sockaddr *)&server, sizeof server) < 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        perror("slow_load: connect");
        exit(EXIT_FAILURE);
    }
    slow->connected = true;
    slow->since_ns = now_ns();
    slow->answer_bytes = 0;
    load.tallies[slow->kind].opened++;
    load.here++;
    if (slow->kind == READ)
        event_assign(&slow->event, load.base, fd, EV_READ | EV_ET | EV_PERSIST, on_changed, slow);
    else
        event_assign(&slow->event, load.base, fd, EV_READ | EV_PERSIST, on_readable, slow);
    event_add(&slow->event, NULL);
    begin(slow, fd);
}

/* The end is seen by events. */
static void act(struct slow *slow)
{
    char byte;

    if (slow->kind == HEAD || slow->kind == BODY)
        say(event_get_fd(&slow->event), "1");
    else if (slow->kind == READ && recv(event_get_fd(&slow->event), &byte, 1, 0) == 0)
        ended(slow, 0);
}

/* Spread as evenly as clients are that have nothing to do with each other: so are their ends. */
static void come(void)
{
    uint64_t due = load.count * (now_ns() - load.begin_ns) / RAMP_NS;

    for (; load.opened < load.count && load.opened < due; load.opened++)
        open_one(&load.all[load.opened]);
    if (load.opened == load.count) {
        load.told = true;
        puts("here");
        fflush(stdout);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    uint64_t now = now_ns(), due = load.count * (now - load.begin_ns) / PERIOD_NS;

    (void)fd;
    (void)what;
    (void)arg;
    if (load.tick_ns && now - load.tick_ns > load.late_ns)
        load.late_ns = now - load.tick_ns;
    load.tick_ns = now;
    if (load.told && now_ns() < load.end_ns && load.here < load.here_min)
        load.here_min = load.here;
    if (now_ns() >= load.grace_ns || (!load.here && load.told)) {
        event_base_loopbreak(load.base);
        return;
    }
    for (; load.acted < due; load.acted++) {
        struct slow *slow = &load.all[load.acted % load.count];

        if (slow->connected)
            act(slow);
    }
    if (!load.told)
        come();
}

static int by_length(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void report_kind(enum kind kind)
{
    struct tally *tally = &load.tallies[kind];
    unsigned open = 0;

    for (unsigned i = 0; i < load.count; i++)
        open += load.all[i].connected && load.all[i].kind == kind;
    printf("%s\"%s\":{\"opened\":%llu,\"open\":%u", kind ? "," : "", kind_names[kind],
           (unsigned long long)tally->opened, open);
    for (unsigned i = 0; i < ENDS; i++)
        printf(",\"%s\":%llu", end_names[i], (unsigned long long)tally->ended[i]);
    qsort(tally->lives_s, tally->lives, sizeof(float), by_length);
    if (tally->lives)
        printf(",\"least_s\":%.2f,\"median_s\":%.2f,\"most_s\":%.2f", (double)tally->lives_s[0],
               (double)tally->lives_s[tally->lives / 2], (double)tally->lives_s[tally->lives - 1]);
    printf("}");
}

static bool read_turn(char *names)
{
    for (const char *name = strsep(&names, ","); name; name = strsep(&names, ",")) {
        unsigned kind = 0;

        while (kind < KINDS && strcmp(name, kind_names[kind]) != 0)
            kind++;
        if (kind == KINDS || load.turn_count == TURN_MAX)
            return false;
        load.turn[load.turn_count++] = (enum kind)kind;
    }
    return load.turn_count > 0;
}

/* Its timers are not rounded to milliseconds. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static bool prepare(char **argv)
{
    struct rlimit limit;

    load.port = (unsigned)strtoul(argv[1], NULL, 10);
    load.target = argv[2];
    load.count = load.here_min = (unsigned)strtoul(argv[3], NULL, 10);
    load.begin_ns = now_ns();
    load.end_ns = load.begin_ns + RAMP_NS + (uint64_t)(strtod(argv[4], NULL) * 1e9);
    load.grace_ns = load.end_ns + (uint64_t)(strtod(argv[5], NULL) * 1e9);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < load.count + 16)
        fprintf(stderr, "slow_load: %u clients need as many descriptors (ulimit -Hn)\n", load.count);
    load.base = make_base();
    load.all = calloc(load.count, sizeof *load.all);
    for (unsigned i = 0; i < KINDS; i++)
        load.tallies[i].lives_s = calloc(LIVES_MAX, sizeof(float));
    return load.base && load.all && load.count && limit.rlim_cur >= load.count + 16;
}

int main(int argc, char **argv)
{
    static const struct timeval tick = {0, TICK_US};

    if (argc != 7 || !read_turn(argv[6]) || !prepare(argv)) {
        fputs("Usage: slow_load PORT TARGET COUNT SECONDS GRACE_SECONDS KIND,...\n", stderr);
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < load.count; i++) {
        load.all[i].number = i;
        load.all[i].kind = load.turn[i % load.turn_count];
    }
    load.tick = event_new(load.base, -1, EV_PERSIST, on_tick, NULL);
    event_add(load.tick, &tick);
    event_base_dispatch(load.base);
    printf("{\"here_min\":%u,\"late_s\":%.2f,\"kinds\":{", load.here_min, (double)load.late_ns / 1e9);
    for (unsigned i = 0; i < KINDS; i++)
        report_kind((enum kind)i);
    puts("}}");
    return EXIT_SUCCESS;
}
