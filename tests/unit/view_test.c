/* view_test.c - what people read of what the processes say in JSON, also where that is not what was expected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "ctl/view.h"

#define VALUES                                                                                               \
    "\"scheduler.queue_length\":12,\"scheduler.waiters\":14,\"scheduler.limiter_next_slot_seconds\":420000," \
    "\"scheduler.limiter_interval_seconds\":1000000,\"scheduler.limiter_hold_seconds\":150500000,"           \
    "\"scheduler.paused\":1,\"scheduler.policy{policy=\\\"fifo\\\"}\":0,"                                    \
    "\"scheduler.policy{policy=\\\"fair\\\"}\":1,\"gateway.requests_total\":20,"                             \
    "\"gateway.requests_successful_total\":3,\"gateway.requests_failed_total\":2,"                           \
    "\"gateway.requests_dropped_total\":1,\"gateway.requests_waiting\":14,"                                  \
    "\"metricsd.cache_hit_ppm\":125000,\"metricsd.slots_saved_total\":9,\"fetcher.cache_entries\":4"
#define PROCESSES                                                                                            \
    "{\"process\":\"gateway\",\"instance\":0,\"pid\":4711,\"up\":true,\"uptime_us\":7800000000,"             \
    "\"silent_us\":400000,\"events_lost\":0},"                                                               \
    "{\"process\":\"fetcher\",\"instance\":1,\"pid\":12,\"up\":false,\"uptime_us\":1,"                       \
    "\"silent_us\":4500000,\"events_lost\":7}"

typedef void render(const struct json_object *json, FILE *out);

static char *rendered(render *view, const char *json)
{
    struct json_object *object = json_tokener_parse(json);
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    view(object, out);
    fclose(out);
    json_object_put(object);
    return text;
}

static void queue_of_two(const struct json_object *json, FILE *out)
{
    view_queue(json, 2, out);
}

static void refusal_503(const struct json_object *json, FILE *out)
{
    view_refusal(json, 503, out);
}

static const struct {
    render *view;
    const char *json, *text;
} rows[] = {
    {view_status,
     "{\"health\":{\"status\":\"degraded\",\"missing\":[\"metrics\",\"score.dispatch\"],\"checks\":"
     "{\"score.dispatch\":{\"status\":\"degraded\",\"detail\":\"paused\"}}},"
     "\"breaker\":{\"state\":\"half_open\",\"failures\":3,\"fail_max\":5},"
     "\"state\":{\"values\":{" VALUES "},\"processes\":[" PROCESSES "]}}",
     "health      degraded (metrics; score.dispatch: paused)\n"
     "queue       12 calls wait for a slot, 14 requests for an answer\n"
     "next slot   in 0.42 s, window 1.00 s, paused by an operator: sluicectl resume\n"
     "hold        2 min 30 s more, by the provider\n"
     "breaker     half_open, 3 of 5 failures in a row\n"
     "policy      fair\n"
     "requests    20: 3 successful, 2 failed, 1 dropped, 14 waiting\n"
     "cache       12.5 % hits, 9 slots saved, 4 answers\n"
     "processes   gateway     0  pid 4711    up for 2 h 10 min\n"
     "            fetcher     1  pid 12      gone for 4.50 s, 7 events lost\n"},
    {view_status, "{\"health\":{\"status\":\"ok\",\"missing\":[]},\"breaker\":null,\"state\":null}",
     "health      ok\n"
     "queue       - calls wait for a slot, - requests for an answer\n"
     "next slot   -, window -\n"
     "hold        -\n"
     "breaker     -, - of - failures in a row\n"
     "policy      -\n"
     "requests    -: - successful, - failed, - dropped, - waiting\n"
     "cache       - hits, - slots saved, - answers\n"
     "processes   -\n"},
    {view_status,
     "{\"health\":{\"status\":\"ok\"},\"state\":{\"values\":{\"scheduler.limiter_interval_seconds\":0,"
     "\"scheduler.queue_length\":0,\"scheduler.limiter_hold_seconds\":0,\"gateway.requests_total\":0}}}",
     "health      ok\n"
     "queue       - calls wait for a slot, - requests for an answer\n"
     "next slot   -, window -\n"
     "hold        -\n"
     "breaker     -, - of - failures in a row\n"
     "policy      -\n"
     "requests    0: - successful, - failed, - dropped, - waiting\n"
     "cache       - hits, - slots saved, - answers\n"
     "processes   -\n"},
    {queue_of_two, "{\"requests\":[],\"next\":null}", "nobody waits\n"},
    {queue_of_two, "[]", "nobody waits\n"},
    {queue_of_two,
     "{\"requests\":[{\"id\":\"1122334455667788-00000000000000ff\",\"lane\":\"score\",\"priority\":10,"
     "\"client\":\"0123456789abcdef\",\"age_ms\":1500,\"remaining_ms\":58500,\"position\":1,\"eta_ms\":420,"
     "\"shared\":false},{\"id\":\"1\",\"eta_ms\":null,\"shared\":true}],\"next\":\"1\"}",
     " POSITION  ID                                 LANE     CLASS  CLIENT               AGE s    LEFT s     "
     "ETA s\n"
     "        1  1122334455667788-00000000000000ff  score       10  0123456789abcdef      1.50     58.50     "
     " 0.42\n"
     "        -  1                                  -            -  -                        -         -     "
     "    -  shared\n"
     "           and more\n"},
    {view_policy, "{\"policy\":\"fifo\",\"policies\":[\"fifo\",\"fair\"],\"paused\":false,\"seconds\":0.5}",
     "policy      fifo (of fifo, fair)\nwindow      0.50 s\nsends       go on\n"},
    {view_policy, "{\"paused\":true}",
     "policy      -\nwindow      -\nsends       paused by an operator: sluicectl resume\n"},
    {view_breaker, "{\"state\":\"closed\",\"failures\":0,\"fail_max\":3}",
     "breaker     closed, 0 of 3 failures in a row\n"},
    {view_event,
     "{\"at_us\":1767225599907000,\"process\":\"scheduler\",\"epoch\":\"1\",\"seq\":7,\"event\":\"granted\","
     "\"lane\":\"score\",\"request\":\"ab\",\"attempt\":20,\"reason\":\"none\",\"note\":\"a\\u001b[2Jb\","
     "\"value\":0}",
     "23:59:59.907Z scheduler granted          lane=score request=ab reason=none attempt=20 "
     "note=\"a?[2Jb\"\n"},
    {view_event, "{\"event\":\"x\",\"value\":-4}", "-             -         x                value=-4\n"},
    {view_done, "{\"policy\":\"fair\"}", "policy fair\n"},
    {view_done, "{\"action\":\"trip\",\"seconds\":600.5}", "action trip, seconds 600.5\n"},
    {view_done, "{\"paused\":true}", "paused true\n"},
    {view_done, "{\"removed\":0}", "removed 0: it was not there\n"},
    {view_done, "{\"removed\":2}", "removed 2\n"},
    {view_done, "null", "-\n"},
    {view_burst_progress,
     "{\"state\":\"running\",\"requests\":50,\"elapsed_ms\":1204,\"waiting\":38,\"in_flight\":4,\"ended\":8,"
     "\"successful\":5,\"failed\":2,\"dropped\":1}",
     "running: 8 of 50 ended (5 successful, 2 failed, 1 dropped), 4 in flight, 38 waiting, 1.20 s"},
    {view_burst_end,
     "{\"summary\":{\"sources\":{\"upstream\":5,\"cache\":2,\"stale\":0},\"statuses\":{\"200\":7},"
     "\"reasons\":{},"
     "\"total_us\":{\"min\":1000,\"mean\":20000,\"p50\":30000,\"p95\":40000,\"p99\":50000,\"max\":1060000}}}",
     "sources     upstream: 5, cache: 2\nstatuses    200: 7\nreasons     -\n"
     "times       min 0.00 s, mean 0.02 s, p50 0.03 s, p95 0.04 s, p99 0.05 s, max 1.06 s\n"},
    {view_burst_end, "{}",
     "sources     -\nstatuses    -\nreasons     -\n"
     "times       min -, mean -, p50 -, p95 -, p99 -, max -\n"},
    {refusal_503,
     "{\"reason\":\"unavailable\",\"title\":\"No\",\"detail\":\"The scheduler is away\",\"retry_after\":2}",
     "503 unavailable: The scheduler is away; again in 2 s\n"},
    {refusal_503, "{\"reason\":\"unavailable\",\"title\":\"No\"}", "503 unavailable: No\n"},
    {refusal_503,
     "{\"status\":\"unavailable\",\"missing\":[\"scheduler\"],\"checks\":{\"scheduler\":{\"detail\":\"away\"}"
     "}}",
     "503 health is unavailable: scheduler: away\n"},
    {refusal_503, "[]", "503 no reason is told\n"},
};

static void test_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = rendered(rows[i].view, rows[i].json);

        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

/* Whatever comes in whichever place: no crash, and nothing that a terminal obeys. */
static void test_any_shape(void **state)
{
    static render *const views[] = {view_status,    queue_of_two, view_policy,
                                    view_breaker,   view_event,   view_burst_progress,
                                    view_burst_end, view_done,    refusal_503};
    static const char *const shapes[] = {
        "null",
        "1",
        "\"\\u001b[2J\"",
        "[[]]",
        "{\"\\u0007\":{\"a\":[1]}}",
        "{\"health\":[],\"breaker\":1,\"state\":{\"values\":[],\"processes\":[null,1,{\"up\":\"\"}]}}",
        "{\"health\":{\"status\":7,\"missing\":[null,1,{}],\"checks\":\"\"}}",
        "{\"missing\":[null,\"\\u001b\"],\"status\":[]}",
        "{\"requests\":[null,[],{\"id\":{},\"age_ms\":\"x\"},1],\"next\":{}}",
        "{\"policies\":[null,{},3],\"policy\":{},\"paused\":\"\",\"seconds\":[]}",
        "{\"summary\":{\"sources\":[],\"statuses\":{\"a\":null},\"total_us\":7},\"state\":0}",
        "{\"at_us\":1e300,\"event\":null,\"attempt\":{},\"value\":\"\",\"note\":\"\\u00e9\\u009b\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        for (size_t j = 0; j < sizeof(shapes) / sizeof(shapes[0]); j++) {
            char *text = rendered(views[i], shapes[j]);

            assert_true(strlen(text) > 0);
            for (const char *at = text; *at; at++)
                assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_any_shape),
    };

    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
