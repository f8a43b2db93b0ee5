/* transfer_test.c - transfers against a scripted provider in the same loop: each test says what the provider
 * does with each request that it reads, and looks at what the transfer makes of it and at how often it was
 * asked. */
#include "fetcher/transfer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

#define PATIENCE_S 10 /* a test that takes longer has failed */
#define OK_HEAD    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

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

struct peer {
    struct provider *provider;
    struct event *event;
    char bytes[2048];
    size_t used;
    struct peer *next;
};

static struct peer *peers;

static struct {
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
    bool explained;
} t;

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
    t.asked_to_send++;
    return t.may_send;
}

static void sent(void *arg, int64_t sent_at_us)
{
    (void)arg;
    t.sents++;
    t.sent_at_us = sent_at_us;
}

static void ended(void *arg, const struct transfer_result *result)
{
    (void)arg;
    t.ends++;
    t.result = *result;
    t.status = result->head->status;
    t.explained = result->detail[0] != '\0';
    snprintf(t.body, sizeof(t.body), "%.*s", (int)(result->body.bytes < 60 ? result->body.bytes : 60),
             result->body.at ? result->body.at : "");
    snprintf(t.fields, sizeof(t.fields), "%.*s", TEXT_ARGS(upstream_head_fields(result->head)));
    t.result.detail = NULL; /* gone with the transfer */
    event_base_loopbreak(t.base);
}

static const struct transfer_handlers handlers = {.may_send = may_send, .sent = sent, .ended = ended};

static void open_transfers(int64_t timeout_us)
{
    struct transfers_config config = {
        .user_agent = "sluice/test", .total_timeout_us = timeout_us, .body_max_bytes = 10000};

    t.transfers = transfers_new(t.base, &config);
    assert_non_null(t.transfers);
}

static int set_up(void **state)
{
    struct event_config *config = event_config_new();

    (void)state;
    memset(&t, 0, sizeof(t));
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    t.base = event_base_new_with_config(config);
    event_config_free(config);
    t.may_send = true;
    provider_open(&t.provider, t.base);
    t.patience = evtimer_new(t.base, on_patience, NULL);
    evtimer_add(t.patience, &(struct timeval){.tv_sec = PATIENCE_S});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    transfers_free(t.transfers);
    while (peers) {
        struct peer *peer = peers;

        peers = peer->next;
        if (peer->event)
            peer_end(peer, CLOSE);
        free(peer);
    }
    event_free(t.patience);
    event_free(t.provider.event);
    close(t.provider.fd);
    event_base_free(t.base);
    return 0;
}

static struct transfer *prepare(const char *path)
{
    char url[128];
    struct transfer_request request = {.url = url,
                                       .client_id = text_of("client-1"),
                                       .request_id = text_of("6f1c.7"),
                                       .traceparent = text_of("00-ab-cd-01")};
    struct transfer *transfer;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", t.provider.port, path);
    transfer = transfer_new(t.transfers, &request, &handlers, NULL);
    assert_non_null(transfer);
    return transfer;
}

static void finish(struct transfer *transfer)
{
    unsigned ends = t.ends;

    assert_int_equal(transfer_start(transfer), 0);
    assert_int_equal(t.ends, ends); /* never from within start */
    while (t.ends == ends)
        event_base_loop(t.base, EVLOOP_ONCE);
    transfer_free(transfer);
}

static void run(void)
{
    finish(prepare("/api/score?cpf=52998224725"));
}

static void a_request_is_answered(void **state)
{
    static const struct step steps[] = {
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", KEEP, 0}};
    int64_t before_us = clock_now_us();

    (void)state;
    t.provider.steps = steps;
    open_transfers(5000000);
    run();
    assert_int_equal(t.result.end, UPSTREAM_WHOLE);
    assert_int_equal(t.status, 200);
    assert_string_equal(t.body, "{}");
    assert_string_equal(t.fields, "Content-Type: application/json\r\n");
    assert_int_equal(t.sents, 1);
    assert_int_equal(t.result.connects, 1);
    assert_true(before_us <= t.result.sent_at_us);
    assert_int_equal(t.sent_at_us, t.result.sent_at_us);
    assert_true(t.result.sent_at_us < t.result.first_at_us);
    assert_true(t.result.first_at_us <= t.result.ended_at_us);
    assert_true(t.result.ended_at_us <= clock_now_us());
}

static void the_request_is_ours_and_nothing_else(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}};
    char expected[512];

    (void)state;
    t.provider.steps = steps;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    open_transfers(5000000);
    run();
    unsetenv("http_proxy");
    snprintf(expected, sizeof(expected),
             "GET /api/score?cpf=52998224725 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: sluice/test\r\n"
             "Via: 1.1 sluice\r\nAccept: application/json\r\nclient-id: client-1\r\nX-Request-Id: 6f1c.7\r\n"
             "traceparent: 00-ab-cd-01\r\n\r\n",
             t.provider.port);
    assert_string_equal(t.provider.request, expected);
}

