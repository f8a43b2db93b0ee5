/* feed_readers.c - many subscribers of the metrics feed in one process, each with a socket of its own that
 * takes everything.
 *
 *     feed_readers ENDPOINT COUNT (read|hold)
 *
 * Says "here" when each has had a first message. Those that "hold" take no second one. Ends at SIGTERM, and
 * prints how many messages it has taken. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define READERS_MAX 1000
#define POLL_MS     200
#define BATCH       100 /* of one reader before the next has its turn */

static struct {
    void *context;
    void *sockets[READERS_MAX];
    zmq_pollitem_t items[READERS_MAX];
    int count;
    unsigned long long taken;
} readers;

static volatile sig_atomic_t over;

static void on_term(int number)
{
    (void)number;
    over = 1;
}

/* Whole messages, of one socket. */
static int take(void *socket, int most)
{
    char part[65536];
    int taken = 0, more;
    size_t size = sizeof more;

    while (taken < most && zmq_recv(socket, part, sizeof part, ZMQ_DONTWAIT) >= 0) {
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
        taken += !more;
    }
    return taken;
}

static bool open_all(const char *endpoint, const char *count)
{
    readers.count = (int)strtol(count, NULL, 10);
    readers.context = zmq_ctx_new();
    if (readers.count < 1 || readers.count > READERS_MAX || !readers.context)
        return false;
    zmq_ctx_set(readers.context, ZMQ_MAX_SOCKETS, READERS_MAX);
    for (int i = 0; i < readers.count; i++) {
        void *socket = zmq_socket(readers.context, ZMQ_SUB);

        readers.sockets[i] = socket;
        if (!socket || zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) < 0 || zmq_connect(socket, endpoint) < 0)
            return false;
        zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
        readers.items[i] = (zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN};
    }
    return true;
}

/* Who has had its first message does not look any more, until all have. */
static void await_first(void)
{
    for (int waiting = readers.count; waiting > 0 && !over;) {
        zmq_poll(readers.items, readers.count, POLL_MS);
        for (int i = 0; i < readers.count; i++) {
            if (readers.items[i].events && readers.items[i].revents && take(readers.sockets[i], 1)) {
                readers.items[i].events = 0;
                readers.taken++;
                waiting--;
            }
        }
    }
}

static void read_on(void)
{
    for (int i = 0; i < readers.count; i++)
        readers.items[i].events = ZMQ_POLLIN;
    while (!over) {
        zmq_poll(readers.items, readers.count, POLL_MS);
        for (int i = 0; i < readers.count; i++) {
            if (readers.items[i].revents)
                readers.taken += (unsigned)take(readers.sockets[i], BATCH);
        }
    }
}

int main(int argc, char **argv)
{
    bool reads = argc == 4 && strcmp(argv[3], "read") == 0;

    signal(SIGTERM, on_term);
    if (argc != 4 || (!reads && strcmp(argv[3], "hold") != 0) || !open_all(argv[1], argv[2])) {
        fputs("Usage: feed_readers ENDPOINT COUNT read|hold\n", stderr);
        return EXIT_FAILURE;
    }
    await_first();
    puts("here");
    fflush(stdout);
    if (reads)
        read_on();
    while (!over)
        zmq_poll(NULL, 0, POLL_MS);
    printf("%llu\n", readers.taken);
    for (int i = 0; i < readers.count; i++)
        zmq_close(readers.sockets[i]);
    zmq_ctx_term(readers.context);
    return EXIT_SUCCESS;
}
