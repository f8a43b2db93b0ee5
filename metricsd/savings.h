/* savings.h - what the cache and the sharing of calls are worth: figures that follow from those of several
 * processes. Pure. */
#ifndef SLUICE_SAVINGS_H
#define SLUICE_SAVINGS_H

#include "common/metric.h"

/* Fills in metricsd's rows that follow from the sums of the others:
 *
 *   slots_saved_total  cache_hits_total + cache_backed_off_total of the gateways, coalesced_total of the
 *                      scheduler, cache_saved_total of the fetcher: each is a request for which a slot would
 *                      have been spent, and none was. A stale answer in place of a refusal saves none.
 *   cache_hit_ppm      (hits + backed_off) / (hits + backed_off + misses), in millionths; 0 before the first.
 */
void savings_derive(struct metrics *sum);

#endif
