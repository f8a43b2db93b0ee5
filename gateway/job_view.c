/* job_view.c - see job_view.h. */
#include "gateway/job_view.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/job_call.h"
#include "gateway/job_record.h"

#define US_IN_MS 1000

static const char *state_of(const struct job_view *view)
{
    if (!view->place)
        return "waiting";
    return view->place->position > 0 ? "queued" : "in_flight";
}

struct text job_view_fields(char fields[RENDER_FIELDS_BYTES], const struct job_view *view)
{
    struct text text = render_own(fields, RENDER_JSON_TYPE, view->request_id, NULL);
    int64_t eta_us = view->place ? view->place->eta_us : 0;
    char *at = fields + text.bytes, *end = fields + RENDER_FIELDS_BYTES;

    at += snprintf(at, (size_t)(end - at), JOB_FIELD ": %s\r\nRetry-After: %" PRId64 "\r\n", state_of(view),
                   render_retry_seconds(eta_us));
    if (view->defer_s >= 0)
        at +=
            snprintf(at, (size_t)(end - at),
                     "Location: " JOB_PATH "%.*s\r\nPreference-Applied: respond-async", TEXT_ARGS(view->id));
    if (view->defer_s > 0)
        at += snprintf(at, (size_t)(end - at), ", wait=%" PRId64, view->defer_s);
    if (view->defer_s >= 0)
        at += snprintf(at, (size_t)(end - at), "\r\n");
    return (struct text){.at = fields, .bytes = (size_t)(at - fields)};
}

/* Rounded up: it is not over as long as some of it is left. */
static void put_ms(struct json *json, const char *key, int64_t us)
{
    json_key(json, key);
    json_int(json, us > 0 ? (us - 1) / US_IN_MS + 1 : 0);
}

static void put_null(struct json *json, const char *key)
{
    json_key(json, key);
    json_null(json);
}

struct text job_view_body(char body[JOB_VIEW_BYTES], const struct job_view *view)
{
    const struct job_place *place = view->place;
    struct text text = {.at = body, .bytes = 0};
    char href[sizeof(JOB_PATH) + JOB_ID_BYTES];
    struct json json;

    snprintf(href, sizeof(href), JOB_PATH "%.*s", TEXT_ARGS(view->id));
    json_init(&json, body, JOB_VIEW_BYTES);
    json_begin_object(&json);
    json_key(&json, "id");
    json_text(&json, view->id);
    json_key(&json, "state");
    json_string(&json, state_of(view));
    if (place && place->position > 0) {
        json_key(&json, "position");
        json_uint(&json, place->position);
    } else {
        put_null(&json, "position");
    }
    if (place && place->eta_us >= 0)
        put_ms(&json, "eta_ms", place->eta_us);
    else
        put_null(&json, "eta_ms");
    put_ms(&json, "deadline_ms", view->remain_us);
    json_key(&json, "href");
    json_string(&json, href);
    json_end_object(&json);
    if (json_finish(&json, &text) < 0)
        text.bytes = 0;
    return text;
}
