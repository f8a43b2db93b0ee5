/* history_json.c - see history_json.h. */
#include "metricsd/history_json.h"

static void put_number(struct json *json, int64_t number)
{
    if (number == HISTORY_NONE)
        json_null(json);
    else
        json_int(json, number);
}

static void put_series(struct json *json, const struct history *history, enum history_span span,
                       unsigned series)
{
    unsigned points = history_points(history, span);

    json_key_text(json, history_key(history, series));
    json_begin_array(json);
    for (unsigned i = 0; i < points; i++)
        put_number(json, history_point(history, span, i)[series]);
    json_end_array(json);
}

int history_json_render(const struct history *history, enum history_span span, char *buffer, size_t size,
                        struct text *out)
{
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "schema");
    json_int(&json, HISTORY_JSON_SCHEMA);
    json_key(&json, "step_us");
    json_int(&json, history_step_us(span));
    json_key(&json, "end_at_us");
    json_int(&json, history_end_us(history, span));
    json_key(&json, "series");
    json_begin_object(&json);
    for (unsigned i = 0; i < HISTORY_SERIES; i++)
        put_series(&json, history, span, i);
    json_end_object(&json);
    json_end_object(&json);
    return json_finish(&json, out);
}

void history_json_put_newest(struct json *json, const struct history *history, enum history_span span)
{
    unsigned points = history_points(history, span);
    const int64_t *point;

    if (points == 0) {
        json_null(json);
        return;
    }
    point = history_point(history, span, points - 1);
    json_begin_object(json);
    json_key(json, "at_us");
    json_int(json, history_end_us(history, span));
    json_key(json, "values");
    json_begin_object(json);
    for (unsigned i = 0; i < HISTORY_SERIES; i++) {
        json_key_text(json, history_key(history, i));
        put_number(json, point[i]);
    }
    json_end_object(json);
    json_end_object(json);
}
