/* history_json.h - /api/history: the course of the main numbers as JSON (metricsd/README.md). Pure. */
#ifndef SLUICE_METRICSD_HISTORY_JSON_H
#define SLUICE_METRICSD_HISTORY_JSON_H

#include "common/json.h"
#include "metricsd/history.h"

#define HISTORY_JSON_SCHEMA 1

/* The longest that it can become: each number has 21 bytes at most. */
#define HISTORY_JSON_POINT_BYTES (HISTORY_SERIES * (SNAPSHOT_KEY_BYTES + 32))
#define HISTORY_JSON_BYTES                                                                                   \
    (HISTORY_SERIES * (HISTORY_MINUTES > HISTORY_SECONDS ? HISTORY_MINUTES : HISTORY_SECONDS) * 21 +         \
     HISTORY_JSON_POINT_BYTES + 256)

/* 0 and the text, which lies in the buffer; -ENOBUFS when it does not fit. */
int history_json_render(const struct history *history, enum history_span span, char *buffer, size_t size,
                        struct text *out);

/* Writes the newest point as one value, {"at_us":…,"values":{…}}; null when there is none. */
void history_json_put_newest(struct json *json, const struct history *history, enum history_span span);

#endif
