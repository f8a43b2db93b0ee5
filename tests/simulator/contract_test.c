/* contract_test.c - the provider's table, row by row, and what its parser takes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulator/contract.h"
#include "tests/simulator/nanos.h"

#define WALL_NS (1700000000 * NS_PER_SECOND + 1 * NS_PER_MS)

static struct windows *fresh_windows(void)
{
    const struct windows_config rules = {
        .window_ns = NS_PER_SECOND, .penalty_ns = 2 * NS_PER_SECOND, .burst = 1, .max_clients = 10};

    return windows_new(&rules);
}

/* Sends one request to these windows; the answer is NUL-ended and the caller's. */
static char *send_at(struct windows *windows, const char *method, const char *target, const char *client_id,
                     int64_t at_ns, enum verdict *verdict)
{
    const struct windows_clock clock = {0};
    struct decision decision;
    struct request request;
    char bytes[512], *answer;
    size_t used, size;

    snprintf(bytes, sizeof(bytes), "%s %s HTTP/1.1\r\nHost: x\r\nClient-ID: %s\r\n\r\n", method, target,
             client_id);
    assert_int_equal(request_parse(text_of(bytes), &request, &used), 0);
    contract_judge(windows, &request, at_ns, &clock, &decision);
    *verdict = decision.verdict;
    answer = contract_answer(windows, &decision, request.head, false, WALL_NS, &size);
    assert_non_null(answer);
    answer = realloc(answer, size + 1);
    assert_non_null(answer);
    answer[size] = '\0';
    return answer;
}

static const char *body_of(const char *answer)
{
    return strstr(answer, "\r\n\r\n") + 4;
}

static const struct {
    const char *method, *target, *client_id;
    enum verdict verdict;
    const char *line, *type, *body;
    bool limited; /* costs a slot and carries the five fields */
} rows[] = {
    {"GET", "/api/score?cpf=52998224725", "1", VERDICT_OK, "HTTP/1.1 200 OK",
     "application/json; charset=utf-8",
     "{\"cpf\":\"529.982.247-25\",\"score\":308,\"message\":\"O score de 529.982.247-25 é 308\"}", true},
    {"GET", "/api/score?cpf=111.444.777-35&x=1", "any text", VERDICT_OK, "HTTP/1.1 200 OK",
     "application/json; charset=utf-8",
     "{\"cpf\":\"111.444.777-35\",\"score\":319,\"message\":\"O score de 111.444.777-35 é 319\"}", true},
    {"GET", "/api/score?a&cpf=%33%39o053x344+7--05", "1", VERDICT_OK, "HTTP/1.1 200 OK",
     "application/json; charset=utf-8",
     "{\"cpf\":\"390.533.447-05\",\"score\":252,\"message\":\"O score de 390.533.447-05 é 252\"}", true},
    {"HEAD", "/api/score?cpf=39053344705", "1", VERDICT_OK, "HTTP/1.1 200 OK",
     "application/json; charset=utf-8", "", true},
    {"GET", "/api/score", "1", VERDICT_NO_CPF, "HTTP/1.1 400 Bad Request", "application/json; charset=utf-8",
     "{\"message\":\"CPF é obrigatório\"}", true},
    {"GET", "/api/score?cpf=", "1", VERDICT_NO_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF é obrigatório\"}", true},
    {"GET", "/api/score?cpf=52998224726", "1", VERDICT_BAD_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF inválido\"}", true},
    {"GET", "/api/score?cpf=11111111111", "1", VERDICT_BAD_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF inválido\"}", true},
    {"GET", "/api/score?cpf=12345678909", "1", VERDICT_BAD_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF inválido\"}", true},
    {"GET", "/api/score?cpf=5299822472", "1", VERDICT_BAD_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF inválido\"}", true},
    {"GET", "/api/score?cpf=529982247250", "1", VERDICT_BAD_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF inválido\"}", true},
    {"GET", "/api/score?cpf=abc", "1", VERDICT_BAD_CPF, "HTTP/1.1 400 Bad Request",
     "application/json; charset=utf-8", "{\"message\":\"CPF inválido\"}", true},
    {"GET", "/api/score?cpf=52998224725&cpf=52998224725", "1", VERDICT_DUPLICATE_CPF,
     "HTTP/1.1 500 Internal Server Error", "text/html; charset=utf-8", "Internal Server Error", true},
    {"GET", "/api/score?cpf=52998224725", "", VERDICT_NO_CLIENT_ID, "HTTP/1.1 401 Unauthorized",
     "text/html; charset=utf-8", "Client ID is required", false},
    {"GET", "/api/score?client-id=1", " ", VERDICT_NO_CLIENT_ID, "HTTP/1.1 401 Unauthorized",
     "text/html; charset=utf-8", "Client ID is required", false},
    {"GET", "/api/scores?cpf=52998224725", "1", VERDICT_NOT_FOUND, "HTTP/1.1 404 Not Found",
     "text/html; charset=utf-8", "Not Found", false},
    {"POST", "/api/score?cpf=52998224725", "1", VERDICT_NOT_FOUND, "HTTP/1.1 404 Not Found",
     "text/html; charset=utf-8", "Not Found", false},
};

