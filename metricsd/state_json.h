/* state_json.h - /api/state: everything that metricsd knows, as JSON (described in metricsd/README.md). Pure.
 */
#ifndef SLUICE_METRICSD_STATE_JSON_H
#define SLUICE_METRICSD_STATE_JSON_H

#include "metricsd/snapshot.h"

/* Enough for the worst that the store can hold: every byte of every text escaped. */
#define STATE_JSON_BYTES 524288

/* 0 and the text, which lies in the buffer; -ENOBUFS when it does not fit. */
int state_json_render(const struct store *store, const struct snapshot *snapshot, int64_t now_us,
                      char *buffer, size_t size, struct text *out);

#endif
