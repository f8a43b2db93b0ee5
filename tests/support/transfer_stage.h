/* transfer_stage.h - a stage for tests of transfers: one pool and a scripted provider in one loop. A test
 * says what the provider does with each request that it reads, and looks at what the transfer makes of it and
 * at how often the provider was asked. */
#ifndef SLUICE_TRANSFER_STAGE_H
#define SLUICE_TRANSFER_STAGE_H

#include "fetcher/transfer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

enum then { KEEP, CLOSE, RESET };

/* What the provider does with one request. */
struct step {
    const char *bytes; /* of its answer; NULL: none */
    enum then then;
    unsigned repeat; /* the bytes so many times more */
};

struct provider {
    int fd, port;
    struct event *event;
    struct event_base *base;
    const struct step *steps;
    unsigned asked, connections;
    char request[2048]; /* the last one */
};

/* One stage at a time. What the last transfer came to is in result and behind it. */
extern struct stage {
    struct event_base *base;
    struct event *patience;
    struct provider provider;
    struct transfers *transfers;
    bool may_send;
    unsigned asked_to_send, sents, ends;
    int64_t sent_at_us;
    struct transfer_result result;
    char body[64];
    char fields[256];
    unsigned status;
    bool explained; /* there was a detail */
} stage;

int stage_set_up(void **state); /* for cmocka: with a provider, and without a pool */
int stage_tear_down(void **state);

/* A pool without limits that a test would notice: bodies of 10 000 bytes, 20 000 together. */
struct transfers_config stage_config(void);
/* Opens it, in the place of the one before. */
void stage_pool(const struct transfers_config *config);
void stage_pool_of(int64_t total_timeout_us);

/* The transfer is the test's to free, but for stage_finish() and stage_run(). */
struct transfer *stage_prepare(const char *path);
struct transfer *stage_prepare_url(const char *url, bool head);
void stage_await_end(struct transfer *transfer); /* starts it, too */
void stage_finish(struct transfer *transfer);
void stage_run(void);

/* The provider's end of the newest connection. */
void stage_peer_accept(void);
void stage_peer_send(const char *bytes);
void stage_peer_end(enum then then);

#endif
