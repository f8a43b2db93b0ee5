/* hit_probe.c - a normal client: asks for TARGET a thousand times a second on one kept connection, and
 * measures.
 *
 *     hit_probe PORT TARGET SECONDS
 *
 * Prints one line of JSON: how many answers, those that were no 200, and how long they took, in microseconds.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/bench.h"

#define ANSWER_BYTES 8192
#define PAUSE_MS     1

/* Whether a whole answer is there; -1: it is none that can be read. */
static int is_whole(const char *answer, size_t bytes)
{
    const char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "\r\nContent-Length: ");

    if (!end)
        return bytes < ANSWER_BYTES - 1 ? 0 : -1;
    if (!length || length > end)
        return -1;
    return bytes >= (size_t)(end + 4 - answer) + strtoul(length + 18, NULL, 10);
}

/* Microseconds; 0: not a 200, or none at all. */
static unsigned ask(int fd, const char *request)
{
    char answer[ANSWER_BYTES];
    uint64_t begin = now_ns();
    size_t at = 0;
    int whole = 0;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return 0;
    while (!whole) {
        ssize_t got = recv(fd, answer + at, sizeof answer - 1 - at, 0);

        if (got <= 0)
            return 0;
        at += (size_t)got;
        answer[at] = '\0';
        whole = is_whole(answer, at);
    }
    return whole > 0 && strncmp(answer + 9, "200", 3) == 0 ? (unsigned)((now_ns() - begin) / 1000) + 1 : 0;
}

static int by_size(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

static int reach(unsigned port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&server, sizeof server) < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/* So many seconds' answers into took_us; the first bad one is the last. */
static size_t measure(int fd, const char *target, double seconds, unsigned *took_us, size_t room)
{
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    char request[1024];
    size_t count = 0;
    unsigned us = 1;

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    while (now_ns() < end && count < room && us) {
        us = ask(fd, request);
        if (us)
            took_us[count++] = us;
        poll(NULL, 0, PAUSE_MS);
    }
    printf("{\"answers\":%zu,\"bad\":%d", count, us ? 0 : 1);
    return count;
}

int main(int argc, char **argv)
{
    double seconds = argc == 4 ? strtod(argv[3], NULL) : 0;
    int fd = seconds > 0 ? reach((unsigned)strtoul(argv[1], NULL, 10)) : -1;
    size_t room = (size_t)(seconds * 1000) + 1, count;
    unsigned *took_us;

    if (fd < 0) {
        fputs("Usage: hit_probe PORT TARGET SECONDS\n", stderr);
        return EXIT_FAILURE;
    }
    took_us = calloc(room, sizeof *took_us);
    if (!took_us)
        return EXIT_FAILURE;
    count = measure(fd, argv[2], seconds, took_us, room);
    qsort(took_us, count, sizeof *took_us, by_size);
    printf(",\"p50_us\":%u,\"p99_us\":%u,\"p999_us\":%u,\"most_us\":%u}\n", took_us[count / 2],
           took_us[count * 99 / 100], took_us[count * 999 / 1000], took_us[count ? count - 1 : 0]);
    free(took_us);
    return EXIT_SUCCESS;
}
