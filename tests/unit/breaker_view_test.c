/* breaker_view_test.c - what people read of the breaker, from one state to the next. */
#include "fetcher/breaker_view.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define WALL 1000000000

static const struct breaker_config config = {.fail_max = 2,
                                             .window_calls = 1,
                                             .reset_us = 30000000,
                                             .reset_factor = 1,
                                             .reset_max_us = 30000000,
                                             .lease_us = 5000000};

static void shows(const struct breaker *breaker, const char *wanted)
{
    char room[BREAKER_VIEW_BYTES];
    struct text text;

    assert_int_equal(breaker_view_render(breaker, WALL, room, sizeof(room), &text), 0);
    if (!text_equal(text, wanted))
        fail_msg("%.*s\nis not\n%s", TEXT_ARGS(text), wanted);
}

static void an_outage_from_its_beginning_to_its_end(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, &config);
    shows(&breaker,
          "{\"state\":\"closed\",\"failures\":0,\"fail_max\":2,\"last_reason\":null,\"opened_at_us\":null,"
          "\"probe_at_us\":null,\"tripped\":false}");
    breaker_ended(&breaker, 1, BREAKER_FAILURE, REASON_UPSTREAM_TIMEOUT, 0, 1000);
    shows(&breaker,
          "{\"state\":\"closed\",\"failures\":1,\"fail_max\":2,\"last_reason\":\"upstream_timeout\","
          "\"opened_at_us\":null,\"probe_at_us\":null,\"tripped\":false}");
    breaker_ended(&breaker, 2, BREAKER_FAILURE, REASON_UPSTREAM_ERROR, 0, 2000);
    shows(&breaker, "{\"state\":\"open\",\"failures\":2,\"fail_max\":2,\"last_reason\":\"upstream_error\","
                    "\"opened_at_us\":1000002000,\"probe_at_us\":1030002000,\"tripped\":false}");
    assert_true(breaker_admit(&breaker, 3, 30002000));
    shows(&breaker,
          "{\"state\":\"half_open\",\"failures\":2,\"fail_max\":2,\"last_reason\":\"upstream_error\","
          "\"opened_at_us\":1000002000,\"probe_at_us\":null,\"tripped\":false}");
    breaker_ended(&breaker, 3, BREAKER_FAILURE, REASON_UPSTREAM_ERROR, 0, 30003000);
    shows(&breaker, "{\"state\":\"open\",\"failures\":3,\"fail_max\":2,\"last_reason\":\"upstream_error\","
                    "\"opened_at_us\":1000002000,\"probe_at_us\":1060003000,\"tripped\":false}");
    assert_true(breaker_admit(&breaker, 4, 60003000));
    breaker_ended(&breaker, 4, BREAKER_SUCCESS, REASON_NONE, 0, 60004000);
    shows(&breaker, "{\"state\":\"closed\",\"failures\":0,\"fail_max\":2,\"last_reason\":\"upstream_error\","
                    "\"opened_at_us\":null,\"probe_at_us\":null,\"tripped\":false}");
}

static void an_operator_trips_it_and_a_restart_remembers(void **state)
{
    struct breaker_memory memory;
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, &config);
    breaker_trip(&breaker, 600000000, 1000);
    shows(&breaker, "{\"state\":\"open\",\"failures\":0,\"fail_max\":2,\"last_reason\":null,"
                    "\"opened_at_us\":1000001000,\"probe_at_us\":1600001000,\"tripped\":true}");
    breaker_remember(&breaker, &memory);
    breaker_init(&breaker, &config);
    breaker_restore(&breaker, &memory, 2000);
    shows(&breaker,
          "{\"state\":\"open\",\"failures\":0,\"fail_max\":2,\"last_reason\":null,\"opened_at_us\":null,"
          "\"probe_at_us\":1600001000,\"tripped\":true}");
    breaker_reset(&breaker);
    assert_false(breaker_tripped(&breaker));
}

static void its_longest_words_fit(void **state)
{
    struct breaker breaker;
    char room[BREAKER_VIEW_BYTES];
    struct text text;

    (void)state;
    breaker_init(&breaker, &config);
    breaker_trip(&breaker, BREAKER_SPAN_MAX_US, INT64_MAX / 2);
    breaker.failures = breaker.config.fail_max = UINT32_MAX;
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        breaker.last_reason = (enum reason)reason;
        assert_int_equal(breaker_view_render(&breaker, WALL, room, sizeof(room), &text), 0);
    }
    assert_int_equal(breaker_view_render(&breaker, WALL, room, 20, &text), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_from_its_beginning_to_its_end),
        cmocka_unit_test(an_operator_trips_it_and_a_restart_remembers),
        cmocka_unit_test(its_longest_words_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
