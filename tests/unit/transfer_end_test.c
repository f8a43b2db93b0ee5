/* transfer_end_test.c - every way in which a transfer may end, and the bounds that end it. */
#include "fetcher/transfer_end.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/transfer_stage.h"

/* One answer each; the body cap is 10 000 bytes. */
static const struct {
    const char *name;
    struct step step;
    enum upstream_end end;
    bool first; /* a first byte's time is known */
} answers[] = {
    {"cut in the head", {"HTTP/1.1 200 OK\r\nContent-", CLOSE, 0}, UPSTREAM_CUT, true},
    {"cut in the first line", {"HTTP/1.", CLOSE, 0}, UPSTREAM_CLOSED, false},
    {"cut in the body", {OK_HEAD "{", CLOSE, 0}, UPSTREAM_CUT, true},
    {"reset in the body", {OK_HEAD "{", RESET, 0}, UPSTREAM_CUT, true},
    {"cut in a chunk", {CHUNKED "5\r\nab", CLOSE, 0}, UPSTREAM_CUT, true},
    {"reset in a chunk", {CHUNKED "5\r\nab", RESET, 0}, UPSTREAM_CUT, true},
    {"nothing at all", {NULL, CLOSE, 0}, UPSTREAM_CLOSED, false},
    {"nothing but a reset", {NULL, RESET, 0}, UPSTREAM_CLOSED, false},
    {"garbage", {"\x01\x02\x03 garbage\r\n\r\n", CLOSE, 0}, UPSTREAM_MALFORMED, false},
    {"HTTP/0.9", {"<html>hello</html>", CLOSE, 0}, UPSTREAM_MALFORMED, false},
    {"two status lines", {"HTTP/1.1 200 OK\r\n" OK_HEAD "{}", KEEP, 0}, UPSTREAM_MALFORMED, true},
    {"a folded field", {"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n", KEEP, 0}, UPSTREAM_MALFORMED, true},
    {"a line without a colon", {"HTTP/1.1 200 OK\r\nX-A\r\n\r\n", KEEP, 0}, UPSTREAM_MALFORMED, true},
    {"two lengths",
     {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\n{}", KEEP, 0},
     UPSTREAM_MALFORMED,
     true},
    {"length and chunks",
     {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", KEEP,
      0},
     UPSTREAM_MALFORMED,
     true},
    {"unasked change of protocol",
     {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nhello", KEEP, 0},
     UPSTREAM_MALFORMED,
     true},
    {"a bad chunk", {CHUNKED "xyz\r\n", CLOSE, 0}, UPSTREAM_MALFORMED, true},
    {"a chunk longer than anything",
     {CHUNKED "fffffffffffffffffffff\r\n", CLOSE, 0},
     UPSTREAM_MALFORMED,
     true},
    {"a chunk with a bad end", {CHUNKED "2\r\n{}xx", CLOSE, 0}, UPSTREAM_MALFORMED, true},
    {"chunks", {CHUNKED "2\r\n{}\r\n0\r\n\r\n", KEEP, 0}, UPSTREAM_WHOLE, true},
    {"chunks with an extension and a trailer field",
     {CHUNKED "2;a=b\r\n{}\r\n0\r\nX-A: b\r\n\r\n", KEEP, 0},
     UPSTREAM_WHOLE,
     true},
    {"bare line feeds", {"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", KEEP, 0}, UPSTREAM_WHOLE, true},
    {"until the end of the connection", {"HTTP/1.1 200 OK\r\n\r\n{}", CLOSE, 0}, UPSTREAM_WHOLE, true},
    {"an early hint first", {"HTTP/1.1 103 Early Hints\r\n\r\n" OK_HEAD "{}", KEEP, 0}, UPSTREAM_WHOLE, true},
    {"a redirect is an answer",
     {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", KEEP, 0},
     UPSTREAM_WHOLE,
     true},
    {"too long, as announced",
     {"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n", KEEP, 0},
     UPSTREAM_TOO_LARGE,
     true},
    {"too long, unannounced", {"HTTP/1.1 200 OK\r\n\r\n0123456789", CLOSE, 1000}, UPSTREAM_TOO_LARGE, true},
    {"endless hints",
     {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", CLOSE, 3000},
     UPSTREAM_HEAD_TOO_LARGE,
     true},
};

static void every_answer_has_its_end(void **state)
{
    (void)state;
    stage_pool_of(5000000);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        print_message("  %s\n", answers[i].name);
        stage.provider.steps = &answers[i].step;
        stage.provider.asked = 0;
        stage.sents = 0;
        stage_pool_of(5000000); /* each on a connection of its own */
        stage_run();
        assert_int_equal(stage.result.end, answers[i].end);
        assert_int_equal(stage.sents, 1);
        assert_int_equal(stage.provider.asked, 1);
        assert_int_equal(stage.result.first_at_us != 0, answers[i].first);
        assert_int_equal(stage.explained, answers[i].end != UPSTREAM_WHOLE);
    }
}

/* libcurl 7.88 shows the line before it refuses it, and 8.14 does not: whether a first byte's time is known
 * does not matter. */
static void another_protocol_is_malformed(void **state)
{
    static const struct step steps[] = {{"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}", KEEP, 0}};

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_MALFORMED);
    assert_int_equal(stage.sents, 1);
    assert_int_equal(stage.provider.asked, 1);
    assert_true(stage.explained);
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
    stage.provider.steps = &step;
    stage_pool_of(5000000);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    assert_int_equal(stage.result.body.bytes, 10000);
}

/* "head" count times "line", for what repeats itself. */
static char *repeated(const char *head, const char *line, size_t count)
{
    size_t head_bytes = strlen(head), line_bytes = strlen(line);
    char *whole = malloc(head_bytes + count * line_bytes + 1);

    assert_non_null(whole);
    memcpy(whole, head, head_bytes);
    for (size_t i = 0; i < count; i++)
        memcpy(whole + head_bytes + i * line_bytes, line, line_bytes);
    whole[head_bytes + count * line_bytes] = '\0';
    return whole;
}

static const struct {
    const char *name, *head, *line;
    size_t count;
} floods[] = {
    {"fields", "HTTP/1.1 200 OK\r\n", "X-Filler: 0123456789abcdef\r\n", 3000},
    {"trailer fields", CHUNKED "2\r\n{}\r\n0\r\n", "X-Filler: 0123456789abcdef\r\n", 3000},
    {"one field", "HTTP/1.1 200 OK\r\nX-Filler: ", "0123456789abcdef", 100000},
    {"interim answers", "", "HTTP/1.1 103 Early Hints\r\n\r\n", UPSTREAM_INTERIMS_MAX + 1},
};

static void heads_are_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        char *bytes = repeated(floods[i].head, floods[i].line, floods[i].count);
        struct step step = {bytes, KEEP, 0};

        print_message("  %s\n", floods[i].name);
        stage.provider.steps = &step;
        stage.provider.asked = 0;
        stage_pool_of(5000000);
        stage_run();
        assert_int_equal(stage.result.end, UPSTREAM_HEAD_TOO_LARGE);
        assert_true(stage.explained);
        free(bytes);
    }
}

