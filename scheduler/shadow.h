/* shadow.h - what the provider would have done, had every request been forwarded the moment it came: a model
 * of its windows that only looks, to count the penalties that queueing has avoided. Pure.
 *
 * Each client-id has a window of its own. It opens with a request's arrival and takes `burst` of them; one
 * more within it is rejected and blocks the client-id for the penalty, which those that come meanwhile do not
 * prolong. */
#ifndef SLUICE_SHADOW_H
#define SLUICE_SHADOW_H

#include <stdint.h>

#include "common/text.h"

#define SHADOW_PENALTY_US 2000000LL /* the score API's */
#define SHADOW_WINDOWS    512 /* client-ids whose window is open at a time; those beyond are not counted */

struct shadow_window {
    uint64_t client; /* a hash */
    int64_t end_us;  /* of the window or the block; free from then on */
    unsigned taken;  /* arrivals in the window */
    bool blocked;
};

struct shadow {
    int64_t window_us;
    unsigned burst;
    struct shadow_window windows[SHADOW_WINDOWS];
};

void shadow_init(struct shadow *shadow, int64_t window_us, unsigned burst);

/* A request of that client comes. True: it would have met a closed window. */
bool shadow_arrive(struct shadow *shadow, struct text client, int64_t at_us);

#endif
