/* state_json.h - /api/state: everything that metricsd knows, as JSON (described in metricsd/README.md); and
 * its parts, from which the changes of it can be told. Pure. */
#ifndef SLUICE_METRICSD_STATE_JSON_H
#define SLUICE_METRICSD_STATE_JSON_H

#include "common/json.h"
#include "metricsd/links.h"
#include "metricsd/slots.h"
#include "metricsd/snapshot.h"
#include "metricsd/views.h"
#include "metricsd/windows.h"

#define STATE_JSON_SCHEMA 2

/* The longest that each part can become; a text's byte takes six where it is escaped. */
#define STATE_JSON_PAIR_BYTES      (SNAPSHOT_KEY_BYTES + 32)
#define STATE_JSON_PROCESSES_BYTES (STORE_EPOCHS * 320)
#define STATE_JSON_VALUES_BYTES    ((SNAPSHOT_VALUES + SNAPSHOT_QUANTILES) * STATE_JSON_PAIR_BYTES)
#define STATE_JSON_WINDOWS_BYTES   (WINDOW_COUNT * WINDOWS_PAIRS * STATE_JSON_PAIR_BYTES)
#define STATE_JSON_SLOTS_BYTES     (SLOTS_SHOWN * 192 + 256)
#define STATE_JSON_VIEWS_BYTES     (VIEWS_MAX * (MESSAGE_VIEW_BYTES + VIEWS_KEY_BYTES + 8))
#define STATE_JSON_LINKS_BYTES     (2 * URL_BYTES + 64)
#define STATE_JSON_EVENT_BYTES     (6 * sizeof(((struct store_event *)0)->texts) + 384)
#define STATE_JSON_BYTES                                                                                     \
    (STATE_JSON_PROCESSES_BYTES + STATE_JSON_VALUES_BYTES + STATE_JSON_WINDOWS_BYTES +                       \
     STATE_JSON_SLOTS_BYTES + STATE_JSON_VIEWS_BYTES + STATE_JSON_LINKS_BYTES +                              \
     STORE_EVENTS * STATE_JSON_EVENT_BYTES + 1024)

struct state_parts {
    uint64_t epoch; /* metricsd's own */
    const struct store *store;
    const struct snapshot *snapshot;
    const struct windows *windows;
    const struct slots *slots;
    const struct views *views;
    const struct links *links;
};

/* 0 and the text, which lies in the buffer; -ENOBUFS when it does not fit. */
int state_json_render(const struct state_parts *parts, int64_t now_us, char *buffer, size_t size,
                      struct text *out);

/* Each writes one value, for which the caller has written the key. */
void state_json_put_processes(struct json *json, const struct store *store, int64_t now_us);
void state_json_put_pairs(struct json *json, const struct message_pair *pairs, unsigned count);
void state_json_put_windows(struct json *json, const struct windows *windows);
void state_json_put_slots(struct json *json, const struct slots *slots, int64_t now_us);
void state_json_put_views(struct json *json, const struct views *views);
void state_json_put_links(struct json *json, const struct links *links);
void state_json_put_event(struct json *json, const struct store_event *event);
/* Those with a greater number on the feed, newest first. */
void state_json_put_events(struct json *json, const struct store *store, uint64_t after);

#endif