/* What is received takes room until it is freed, and all together have no more than that. */
static void all_bodies_together_are_bounded(void **state)
{
    struct transfers_config config = stage_config();
    char *bytes = repeated("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", "0123456789", 1000);
    struct step steps[] = {{bytes, KEEP, 0}, {bytes, KEEP, 0}, {bytes, KEEP, 0}};
    struct transfer *first;

    (void)state;
    config.bodies_max_bytes = 15000;
    stage.provider.steps = steps;
    stage_pool(&config);
    first = stage_prepare("/");
    stage_await_end(first);
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_TOO_LARGE);
    transfer_free(first);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    free(bytes);
}

static void a_head_request_has_no_body_to_bound(void **state)
{
    static const struct step steps[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", KEEP, 0}};
    char url[64];

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", stage.provider.port);
    stage_finish(stage_prepare_url(url, true));
    assert_int_equal(stage.result.end, UPSTREAM_WHOLE);
    assert_int_equal(strncmp(stage.provider.request, "HEAD ", 5), 0);
}

static void silence_is_ended_in_time(void **state)
{
    static const struct step steps[] = {{NULL, KEEP, 0}, {OK_HEAD "{", KEEP, 0}};
    int64_t took_us;

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(120500); /* rounded up, to 121 ms */
    for (unsigned i = 0; i < 2; i++) {
        stage_run();
        took_us = stage.result.ended_at_us - stage.result.sent_at_us;
        assert_int_equal(stage.result.end, UPSTREAM_TIMED_OUT);
        assert_in_range(took_us, 100000, 1000000);
    }
    assert_int_equal(stage.provider.asked, 2);
}

/* Each limit of a phase has its own end, long before the total. */
static const struct {
    const char *name;
    struct step step;
    int64_t total_us, first_byte_us, low_speed_us, low_speed_bytes;
    enum upstream_end end;
} phases[] = {
    {"no first byte", {NULL, KEEP, 0}, 5000000, 60000, 0, 0, UPSTREAM_SILENT},
    {"not even a first line", {"HTTP/1.1 2", KEEP, 0}, 5000000, 60000, 0, 0, UPSTREAM_SILENT},
    {"begun in time", {OK_HEAD "{", KEEP, 0}, 200000, 60000, 0, 0, UPSTREAM_TIMED_OUT},
    {"whole in time", {OK_HEAD "{}", KEEP, 0}, 5000000, 60000, 60000, 1000, UPSTREAM_WHOLE},
    {"halted in the head", {"HTTP/1.1 200 OK\r\n", KEEP, 0}, 5000000, 0, 60000, 1000, UPSTREAM_STALLED},
    {"halted in the body", {OK_HEAD "{", KEEP, 0}, 5000000, 0, 60000, 1000, UPSTREAM_STALLED},
    {"slow, but fast enough", {OK_HEAD "{", KEEP, 0}, 200000, 0, 60000, 10, UPSTREAM_TIMED_OUT},
};

static void every_phase_has_its_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        struct transfers_config config = stage_config();

        print_message("  %s\n", phases[i].name);
        config.total_timeout_us = phases[i].total_us;
        config.first_byte_us = phases[i].first_byte_us;
        config.low_speed_us = phases[i].low_speed_us;
        config.low_speed_bytes = phases[i].low_speed_bytes;
        stage.provider.steps = &phases[i].step;
        stage.provider.asked = 0;
        stage_pool(&config);
        stage_run();
        assert_int_equal(stage.result.end, phases[i].end);
        assert_in_range(stage.result.ended_at_us - stage.result.sent_at_us, 0, 2000000);
        assert_int_equal(stage.provider.asked, 1);
    }
}