static void a_connection_is_kept_and_used_at_once(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}, {OK_HEAD "[]", KEEP, 0}};
    struct transfer *transfer;

    (void)state;
    t.provider.steps = steps;
    open_transfers(5000000);
    run();
    transfer = prepare("/");
    assert_false(transfer_is_sent(transfer));
    assert_int_equal(transfer_start(transfer), 0);
    assert_true(transfer_is_sent(transfer)); /* without a turn of the loop */
    assert_int_equal(t.sents, 2);
    while (t.ends < 2)
        event_base_loop(t.base, EVLOOP_ONCE);
    transfer_free(transfer);
    assert_string_equal(t.body, "[]");
    assert_int_equal(t.result.connects, 0);
    assert_int_equal(t.provider.connections, 1);
}

/* How the provider may end a kept connection in the moment of its use: what it has read of the second request
 * it may have processed, so there must be no third. */
static void a_silent_resend_is_prevented(void **state)
{
    static const struct step ways[] = {{NULL, CLOSE, 0}, {NULL, RESET, 0}, {"HTTP/1.", CLOSE, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}, ways[i], {OK_HEAD "[]", KEEP, 0}};

        t.provider.steps = steps;
        t.provider.asked = t.provider.connections = t.asked_to_send = t.sents = 0;
        open_transfers(5000000);
        run();
        assert_int_equal(t.result.end, UPSTREAM_WHOLE);
        run();
        if (i < 2)
            assert_int_equal(t.result.end, UPSTREAM_RESEND);
        else
            assert_true(t.result.end == UPSTREAM_RESEND || t.result.end == UPSTREAM_BROKEN);
        assert_int_equal(t.sents, 2);
        assert_int_equal(t.provider.asked, 2);
        assert_int_equal(t.result.sent_at_us, t.sent_at_us);
        run(); /* and the next one goes through, on a connection of its own */
        assert_int_equal(t.result.end, UPSTREAM_WHOLE);
        assert_int_equal(t.provider.asked, 3);
        transfers_free(t.transfers);
        t.transfers = NULL;
    }
}

static void a_connection_found_closed_before_its_use_is_replaced(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", CLOSE, 0}, {OK_HEAD "[]", KEEP, 0}};

    (void)state;
    t.provider.steps = steps;
    open_transfers(5000000);
    run();
    run();
    assert_int_equal(t.result.end, UPSTREAM_WHOLE);
    assert_int_equal(t.result.connects, 1);
    assert_int_equal(t.provider.asked, 2);
    assert_int_equal(t.provider.connections, 2);
}

