/* claims.h - times that another process tells, cut down to what can be: they are on this host's monotonic
 * clock, so nothing has happened later than now, and nothing is ahead for ever. A peer that lies or has gone
 * mad can so be wrong, but breaks no sum. Pure. */
#ifndef SLUICE_SCHEDULER_CLAIMS_H
#define SLUICE_SCHEDULER_CLAIMS_H

#include <stdint.h>

#include "common/message.h"

#define CLAIMS_SPAN_MAX_US (INT64_C(366) * 86400 * 1000000)

/* When something happened: 0 (never) to now. */
int64_t claims_past(int64_t at_us, int64_t now_us);
/* How long something takes, or has taken: 0 to a year. */
int64_t claims_span(int64_t span_us);
/* When something will be: 0 (never) to a year from now. */
int64_t claims_ahead(int64_t at_us, int64_t now_us);

/* The same for whole messages of a fetcher; others pass as they are. */
void claims_of_fetcher(struct message *message, int64_t now_us);

#endif