static const char *const five[] = {
    "\r\nRetry-After: 1\r\n", "\r\nX-RateLimit-Limit: 1\r\n", "\r\nX-RateLimit-Remaining: 0\r\n",
    "\r\nX-RateLimit-Reset: 1700000002\r\n", "\r\nX-RateLimit-Reset-In: 1000\r\n"};

static void each_row_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct windows *windows = fresh_windows();
        enum verdict verdict, second;
        char *answer, type[80];

        print_message("%s %s\n", rows[i].method, rows[i].target);
        answer = send_at(windows, rows[i].method, rows[i].target, rows[i].client_id, 5, &verdict);
        assert_int_equal(verdict, rows[i].verdict);
        assert_memory_equal(answer, rows[i].line, strlen(rows[i].line));
        snprintf(type, sizeof(type), "\r\nContent-Type: %s\r\n", rows[i].type);
        assert_non_null(strstr(answer, type));
        assert_string_equal(body_of(answer), rows[i].body);
        for (size_t k = 0; k < sizeof(five) / sizeof(five[0]); k++)
            assert_int_equal(strstr(answer, five[k]) != NULL, rows[i].limited);
        free(answer);
        free(send_at(windows, "GET", "/api/score", "1", 6, &second));
        assert_int_equal(second, rows[i].limited && strcmp(rows[i].client_id, "1") == 0 ? VERDICT_EARLY
                                                                                        : VERDICT_NO_CPF);
        windows_free(windows);
    }
}

static void a_head_counts_the_body_that_it_leaves_out(void **state)
{
    struct windows *windows = fresh_windows();
    enum verdict verdict;
    char *answer = send_at(windows, "HEAD", "/api/score?cpf=52998224725", "1", 5, &verdict);

    (void)state;
    assert_non_null(strstr(answer, "\r\nContent-Length: 81\r\n"));
    free(answer);
    windows_free(windows);
}

static const struct {
    int64_t at_ms;
    const char *retry_after, *reset_in, *reset, *body;
} penalties[] = {
    {1, "Retry-After: 2\r\n", "Reset-In: 2000\r\n", "Reset: 1700000003\r\n",
     "{\"error\":\"Aguarde 2000ms\"}"},
    {515, "Retry-After: 1.486\r\n", "Reset-In: 1486\r\n", "Reset: 1700000002\r\n",
     "{\"error\":\"Aguarde 1486ms\"}"},
    {1001, "Retry-After: 1\r\n", "Reset-In: 1000\r\n", "Reset: 1700000002\r\n",
     "{\"error\":\"Aguarde 1000ms\"}"},
    {1901, "Retry-After: 0.1\r\n", "Reset-In: 100\r\n", "Reset: 1700000001\r\n",
     "{\"error\":\"Aguarde 100ms\"}"},
    {2000, "Retry-After: 0.001\r\n", "Reset-In: 1\r\n", "Reset: 1700000001\r\n",
     "{\"error\":\"Aguarde 1ms\"}"},
};