/* One answer each; the body cap is 10 000 bytes. */
static const struct {
    const char *name;
    struct step step;
    enum upstream_end end;
    bool first; /* a first byte's time is known */
} answers[] = {
    {"cut in the head", {"HTTP/1.1 200 OK\r\nContent-", CLOSE, 0}, UPSTREAM_BROKEN, true},
    {"cut in the body", {OK_HEAD "{", CLOSE, 0}, UPSTREAM_BROKEN, true},
    {"reset in the body", {OK_HEAD "{", RESET, 0}, UPSTREAM_BROKEN, true},
    {"nothing at all", {NULL, CLOSE, 0}, UPSTREAM_BROKEN, false},
    {"garbage", {"\x01\x02\x03 garbage\r\n\r\n", CLOSE, 0}, UPSTREAM_BROKEN, false},
    {"HTTP/0.9", {"<html>hello</html>", CLOSE, 0}, UPSTREAM_BROKEN, false},
    {"a bad chunk",
     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", CLOSE, 0},
     UPSTREAM_BROKEN,
     true},
    {"chunks",
     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", KEEP, 0},
     UPSTREAM_WHOLE,
     true},
    {"until the end of the connection", {"HTTP/1.1 200 OK\r\n\r\n{}", CLOSE, 0}, UPSTREAM_WHOLE, true},
    {"an early hint first", {"HTTP/1.1 103 Early Hints\r\n\r\n" OK_HEAD "{}", KEEP, 0}, UPSTREAM_WHOLE, true},
    {"a redirect is an answer",
     {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", KEEP, 0},
     UPSTREAM_WHOLE,
     true},
    {"too long, as announced",
     {"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n0123456789", CLOSE, 1000},
     UPSTREAM_TOO_LARGE,
     true},
    {"too long, unannounced", {"HTTP/1.1 200 OK\r\n\r\n0123456789", CLOSE, 1000}, UPSTREAM_TOO_LARGE, true},
    {"endless hints", {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", CLOSE, 3000}, UPSTREAM_TOO_LARGE, true},
};

static void every_answer_has_its_end(void **state)
{
    (void)state;
    open_transfers(5000000);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        print_message("  %s\n", answers[i].name);
        t.provider.steps = &answers[i].step;
        t.provider.asked = 0;
        t.sents = 0;
        transfers_free(t.transfers); /* each on a connection of its own */
        open_transfers(5000000);
        run();
        assert_int_equal(t.result.end, answers[i].end);
        assert_int_equal(t.sents, 1);
        assert_int_equal(t.provider.asked, 1);
        assert_int_equal(t.result.first_at_us != 0, answers[i].first);
        assert_int_equal(t.explained, answers[i].end != UPSTREAM_WHOLE);
    }
}

static void the_longest_body_is_taken(void **state)
{
    static const struct step steps[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", CLOSE, 0}};
    static char whole[10100];
    struct step step = steps[0];

    (void)state;
    memset(whole, 'x', sizeof(whole) - 1);
    memcpy(whole, step.bytes, strlen(step.bytes));
    whole[strlen(step.bytes) + 10000] = '\0';
    step.bytes = whole;
    t.provider.steps = &step;
    open_transfers(5000000);
    run();
    assert_int_equal(t.result.end, UPSTREAM_WHOLE);
    assert_int_equal(t.result.body.bytes, 10000);
}

static void silence_is_ended_in_time(void **state)
{
    static const struct step steps[] = {{NULL, KEEP, 0}, {OK_HEAD "{", KEEP, 0}};
    int64_t took_us;

    (void)state;
    t.provider.steps = steps;
    open_transfers(120500); /* rounded up, to 121 ms */
    for (unsigned i = 0; i < 2; i++) {
        run();
        took_us = t.result.ended_at_us - t.result.sent_at_us;
        assert_int_equal(t.result.end, UPSTREAM_TIMED_OUT);
        assert_in_range(took_us, 100000, 1000000);
    }
    assert_int_equal(t.provider.asked, 2);
}

static void no_provider_is_unreachable(void **state)
{
    (void)state;
    open_transfers(5000000);
    event_del(t.provider.event);
    close(t.provider.fd);
    run();
    assert_int_equal(t.result.end, UPSTREAM_UNREACHABLE);
    assert_int_equal(t.result.sent_at_us, 0);
    assert_int_equal(t.result.first_at_us, 0);
    assert_int_equal(t.sents, 0);
    t.provider.fd = dup(0); /* for the tear-down */
}

static void what_may_not_be_sent_is_not(void **state)
{
    static const struct step steps[] = {{OK_HEAD "{}", KEEP, 0}};

    (void)state;
    t.provider.steps = steps;
    t.may_send = false;
    open_transfers(5000000);
    run();
    assert_int_equal(t.result.end, UPSTREAM_NOT_SENT);
    assert_int_equal(t.result.sent_at_us, 0);
    assert_int_equal(t.asked_to_send, 1);
    assert_int_equal(t.sents, 0);
    t.may_send = true; /* the next one is not touched by it */
    run();
    assert_int_equal(t.result.end, UPSTREAM_WHOLE);
    assert_int_equal(t.provider.asked, 1);
}

static void a_freed_transfer_says_nothing_more(void **state)
{
    static const struct step steps[] = {{NULL, KEEP, 0}, {OK_HEAD "{}", KEEP, 0}};
    struct transfer *transfer;

    (void)state;
    t.provider.steps = steps;
    open_transfers(5000000);
    transfer_free(prepare("/never-started"));
    transfer = prepare("/given-up");
    assert_int_equal(transfer_start(transfer), 0);
    while (t.provider.asked == 0)
        event_base_loop(t.base, EVLOOP_ONCE);
    transfer_free(transfer);
    run();
    assert_int_equal(t.result.end, UPSTREAM_WHOLE);
    assert_int_equal(t.ends, 1);
}

static void values_that_could_forge_a_field_are_refused(void **state)
{
    struct transfer_request request = {
        .url = "http://h/", .client_id = text_of("a\r\nX-Evil: 1"), .request_id = text_of("1.1")};

    (void)state;
    open_transfers(5000000);
    assert_null(transfer_new(t.transfers, &request, &handlers, NULL));
    request.client_id = text_of("a");
    request.traceparent = text_of("00 01");
    assert_null(transfer_new(t.transfers, &request, &handlers, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_request_is_ours_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_is_kept_and_used_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_resend_is_prevented, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_found_closed_before_its_use_is_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_answer_has_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_body_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_is_ended_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_provider_is_unreachable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_may_not_be_sent_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_freed_transfer_says_nothing_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_could_forge_a_field_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
