/* orders.c - what operators order by way of the scheduler, which audits it: breaker and cache are ours. */
#include <errno.h>

#include "common/log.h"
#include "fetcher/fetcher_inside.h"

static int purge_one(struct fetcher *fetcher, struct text bytes, uint64_t *removed)
{
    struct cache_key key;
    int rc;

    if (bytes.bytes != sizeof(key.bytes))
        return -EINVAL;
    memcpy(key.bytes, bytes.at, sizeof(key.bytes));
    rc = cache_writer_remove(fetcher->cache, &key);
    *removed = rc == 0;
    return rc == -ENOENT ? 0 : rc;
}

static const char *purge(struct fetcher *fetcher, struct text key, int64_t *count)
{
    uint64_t removed = 0;
    int rc = key.bytes > 0 ? purge_one(fetcher, key, &removed) : cache_writer_purge(fetcher->cache, &removed);

    *count = (int64_t)removed;
    if (rc < 0)
        log_warn("not_purged", log_str("why", strerror(-rc)));
    return rc < 0 ? "failed" : "done";
}

void orders_obey(struct fetcher *fetcher, const struct message_control *control)
{
    struct upstream_lane *lane = &fetcher->lane;
    struct message message = {.type = MESSAGE_TYPE_control_result};
    const char *outcome = "done";

    fetcher_tell_breaker(fetcher, lane);
    if (control->order == CONTROL_TRIP && control->span_us > 0 && control->span_us <= BREAKER_SPAN_MAX_US) {
        breaker_trip(&lane->breaker, control->span_us, clock_now_us());
        fetcher_tell_ordered(fetcher, lane); /* first: who reads the answer finds the breaker moved */
    } else if (control->order == CONTROL_RESET) {
        breaker_reset(&lane->breaker);
        fetcher_tell_ordered(fetcher, lane);
    } else if (control->order == CONTROL_PURGE) {
        outcome = purge(fetcher, control->key, &message.control_result.count);
    } else {
        outcome = "unknown";
    }
    message.control_result.id = control->id;
    message.control_result.outcome = text_of(outcome);
    fetcher_report(fetcher, &message, NULL);
}