static void the_penalty_counts_down(void **state)
{
    struct windows *windows = fresh_windows();
    enum verdict verdict;

    (void)state;
    free(send_at(windows, "GET", "/api/score?cpf=52998224725", "1", 0, &verdict));
    for (size_t i = 0; i < sizeof(penalties) / sizeof(penalties[0]); i++) {
        char *answer = send_at(windows, "GET", "/api/score?cpf=52998224725", "1",
                               penalties[i].at_ms * NS_PER_MS, &verdict);

        assert_int_equal(verdict, i == 0 ? VERDICT_EARLY : VERDICT_BLOCKED);
        assert_memory_equal(answer, "HTTP/1.1 429 Too Many Requests", 30);
        assert_non_null(strstr(answer, penalties[i].retry_after));
        assert_non_null(strstr(answer, penalties[i].reset_in));
        assert_non_null(strstr(answer, penalties[i].reset));
        assert_non_null(strstr(answer, "X-RateLimit-Remaining: 0\r\n"));
        assert_string_equal(body_of(answer), penalties[i].body);
        free(answer);
    }
    free(send_at(windows, "GET", "/api/score?cpf=52998224725", "1", 2001 * NS_PER_MS, &verdict));
    assert_int_equal(verdict, VERDICT_OK);
    windows_free(windows);
}

static const struct {
    const char *given, *cpf;
    unsigned score;
    const char *masked;
} scores[] = {
    {"52998224725", "529.982.247-25", 308, "***.***.***-25"},
    {"11144477735", "111.444.777-35", 319, "***.***.***-35"},
    {"a390.533b447/05 ", "390.533.447-05", 252, "***.***.***-05"},
    {"52998224735", NULL, 0, "***.***.***-35"},
    {"1234567890", NULL, 0, "***"},
    {"", NULL, 0, "***"},
};

static void scores_are_the_weighted_sum(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++) {
        struct score score;
        char masked[SCORE_CPF_BYTES];

        score_mask(text_of(scores[i].given), masked);
        assert_string_equal(masked, scores[i].masked);
        assert_int_equal(score_of(text_of(scores[i].given), &score), scores[i].cpf != NULL);
        if (!scores[i].cpf)
            continue;
        assert_string_equal(score.cpf, scores[i].cpf);
        assert_int_equal(score.value, scores[i].score);
    }
}

static const struct {
    const char *bytes;
    int rc;
    size_t left; /* behind the request */
} requests[] = {
    {"GET / HTTP/1.1\r\n\r\n", 0, 0},
    {"\r\nGET http://x/y?z HTTP/1.0\n\nGET", 0, 3},
    {"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET", 0, 3},
    {"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na", -EAGAIN, 0},
    {"GET / HTTP/1.1\r\n", -EAGAIN, 0},
    {"", -EAGAIN, 0},
    {"GET /\r\n\r\n", -EBADMSG, 0},
    {"GET x HTTP/1.1\r\n\r\n", -EBADMSG, 0},
    {"GET / HTTP/2.0\r\n\r\n", -EBADMSG, 0},
    {"GET / HTTP/1.1\r\nnonsense\r\n\r\n", -EBADMSG, 0},
    {"POST / HTTP/1.1\r\nContent-Length: 2x\r\n\r\nab", -EBADMSG, 0},
    {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", -EMSGSIZE, 0},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", -ENOTSUP, 0},
};

static void the_parser_is_tolerant_within_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct request request;
        size_t used = 0;

        assert_int_equal(request_parse(text_of(requests[i].bytes), &request, &used), requests[i].rc);
        if (requests[i].rc == 0)
            assert_int_equal(strlen(requests[i].bytes) - used, requests[i].left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_the_table),
        cmocka_unit_test(a_head_counts_the_body_that_it_leaves_out),
        cmocka_unit_test(the_penalty_counts_down),
        cmocka_unit_test(scores_are_the_weighted_sum),
        cmocka_unit_test(the_parser_is_tolerant_within_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
