/* lane.h - one provider as the scheduler's process sees it: its core, and what is said about it to the
 * others. Its messages are built here and sent by others. */
#ifndef SLUICE_SCHEDULER_LANE_H
#define SLUICE_SCHEDULER_LANE_H

#include "common/config.h"
#include "common/metric.h"
#include "scheduler/core.h"

#define LANE_ATTEMPT_BITS                                                                                    \
    28 /* of an attempt's number; the lane's index lies above, then 20 bits of the epoch */

struct lane {
    const char *name;
    struct core *core;
    const struct queue_policy *policy;
    unsigned queue_max;
    char breaker[MESSAGE_LABEL_BYTES + 1]; /* as the fetcher says */
    uint64_t breaker_failures, breaker_fail_max;
    int64_t breaker_retry_at_us;
};

/* What waits behind core's `mine`: the request's name in logs, events and upstream, and its client's, masked.
 */
struct ticket {
    uint8_t bytes, client_bytes;
    char request[]; /* and the client behind it */
};

/* 0 or -ENOMEM. Hooks free payloads (struct bus_body) and tickets. */
int lane_open(struct lane *lane, const char *name, unsigned index, const struct config *config,
              uint64_t epoch, int64_t now_us);
void lane_close(struct lane *lane);

unsigned lane_index_of(uint64_t attempt);

/* NULL when out of memory. */
struct ticket *ticket_new(struct text request, struct text client);
struct text ticket_text(const struct ticket *ticket);
struct text ticket_client(const struct ticket *ticket);

/* The message borrows from the lane. */
void lane_state(const struct lane *lane, int64_t now_us, struct message *message);
/* Adds the lane's gauges to those in metrics. */
void lane_gauges(const struct lane *lane, int64_t now_us, struct metrics *metrics);

/* Takes over what the fetcher says of its breaker. False when the state's name is unknown. */
bool lane_breaker(struct lane *lane, const struct message_breaker *breaker, int64_t now_us);

#endif
