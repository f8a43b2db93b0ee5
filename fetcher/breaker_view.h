/* breaker_view.h - the circuit breaker for people: the view `breaker`. Pure. */
#ifndef SLUICE_BREAKER_VIEW_H
#define SLUICE_BREAKER_VIEW_H

#include "common/text.h"
#include "fetcher/breaker.h"

#define BREAKER_VIEW_BYTES 512

/* {"state":"open","failures":3,"fail_max":3,"last_reason":"upstream_timeout","opened_at_us":…,"probe_at_us":…,
 * "tripped":false}: null where there is none; opened_at_us is null too when that was in an earlier epoch.
 * wall_us: what the wall clock is ahead of the breaker's. 0, or -ENOBUFS. */
int breaker_view_render(const struct breaker *breaker, int64_t wall_us, char *buffer, size_t size,
                        struct text *out);

#endif
