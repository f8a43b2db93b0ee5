/* lane.h - one provider as the scheduler's process sees it: its core, and what is said about it to the
 * others. Its messages are built here and sent by others. */
#ifndef SLUICE_SCHEDULER_LANE_H
#define SLUICE_SCHEDULER_LANE_H

#include "common/config.h"
#include "common/metric.h"
#include "scheduler/core.h"
#include "scheduler/limiter_state.h"
#include "scheduler/shadow.h"

#define LANE_ATTEMPT_BITS                                                                                    \
    28 /* of an attempt's number; the lane's index lies above, then 20 bits of the epoch */

struct lane {
    const char *name;
    struct core *core;
    struct shadow shadow;
    const struct queue_policy *policy;
    unsigned queue_max, burst;
    char breaker[MESSAGE_LABEL_BYTES + 1]; /* as the fetcher says */
    uint64_t breaker_failures, breaker_fail_max;
    int64_t breaker_retry_at_us;
    struct limiter_state state;
    struct core_memory kept; /* in it */
    uint16_t settings;       /* limiter_record_settings() */
    enum limiter_past past;  /* what was found at the start */
    int state_error;         /* of the last write; 0: what is known is in the file */
};

/* What the core keeps as a waiter's `mine`: the request's name in logs, events and upstream, and its
 * client's, masked, which is counted under a mark. */
struct ticket {
    uint8_t mark[4]; /* of its client (top_clients.h); it may lie anywhere */
    uint8_t bytes, client_bytes;
    char names[MESSAGE_ID_BYTES + MESSAGE_LABEL_BYTES]; /* only so many are kept */
};

/* Goes on from what STATE_DIR holds. 0 or -ENOMEM. The core frees payloads (struct bus_body). */
int lane_open(struct lane *lane, const char *name, unsigned index, const struct config *config,
              uint64_t epoch, int64_t now_us);
void lane_close(struct lane *lane);

/* Writes what has changed since the last time to STATE_DIR; `again`: also what could not be written then.
 * 0 or -errno; to be called before a grant leaves, which it does not stop. */
int lane_save(struct lane *lane, bool again, int64_t now_us);

unsigned lane_index_of(uint64_t attempt);

/* Fills the ticket in; gives what of it is to be kept, borrowed from it. */
struct text ticket_write(struct ticket *ticket, struct text request, struct text client, uint32_t mark);
/* Of what was kept. */
uint32_t ticket_mark(const void *mine);
struct text ticket_text(const void *mine);
struct text ticket_client(const void *mine);

/* The message borrows from the lane. */
void lane_state(const struct lane *lane, int64_t now_us, struct message *message);
/* Adds the lane's gauges to those in metrics. */
void lane_gauges(const struct lane *lane, int64_t now_us, struct metrics *metrics);

/* The counter of what is refused under the policy in force. */
enum metric lane_refused_metric(const struct lane *lane);

/* Takes over what the fetcher says of its breaker. False when the state's name is unknown. */
bool lane_breaker(struct lane *lane, const struct message_breaker *breaker, int64_t now_us);

#endif
