/* failure.c - see failure.h. */
#include "common/failure.h"

#include <errno.h>

/* The record, in the host's own order: like the answers it never leaves the host. */
struct failure_head {
    int64_t failed_wall_us, until_wall_us, past_wall_us;
    uint32_t count, reason;
};
_Static_assert(sizeof(struct failure_head) == FAILURE_BYTES, "nothing stands between its fields");

struct failure failure_after(const struct failure *before, const struct failure_policy *policy,
                             enum reason reason, int64_t now_wall_us)
{
    struct failure after = {.failed_wall_us = now_wall_us, .count = 1, .reason = reason};
    int64_t pause_us = policy->first_us;

    if (before)
        after.count = before->count < UINT32_MAX ? before->count + 1 : before->count;
    for (uint32_t i = 1; i < after.count && pause_us > 0 && pause_us < policy->most_us; i++)
        pause_us *= 2;
    if (pause_us > policy->most_us)
        pause_us = policy->most_us;
    after.until_wall_us = now_wall_us + pause_us;
    after.past_wall_us =
        after.until_wall_us + (pause_us > policy->attempt_us ? pause_us : policy->attempt_us);
    return after;
}

enum failure_phase failure_phase(const struct failure *failure, int64_t now_wall_us)
{
    if (now_wall_us < failure->failed_wall_us) /* the wall clock has been set back */
        return FAILURE_IS_PAST;
    if (now_wall_us < failure->until_wall_us)
        return FAILURE_PAUSES;
    return now_wall_us < failure->past_wall_us ? FAILURE_IS_DUE : FAILURE_IS_PAST;
}

void failure_write(const struct failure *failure, char record[FAILURE_BYTES])
{
    struct failure_head head = {.failed_wall_us = failure->failed_wall_us,
                                .until_wall_us = failure->until_wall_us,
                                .past_wall_us = failure->past_wall_us,
                                .count = failure->count,
                                .reason = (uint32_t)failure->reason};

    memcpy(record, &head, sizeof(head));
}

int failure_read(struct text record, struct failure *failure)
{
    struct failure_head head;

    if (record.bytes != sizeof(head))
        return -EBADMSG;
    memcpy(&head, record.at, sizeof(head));
    if (head.count == 0 || head.reason >= REASON_COUNT || head.until_wall_us < head.failed_wall_us ||
        head.past_wall_us < head.until_wall_us)
        return -EBADMSG;
    *failure = (struct failure){.failed_wall_us = head.failed_wall_us,
                                .until_wall_us = head.until_wall_us,
                                .past_wall_us = head.past_wall_us,
                                .count = head.count,
                                .reason = (enum reason)head.reason};
    return 0;
}
