/* burst_view_test.c - what is told of a burst: how it stands, its results page by page, and that the longest
 * of all fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/burst_view.h"

#define ID "1122334455667788-00112233445566778899aabbccddeeff"
#define NOTHING                                                                                              \
    "\"request_id\":null,\"status\":null,\"reason\":null,\"source\":null,\"wait_us\":null,\"total_us\":"     \
    "null,\"attempt\":null}"

static char room[BURST_VIEW_BYTES + 1];

static struct burst *start(unsigned count)
{
    struct burst_order order = {.lane = &lanes[0], .count = count, .subject_count = 1, .concurrency = 2};
    struct burst *burst;

    order.subjects = calloc(1, sizeof(order.subjects[0]));
    assert_non_null(order.subjects);
    snprintf(order.subjects[0], sizeof(order.subjects[0]), "52998224725");
    burst = burst_new(&order, 0);
    assert_non_null(burst);
    return burst;
}

static void begin(struct burst *burst)
{
    char query[BURST_QUERY_BYTES];
    struct text written;

    burst_begin(burst, 0, query, &written);
}

static const char *show(const struct burst *burst, unsigned limit, unsigned from)
{
    struct burst_summary summary;
    struct burst_view view = {.burst = burst,
                              .summary = &summary,
                              .id = text_of(ID),
                              .request_id = text_of("00000000000000aa"),
                              .now_us = 2500000,
                              .limit = limit,
                              .from = from};
    struct text text;

    assert_true(burst_sum_up(burst, &summary));
    text = burst_view_whole(room, BURST_VIEW_BYTES, &view);
    assert_true(text.bytes > 0);
    room[text.bytes] = '\0';
    return room;
}

static void check_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in\n%s", part, text);
}

static void test_a_burst_on_its_way(void **state)
{
    struct burst *burst = start(3);
    struct decision decision = {.outcome = DECISION_GATEWAY_ANSWERED,
                                .status = 200,
                                .request_id = text_of("0123456789abcdef"),
                                .wait_us = 5,
                                .attempt = 6};
    const char *text;

    (void)state;
    begin(burst);
    begin(burst);
    burst_end(&burst->requests[0], &decision, 7);
    text = show(burst, 200, 0);
    check_has(text,
              "{\"id\":\"" ID "\",\"href\":\"/admin/bursts/" ID "\",\"request\":\"00000000000000aa\","
              "\"lane\":\"score\",\"state\":\"running\",\"requests\":3,\"concurrency\":2,\"rate\":null,"
              "\"elapsed_ms\":2500,\"waiting\":1,\"in_flight\":1,\"ended\":1,\"successful\":1,\"failed\":0,"
              "\"dropped\":0,\"summary\":{\"sources\":{\"upstream\":1,\"cache\":0,\"stale\":0},"
              "\"statuses\":{\"200\":1},\"reasons\":{},\"total_us\":{\"min\":7,");
    check_has(text,
              "[{\"index\":0,\"state\":\"ended\",\"cpf\":\"***.***.***-25\",\"priority\":10,"
              "\"request_id\":\"0123456789abcdef\",\"status\":200,\"reason\":null,\"source\":\"upstream\","
              "\"wait_us\":5,\"total_us\":7,\"attempt\":6},");
    check_has(text,
              "{\"index\":1,\"state\":\"in_flight\",\"cpf\":\"***.***.***-25\",\"priority\":10," NOTHING);
    check_has(text, "{\"index\":2,\"state\":\"waiting\",\"cpf\":\"***.***.***-25\",\"priority\":10," NOTHING
                    "],\"next\":null}");
    burst_free(burst);
}

static void test_a_cancelled_one(void **state)
{
    struct burst *burst = start(2);
    struct decision decision = {.outcome = DECISION_GATEWAY_GONE, .reason = REASON_CANCELLED};
    const char *text;

    (void)state;
    begin(burst);
    burst_stop(burst);
    burst_end(&burst->requests[0], &decision, 7);
    assert_true(burst_finish(burst, 1500000));
    burst->order.rate = 2.5;
    text = show(burst, 200, 0);
    check_has(text,
              "\"state\":\"cancelled\",\"requests\":2,\"concurrency\":2,\"rate\":2.5,\"elapsed_ms\":1500,");
    check_has(text, "\"reasons\":{\"cancelled\":1}");
    check_has(text, "\"request_id\":null,\"status\":null,\"reason\":\"cancelled\",\"source\":null,");
    check_has(text, "{\"index\":1,\"state\":\"not_made\",");
    burst_free(burst);
}

static const struct {
    unsigned limit, from;
    const char *first, *next;
} pages[] = {
    {2, 0, "[{\"index\":0,", "\"next\":1}"},    {2, 2, "[{\"index\":2,", "\"next\":3}"},
    {2, 4, "[{\"index\":4,", "\"next\":null}"}, {200, 0, "[{\"index\":0,", "\"next\":null}"},
    {2, 5, "\"results\":[]", "\"next\":null}"}, {2, 2147483647, "\"results\":[]", "\"next\":null}"},
    {0, 0, "\"results\":[]", "\"next\":null}"},
};

static void test_page_by_page(void **state)
{
    struct burst *burst = start(5);

    (void)state;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        const char *text = show(burst, pages[i].limit, pages[i].from);

        check_has(text, pages[i].first);
        check_has(text, pages[i].next);
    }
    burst_free(burst);
}

/* Every number as long as can be. */
static void test_the_longest_fits(void **state)
{
    struct burst *burst = start(10000);

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        struct burst_request *request = &burst->requests[i];

        *request = (struct burst_request){.burst = burst,
                                          .wait_us = INT64_MAX,
                                          .total_us = INT64_MAX / 10000,
                                          .attempt = UINT64_MAX,
                                          .status = (uint16_t)(100 + i % 16),
                                          .phase = BURST_ENDED,
                                          .source = BURST_FROM_UPSTREAM,
                                          .reason = (uint8_t)(i % REASON_COUNT)};
        memset(request->subject, '*', sizeof(request->subject) - 1);
        memset(request->request_id, 'f', sizeof(request->request_id));
    }
    burst->begun = burst->ended = burst->successful = burst->failed = burst->dropped = 10000;
    burst->order.rate = 1.0 / 3;
    check_has(show(burst, BURST_LIMIT_MAX, 9000), "\"next\":9199}");
    assert_true(strlen(room) < BURST_VIEW_BYTES);
    burst_free(burst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_on_its_way),
        cmocka_unit_test(test_a_cancelled_one),
        cmocka_unit_test(test_page_by_page),
        cmocka_unit_test(test_the_longest_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
