/* stage.h - a whole process (gateway, scheduler, fetcher, metricsd), as its main() would make it, on a stage:
 * its own code up to the edge, and there no socket, no descriptor and no clock, but what a story tells.
 *
 * Played, by defining the symbols in the target's own objects: the clocks (libevent's too), randomness, loop,
 * log, events and ledger (stage.c); ZeroMQ's sockets, below the bus (stage_zmq.c); httpd (stage_httpd.c). So
 * a story is the same whenever it is told, and a thousand are told in a second. */
#ifndef TESTS_FUZZ_STAGE_H
#define TESTS_FUZZ_STAGE_H

#include <event2/event.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/http_request.h"
#include "common/loop.h"
#include "common/message.h"
#include "common/metric.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/story.h"

#define STAGE_EPOCH UINT64_C(0x0123456789abcdef) /* of the first process of a story */

/* What the process has sent: to that peer (0 where the socket knows one alone), or under that topic. */
struct stage_said {
    const char *socket; /* "gateways", "fetcher", "events", "feed" */
    uint64_t peer;
    struct text topic;
    const struct message *message;
    struct text body;
};

/* What it has answered over HTTP. */
struct stage_answer {
    unsigned client;
    int status;
    struct text fields, also, body;
    bool streams;
};

extern struct stage {
    int64_t now_us, wall_us;
    struct event_base *base;
    struct loop *loop;
    struct config config; /* as by default, and as the story has set it */
    const char *folder;   /* for files */
    bool drained, failed;
    bool shows; /* STAGE_SHOWS=1: tells on standard error what the process says and logs */
    /* Set by the target; may be NULL. */
    void (*heard)(const struct stage_said *said);
    void (*answered)(const struct stage_answer *answer);
    void (*logged)(struct text text); /* each text of a log line or an event */
    void (*counted)(const struct metrics *metrics);
} stage;

/* Begins another story: time, randomness, sockets and options are as ever. */
void stage_begin(const uint8_t *data, size_t size, struct story *story);
/* Takes the options ("NAME=value") at the front of the story; not those that say where files and sockets
 * are. */
void stage_options(struct story *story);

/* Lets the process do all that is due. */
void stage_turn(void);
/* The same while time goes by: a few seconds of it in small steps, the rest as if it had been stopped. Peers
 * that are not mute show that they live. */
void stage_wait(int64_t us);
/* What any process knows: `wait MS`, `wall MS` (the wall clock is set), `drain`. False: it is none of these.
 */
bool stage_common(const struct step *step);
/* SIGTERM. */
void stage_drain(void);

/* A step of the peer that it names, on that socket: a message of it, `raw BYTES` (a first frame), `mute` (no
 * signs of life any more) or `full` (it takes nothing any more). */
void stage_peer(const char *socket, const struct step *step);
/* A step of a client: `METHOD TARGET | Name: value | ... || body`, or `gone`. It has one request at a time.
 */
void stage_client(const struct step *step);
/* Requests that have no answer yet. */
unsigned stage_unanswered(void);

#endif
