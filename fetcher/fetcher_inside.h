/* fetcher_inside.h - what fetcher.c (life, links, log) and attempt.c (from a grant to its end) share. */
#ifndef SLUICE_FETCHER_INSIDE_H
#define SLUICE_FETCHER_INSIDE_H

#include "common/audit.h"
#include "common/clock.h"
#include "common/config_view.h"
#include "common/loop.h"
#include "common/outbox.h"
#include "common/view_pace.h"
#include "fetcher/breaker_state.h"
#include "fetcher/cache_writer.h"
#include "fetcher/content.h"
#include "fetcher/grant.h"

/* A provider. */
struct upstream_lane {
    const char *name, *url;
    struct breaker breaker;
    struct breaker_memory told; /* as announced and kept last */
    enum breaker_state told_state;
    int64_t slow_us;  /* a call that takes longer counts as failed; 0: none does */
    int64_t probe_us; /* a probe's call may take so long */
};

struct fetcher {
    const struct config *config;
    struct loop *loop;
    struct event_base *base;
    struct bus *bus;
    struct outbox outbox;
    struct event_publisher *events;
    struct audit audit;
    struct message_codec *codec; /* for the bodies of `fetch` */
    struct metrics *metrics;     /* in events */
    struct config_view options;
    struct view_pace pace;
    int64_t wall_us; /* what the wall clock is ahead of ours, as shown last */
    struct cache_writer *cache;
    struct freshness_policy freshness;
    struct failure_policy backoff;
    enum content_rule content;
    struct transfers *transfers;
    struct upstream_lane lane;
    struct grant *grants;
    struct event *tick, *pulse;
    uint64_t serial; /* of the latest grant */
    uint64_t link;   /* counts ups and downs, so that no link is taken for another */
    int64_t last_sent_at_us, last_ended_at_us, pulse_at_us;
    int64_t hold_at_us; /* the provider has asked to wait until then, by a 429 or a 503 */
    bool draining;
};

/* attempt.c: to the scheduler. What can be neither sent nor kept for later ends the link, which then begins
 * anew: the scheduler must not wait for it for ever. */
void fetcher_report(struct fetcher *fetcher, struct message *message, struct bus_body *body);

/* fetcher.c: log and events, one of these for each decision. */
void fetcher_tell_refused(struct fetcher *fetcher, uint64_t attempt, const char *why);
void fetcher_tell_unsent(struct fetcher *fetcher, const struct grant *grant, enum reason reason);
void fetcher_tell_saved(struct fetcher *fetcher, const struct grant *grant);
void fetcher_tell_sent(struct fetcher *fetcher, const struct grant *grant);
void fetcher_tell_late(struct fetcher *fetcher, const struct grant *grant);
/* rc as from cache_writer_store(). */
void fetcher_tell_stored(struct fetcher *fetcher, const struct grant *grant, int rc, int64_t fresh_us);
void fetcher_tell_ended(struct fetcher *fetcher, const struct grant *grant,
                        const struct transfer_result *result, const struct upstream_verdict *verdict);
/* Tells everybody of a change of the breaker, if there has been one. */
void fetcher_tell_breaker(struct fetcher *fetcher, struct upstream_lane *lane);
/* The same when an operator has tripped or reset it, whether that has changed anything or not. */
void fetcher_tell_ordered(struct fetcher *fetcher, struct upstream_lane *lane);

/* fetcher_views.c: view_pace_init()'s show. */
void fetcher_show(void *fetcher, int64_t now_us);

/* orders.c */
void orders_obey(struct fetcher *fetcher, const struct message_control *control);

/* attempt.c */
void attempt_fetch(struct fetcher *fetcher, const struct message_fetch *fetch, struct bus_body *body);
void attempt_abort(struct fetcher *fetcher, uint64_t attempt);
/* All that have not been sent: their permits come back. */
void attempt_give_all_back(struct fetcher *fetcher);
/* The timer that runs while connections are being made. */
void attempt_pulse(evutil_socket_t fd, short what, void *fetcher);
/* Ends the loop once it is drained and nothing is in flight. */
void attempt_check_drained(struct fetcher *fetcher);

#endif
