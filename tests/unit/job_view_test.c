/* job_view_test.c - the 202 that tells how a job stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "gateway/job_view.h"

#define ID "0000000000000001-00112233445566778899aabbccddeeff"

static const struct {
    bool known;
    struct job_place place;
    int64_t remain_us, defer_s;
    const char *lines, *body; /* beside what all have */
} cases[] = {
    {true,
     {.position = 3, .eta_us = 2100001},
     57000000,
     -1,
     "Sluice-Job: queued\r\nRetry-After: 3\r\n",
     "\"state\":\"queued\",\"position\":3,\"eta_ms\":2101,\"deadline_ms\":57000"},
    {true,
     {.position = 1, .eta_us = -1},
     1,
     -1, /* paused */
     "Sluice-Job: queued\r\nRetry-After: 1\r\n",
     "\"state\":\"queued\",\"position\":1,\"eta_ms\":null,\"deadline_ms\":1"},
    {true,
     {.position = 0, .eta_us = 0},
     1000000,
     -1,
     "Sluice-Job: in_flight\r\nRetry-After: 1\r\n",
     "\"state\":\"in_flight\",\"position\":null,\"eta_ms\":0,\"deadline_ms\":1000"},
    {false,
     {0},
     -5,
     -1,
     "Sluice-Job: waiting\r\nRetry-After: 1\r\n",
     "\"state\":\"waiting\",\"position\":null,\"eta_ms\":null,\"deadline_ms\":0"},
    {true,
     {.position = 2, .eta_us = 1000000},
     5000000,
     0,
     "Sluice-Job: queued\r\nRetry-After: 1\r\nLocation: /jobs/" ID
     "\r\nPreference-Applied: respond-async\r\n",
     "\"state\":\"queued\",\"position\":2,\"eta_ms\":1000,\"deadline_ms\":5000"},
    {false,
     {0},
     5000000,
     7,
     "Sluice-Job: waiting\r\nRetry-After: 1\r\nLocation: /jobs/" ID
     "\r\nPreference-Applied: respond-async, wait=7\r\n",
     "\"state\":\"waiting\",\"position\":null,\"eta_ms\":null,\"deadline_ms\":5000"},
};

static void test_views(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct job_view view = {.id = text_of(ID),
                                .request_id = text_of("r-1"),
                                .place = cases[i].known ? &cases[i].place : NULL,
                                .remain_us = cases[i].remain_us,
                                .defer_s = cases[i].defer_s};
        char fields[RENDER_FIELDS_BYTES], body[JOB_VIEW_BYTES], want[1024];

        snprintf(want, sizeof(want),
                 "Content-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n"
                 "X-Content-Type-Options: nosniff\r\nX-Request-Id: r-1\r\n%s",
                 cases[i].lines);
        if (!text_equal(job_view_fields(fields, &view), want))
            fail_msg("%zu: %s", i, fields);
        snprintf(want, sizeof(want), "{\"id\":\"" ID "\",%s,\"href\":\"/jobs/" ID "\"}", cases[i].body);
        if (!text_equal(job_view_body(body, &view), want))
            fail_msg("%zu: %s", i, body);
    }
}

/* The longest numbers that there are. */
static void test_it_always_fits(void **state)
{
    struct job_place place = {.position = UINT64_MAX, .eta_us = INT64_MAX};
    struct job_view view = {.id = text_of(ID),
                            .request_id = text_of("r-1"),
                            .place = &place,
                            .remain_us = INT64_MAX,
                            .defer_s = INT64_MAX};
    char fields[RENDER_FIELDS_BYTES], body[JOB_VIEW_BYTES];
    struct text text = job_view_body(body, &view);

    (void)state;
    assert_true(text.bytes > 0 && text.at[text.bytes - 1] == '}');
    assert_true(job_view_fields(fields, &view).bytes < RENDER_FIELDS_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_it_always_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
