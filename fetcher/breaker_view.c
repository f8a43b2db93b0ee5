/* breaker_view.c - see breaker_view.h. */
#include "fetcher/breaker_view.h"

#include "common/json.h"

/* 0: there is no such time. */
static void put_time(struct json *json, const char *key, int64_t at_us, int64_t wall_us)
{
    json_key(json, key);
    if (at_us == 0)
        json_null(json);
    else
        json_int(json, at_us + wall_us);
}

int breaker_view_render(const struct breaker *breaker, int64_t wall_us, char *buffer, size_t size,
                        struct text *out)
{
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "state");
    json_string(&json, breaker_state_name(breaker->state));
    json_key(&json, "failures");
    json_uint(&json, breaker->failures);
    json_key(&json, "fail_max");
    json_uint(&json, breaker->config.fail_max);
    json_key(&json, "last_reason");
    if (breaker->last_reason == REASON_NONE)
        json_null(&json);
    else
        json_string(&json, reason_name(breaker->last_reason));
    put_time(&json, "opened_at_us", breaker->opened_at_us, wall_us);
    put_time(&json, "probe_at_us", breaker->state == BREAKER_OPEN ? breaker->retry_at_us : 0, wall_us);
    json_key(&json, "tripped");
    json_bool(&json, breaker_tripped(breaker));
    json_end_object(&json);
    return json_finish(&json, out);
}