/* The provider takes the connection and says nothing: of TLS, it never comes to a request. */
static void a_handshake_that_hangs_is_ended(void **state)
{
    struct transfers_config config = stage_config();
    char url[64];

    (void)state;
    config.connect_timeout_us = 100000;
    stage_pool(&config);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", stage.provider.port);
    stage_finish(stage_prepare_url(url, false));
    assert_int_equal(stage.result.end, UPSTREAM_CONNECT_TIMED_OUT);
    assert_int_equal(stage.result.sent_at_us, 0);
    assert_int_equal(stage.sents, 0);
}

static void a_probe_may_have_less_time(void **state)
{
    static const struct step steps[] = {{NULL, KEEP, 0}};
    struct transfer *transfer;

    (void)state;
    stage.provider.steps = steps;
    stage_pool_of(5000000);
    transfer = stage_prepare("/");
    transfer_limit(transfer, 6000000); /* more than the pool's is none */
    transfer_limit(transfer, 100000);
    stage_finish(transfer);
    assert_int_equal(stage.result.end, UPSTREAM_TIMED_OUT);
    assert_in_range(stage.result.ended_at_us - stage.result.sent_at_us, 50000, 2000000);
}

static void no_provider_is_unreachable(void **state)
{
    (void)state;
    stage_pool_of(5000000);
    event_del(stage.provider.event);
    close(stage.provider.fd);
    stage_run();
    assert_int_equal(stage.result.end, UPSTREAM_UNREACHABLE);
    assert_int_equal(stage.result.sent_at_us, 0);
    assert_int_equal(stage.result.first_at_us, 0);
    assert_int_equal(stage.sents, 0);
    stage_finish(stage_prepare_url("http://255.255.255.255/", false)); /* for TCP no way leads there */
    assert_int_equal(stage.result.end, UPSTREAM_UNROUTABLE);
    stage.provider.fd = dup(0); /* for the tear-down */
}

