/* health.h - whether this gateway can do its work, from what it knows about the others. Pure.
 *
 * Unavailable (not ready): draining; scheduler or fetcher away for more than 5 s; dispatch stuck for 10 s
 * with work waiting. Degraded (still ready): either away for less; the breaker not closed; a hold; paused by
 * an operator; no metrics. Whether the process lives is told by its answering at all. */
#ifndef SLUICE_HEALTH_H
#define SLUICE_HEALTH_H

#include <stdint.h>

#include "common/message.h"
#include "gateway/lane.h"

#define HEALTH_AWAY_US    5000000
#define HEALTH_STUCK_US   10000000
#define HEALTH_CHECKS_MAX (3 + 5 * LANE_COUNT)

#define HEALTH_BREAKER_BYTES 16

/* What the scheduler last said about a lane. */
struct lane_state {
    bool known;
    bool paused;
    int64_t fetcher_gone_us; /* when it was first told to be away; 0: it is here */
    int64_t stuck_us, hold_us;
    uint64_t queue, failures, fail_max;
    char breaker[HEALTH_BREAKER_BYTES]; /* closed, open, half_open */
};

struct health_facts {
    int64_t now_us;
    bool draining;
    bool scheduler_up;
    int64_t scheduler_away_us; /* while it is not up: for how long */
    bool metrics_fresh;
    struct lane_state lanes[LANE_COUNT];
};

enum health_level { HEALTH_OK, HEALTH_DEGRADED, HEALTH_UNAVAILABLE };

struct health_check {
    const char *name;
    const struct lane *lane; /* NULL: it is not about one lane */
    enum health_level level;
    const char *detail; /* what is wrong; "" when nothing is */
};

/* Copies what a `state` message says; a lane that is not ours is passed over. */
void health_lane_update(struct health_facts *facts, const struct message_state *state, int64_t now_us);

/* Fills in the checks and returns their number. */
unsigned health_checks(const struct health_facts *facts, struct health_check checks[HEALTH_CHECKS_MAX]);

/* The worst of them. */
enum health_level health_worst(const struct health_check *checks, unsigned count);
const char *health_level_name(enum health_level level);

#endif
