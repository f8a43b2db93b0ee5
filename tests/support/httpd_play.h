/* httpd_play.h - a stage for tests of httpd: server and clients in one process, with real sockets and one
 * loop.
 *
 * What the server does with a path: /wait waits until the test answers it, /stream begins a stream, /both
 * answers the last one that waits and then itself, /big is BIG_BYTES long, /none is a 204, /close asks for
 * the end; everything else is answered with its body, or else its path, in angle brackets. */
#ifndef SLUICE_HTTPD_PLAY_H
#define SLUICE_HTTPD_PLAY_H

#include "common/clock.h"
#include "common/httpd.h"
#include "common/httpd_internal.h"

#define PATIENCE_US 10000000
#define BIG_BYTES   ((size_t)8 * 1024 * 1024)
#define GET(path)   "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* A client's view. */
struct client {
    int fd;
    char got[1 << 17]; /* what it has read, as a string; what does not fit is counted only */
    size_t bytes, total;
    int end; /* 0: still open; 1: FIN; else -errno */
};

/* One stage at a time. */
extern struct play {
    struct event_base *base;
    struct httpd *httpd;
    unsigned port;
    struct httpd_exchange *waiting[64];
    unsigned waiting_count, gone_count;
    struct httpd_exchange *streams[64];
    unsigned stream_count;
} play;

extern const struct httpd_config play_config; /* small limits, ten seconds for everything */

void play_start(const struct httpd_config *config);
void play_stop(void);
int play_setup(void **state); /* with play_config, for cmocka */
int play_teardown(void **state);

/* Handles what is there, without waiting. */
void play_turn(void);
/* The same, and then waits for something to happen, a few milliseconds at most. */
void play_wait(void);
/* How often the loop goes round in a tenth of a second; a spinning one does it thousands of times. */
unsigned play_rounds(void);

/* Takes turns until the condition holds; the test fails when it does not for too long. */
#define UNTIL(condition)                                                                                     \
    for (int64_t until_us = clock_now_us() + PATIENCE_US; !(condition); play_wait())                         \
        if (clock_now_us() > until_us)                                                                       \
    fail_msg("waited in vain for %s", #condition)

/* Answers the last request that waits. */
void play_answer(const char *body);
const struct httpd_stats *stats(void);

struct client *client_new(void);
void client_free(struct client *client);
void client_reset(struct client *client); /* the same with an RST */
void client_say(struct client *client, const char *bytes);
void client_read(struct client *client);
void client_forget(struct client *client); /* what it has read */
bool client_has(struct client *client, const char *text);
bool client_ended(struct client *client);

#endif
