/* prometheus.h - the store as Prometheus text (exposition format 0.0.4), which `promtool check metrics` finds
 * nothing wrong with: names sluice_<process>_<name>, durations in seconds, HELP and TYPE once for a family.
 * Pure. */
#ifndef SLUICE_METRICSD_PROMETHEUS_H
#define SLUICE_METRICSD_PROMETHEUS_H

#include "metricsd/store.h"

#define PROMETHEUS_TYPE  "text/plain; version=0.0.4; charset=utf-8"
#define PROMETHEUS_BYTES 131072 /* enough for the table, and for every process that the store can hold */

/* sum is the store's store_sum(). 0 and the text, which lies in the buffer; -ENOBUFS when it does not fit. */
int prometheus_render(const struct store *store, const struct metrics *sum, int64_t now_us, int64_t wall_us,
                      char *buffer, size_t size, struct text *out);

#endif
