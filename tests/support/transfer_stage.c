/* transfer_stage.c - see transfer_stage.h. */
#include "tests/support/transfer_stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 10 /* a test that takes longer has failed */

struct peer {
    struct provider *provider;
    struct event *event;
    char bytes[2048];
    size_t used;
    struct peer *next;
};

static struct peer *peers;

struct stage stage;

static void peer_end(struct peer *peer, enum then then)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = event_get_fd(peer->event);

    if (then == RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    event_free(peer->event);
    peer->event = NULL;
    close(fd);
}

static void peer_answer(struct peer *peer)
{
    const struct step *step = &peer->provider->steps[peer->provider->asked++];
    int fd = event_get_fd(peer->event);

    snprintf(peer->provider->request, sizeof(peer->provider->request), "%s", peer->bytes);
    peer->used = 0;
    for (unsigned i = 0; step->bytes && i <= step->repeat; i++) {
        if (send(fd, step->bytes, strlen(step->bytes), MSG_NOSIGNAL) < 0)
            break; /* it has had enough */
    }
    if (step->then != KEEP)
        peer_end(peer, step->then);
}

static void on_peer(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    ssize_t got = recv(fd, peer->bytes + peer->used, sizeof(peer->bytes) - 1 - peer->used, MSG_DONTWAIT);

    (void)what;
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        peer_end(peer, CLOSE);
        return;
    }
    peer->used += (size_t)got;
    peer->bytes[peer->used] = '\0';
    if (strstr(peer->bytes, "\r\n\r\n"))
        peer_answer(peer);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct provider *provider = arg;
    struct timeval soon = {.tv_sec = PATIENCE_S};
    struct peer *peer = calloc(1, sizeof(*peer));
    int peer_fd = accept(fd, NULL, NULL);

    (void)what;
    assert_non_null(peer);
    assert_true(peer_fd >= 0);
    /* Big answers are written blocking, while the transfer cannot read: they must fit, or fail. */
    setsockopt(peer_fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 21}, sizeof(int));
    setsockopt(peer_fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 100000},
               sizeof(struct timeval));
    provider->connections++;
    peer->provider = provider;
    peer->next = peers;
    peers = peer;
    peer->event = event_new(provider->base, peer_fd, EV_READ | EV_PERSIST, on_peer, peer);
    event_add(peer->event, &soon);
}

static void provider_open(struct provider *provider, struct event_base *base)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);

    provider->base = base;
    provider->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(provider->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(provider->fd, 16), 0);
    assert_int_equal(getsockname(provider->fd, (struct sockaddr *)&address, &bytes), 0);
    provider->port = ntohs(address.sin_port);
    provider->event = event_new(base, provider->fd, EV_READ | EV_PERSIST, on_accept, provider);
    event_add(provider->event, NULL);
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    fail_msg("nothing happened for %d s", PATIENCE_S);
}

static bool may_send(void *arg, int64_t now_us)
{
    (void)arg;
    (void)now_us;
    stage.asked_to_send++;
    return stage.may_send;
}

static void sent(void *arg, int64_t sent_at_us)
{
    (void)arg;
    stage.sents++;
    stage.sent_at_us = sent_at_us;
}

static void ended(void *arg, const struct transfer_result *result)
{
    (void)arg;
    stage.ends++;
    stage.result = *result;
    stage.status = result->head->status;
    stage.explained = result->detail[0] != '\0';
    snprintf(stage.body, sizeof(stage.body), "%.*s", (int)(result->body.bytes < 60 ? result->body.bytes : 60),
             result->body.at ? result->body.at : "");
    snprintf(stage.fields, sizeof(stage.fields), "%.*s", TEXT_ARGS(upstream_head_fields(result->head)));
    stage.result.detail = NULL; /* gone with the transfer */
    event_base_loopbreak(stage.base);
}

static const struct transfer_handlers handlers = {.may_send = may_send, .sent = sent, .ended = ended};

void stage_pool(const struct transfers_config *config)
{
    transfers_free(stage.transfers);
    stage.transfers = transfers_new(stage.base, config);
    assert_non_null(stage.transfers);
}

struct transfers_config stage_config(void)
{
    return (struct transfers_config){.user_agent = "sluice/test",
                                     .total_timeout_us = 5000000,
                                     .connect_timeout_us = 5000000,
                                     .body_max_bytes = 10000,
                                     .bodies_max_bytes = 20000};
}

void stage_pool_of(int64_t timeout_us)
{
    struct transfers_config config = stage_config();

    config.total_timeout_us = timeout_us;
    stage_pool(&config);
}

int stage_set_up(void **state)
{
    struct event_config *config = event_config_new();

    (void)state;
    memset(&stage, 0, sizeof(stage));
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    stage.base = event_base_new_with_config(config);
    event_config_free(config);
    stage.may_send = true;
    provider_open(&stage.provider, stage.base);
    stage.patience = evtimer_new(stage.base, on_patience, NULL);
    evtimer_add(stage.patience, &(struct timeval){.tv_sec = PATIENCE_S});
    return 0;
}

int stage_tear_down(void **state)
{
    (void)state;
    transfers_free(stage.transfers);
    while (peers) {
        struct peer *peer = peers;

        peers = peer->next;
        if (peer->event)
            peer_end(peer, CLOSE);
        free(peer);
    }
    event_free(stage.patience);
    event_free(stage.provider.event);
    close(stage.provider.fd);
    event_base_free(stage.base);
    return 0;
}

struct transfer *stage_prepare_url(const char *url, bool head)
{
    struct transfer_request request = {.url = url,
                                       .head = head,
                                       .client_id = text_of("client-1"),
                                       .request_id = text_of("6f1c.7"),
                                       .traceparent = text_of("00-ab-cd-01")};
    struct transfer *transfer = transfer_new(stage.transfers, &request, &handlers, NULL);

    assert_non_null(transfer);
    return transfer;
}

struct transfer *stage_prepare(const char *path)
{
    char url[128];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", stage.provider.port, path);
    return stage_prepare_url(url, false);
}

void stage_await_end(struct transfer *transfer)
{
    unsigned ends = stage.ends;

    assert_int_equal(transfer_start(transfer), 0);
    assert_int_equal(stage.ends, ends); /* never from within start */
    while (stage.ends == ends)
        event_base_loop(stage.base, EVLOOP_ONCE);
}

void stage_finish(struct transfer *transfer)
{
    stage_await_end(transfer);
    transfer_free(transfer);
}

void stage_run(void)
{
    stage_finish(stage_prepare("/api/score?cpf=52998224725"));
}

void stage_peer_end(enum then then)
{
    peer_end(peers, then);
}

void stage_peer_send(const char *bytes)
{
    assert_true(send(event_get_fd(peers->event), bytes, strlen(bytes), MSG_NOSIGNAL) > 0);
}

void stage_peer_accept(void)
{
    on_accept(stage.provider.fd, EV_READ, &stage.provider);
}
