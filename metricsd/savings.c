/* savings.c - see savings.h. */
#include "metricsd/savings.h"

#define MILLION 1000000

void savings_derive(struct metrics *sum)
{
    int64_t *values = sum->values;
    int64_t hits = values[METRIC_GATEWAY_HITS] + values[METRIC_GATEWAY_BACKED_OFF];
    int64_t looked = hits + values[METRIC_GATEWAY_MISSES];

    values[METRIC_METRICSD_SLOTS_SAVED] =
        hits + values[METRIC_SCHEDULER_COALESCED] + values[METRIC_FETCHER_SAVED];
    values[METRIC_METRICSD_HIT_RATIO] = looked > 0 ? (int64_t)((double)hits / (double)looked * MILLION) : 0;
}