static const struct {
    CURLcode code;
    bool resolved;
    int error;
    enum upstream_end end;
} unsent[] = {
    {CURLE_COULDNT_RESOLVE_HOST, false, 0, UPSTREAM_DNS_ERROR},
    {CURLE_COULDNT_RESOLVE_PROXY, false, 0, UPSTREAM_DNS_ERROR},
    {CURLE_OPERATION_TIMEDOUT, false, 0, UPSTREAM_DNS_TIMED_OUT},
    {CURLE_OPERATION_TIMEDOUT, true, 0, UPSTREAM_CONNECT_TIMED_OUT},
    {CURLE_PEER_FAILED_VERIFICATION, true, 0, UPSTREAM_CERTIFICATE},
    {CURLE_SSL_ISSUER_ERROR, true, 0, UPSTREAM_CERTIFICATE},
    {CURLE_SSL_INVALIDCERTSTATUS, true, 0, UPSTREAM_CERTIFICATE},
    {CURLE_SSL_CONNECT_ERROR, true, 0, UPSTREAM_TLS_ERROR},
    {CURLE_SSL_CIPHER, true, 0, UPSTREAM_TLS_ERROR},
    {CURLE_SSL_CACERT_BADFILE, true, 0, UPSTREAM_TLS_ERROR},
    {CURLE_COULDNT_CONNECT, true, ECONNREFUSED, UPSTREAM_UNREACHABLE},
    {CURLE_COULDNT_CONNECT, true, ENETUNREACH, UPSTREAM_UNROUTABLE},
    {CURLE_COULDNT_CONNECT, true, EHOSTUNREACH, UPSTREAM_UNROUTABLE},
    {CURLE_OUT_OF_MEMORY, false, 0, UPSTREAM_UNREACHABLE},
};

static const struct {
    CURLcode code;
    enum transfer_part part;
    const char *detail;
    enum upstream_end end;
} sent[] = {
    {CURLE_OK, PART_HEAD, "", UPSTREAM_WHOLE},
    {CURLE_OK, PART_LINE, "", UPSTREAM_CUT},
    {CURLE_OK, PART_NOTHING, "", UPSTREAM_CLOSED},
    {CURLE_OPERATION_TIMEDOUT, PART_NOTHING, "", UPSTREAM_TIMED_OUT},
    {CURLE_OPERATION_TIMEDOUT, PART_HEAD, "", UPSTREAM_TIMED_OUT},
    {CURLE_WEIRD_SERVER_REPLY, PART_LINE, "", UPSTREAM_MALFORMED},
    {CURLE_UNSUPPORTED_PROTOCOL, PART_NOTHING, "Received HTTP/0.9 when not allowed", UPSTREAM_MALFORMED},
    {CURLE_BAD_CONTENT_ENCODING, PART_LINE, "Unsupported transfer encoding type", UPSTREAM_MALFORMED},
    {CURLE_OUT_OF_MEMORY, PART_LINE, "", UPSTREAM_HEAD_TOO_LARGE},
    {CURLE_OUT_OF_MEMORY, PART_HEAD, "", UPSTREAM_TOO_LARGE},
    {(CURLcode)100, PART_LINE, "Too large response headers", UPSTREAM_HEAD_TOO_LARGE},
    {(CURLcode)100, PART_HEAD, "", UPSTREAM_TOO_LARGE},
    {CURLE_RECV_ERROR, PART_HEAD, "Illegal or missing hexadecimal sequence in chunked-encoding",
     UPSTREAM_MALFORMED},
    {CURLE_RECV_ERROR, PART_HEAD, "Recv failure: Connection reset by peer", UPSTREAM_CUT},
    {CURLE_RECV_ERROR, PART_NOTHING, "Recv failure: Connection reset by peer", UPSTREAM_CLOSED},
    {CURLE_GOT_NOTHING, PART_NOTHING, "Empty reply from server", UPSTREAM_CLOSED},
    {CURLE_PARTIAL_FILE, PART_HEAD, "", UPSTREAM_CUT},
};

static void every_code_has_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(unsent) / sizeof(unsent[0]); i++)
        assert_int_equal(transfer_end_unsent(unsent[i].code, unsent[i].resolved, unsent[i].error),
                         unsent[i].end);
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
        assert_int_equal(transfer_end_sent(sent[i].code, sent[i].part, sent[i].detail), sent[i].end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_end),
        cmocka_unit_test_setup_teardown(every_answer_has_its_end, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(another_protocol_is_malformed, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(the_longest_body_is_taken, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(heads_are_bounded, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(all_bodies_together_are_bounded, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(a_head_request_has_no_body_to_bound, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(silence_is_ended_in_time, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(every_phase_has_its_limit, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(a_handshake_that_hangs_is_ended, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(a_probe_may_have_less_time, stage_set_up, stage_tear_down),
        cmocka_unit_test_setup_teardown(no_provider_is_unreachable, stage_set_up, stage_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
