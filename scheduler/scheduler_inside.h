/* scheduler_inside.h - what the files of the scheduler's process share: scheduler.c (life, timers, reports),
 * gateways.c and fetchers.c (what is said on their links). For them alone. */
#ifndef SLUICE_SCHEDULER_INSIDE_H
#define SLUICE_SCHEDULER_INSIDE_H

#include "common/audit.h"
#include "common/bus.h"
#include "common/config_view.h"
#include "common/outbox.h"
#include "common/view_pace.h"
#include "scheduler/async.h"
#include "scheduler/controls.h"
#include "scheduler/lane.h"
#include "scheduler/scheduler.h"
#include "scheduler/top_clients.h"

#define GATEWAYS_MAX 256
#define LANES        1 /* names in scheduler.c */

struct scheduler {
    struct loop *loop;
    const struct config *config;
    int lock;
    struct bus *bus;
    struct bus_socket *gateways, *fetchers;
    struct event_publisher *events;
    struct audit audit;
    struct event *pump_timer, *tell_timer;
    struct metrics *metrics; /* in events */
    struct lane lanes[LANES];
    uint64_t fetcher; /* the epoch of the one that is ready; 0 none */
    unsigned gateway_count;
    struct outbox gateway_outboxes[GATEWAYS_MAX]; /* those that are up */
    bool draining;
    int64_t awake_us; /* when something was done last */
    struct controls controls;
    struct config_view options;
    struct view_pace pace;
    bool somebody_waited; /* when it was last looked */
    int64_t clients_shown_us;
    struct top_clients top;
};

/* One log line and one event (common/audit.h). The lane is that of the facts; NULL: of none. */
void scheduler_tell(struct scheduler *scheduler, const struct lane *lane, enum decision_id decision,
                    const struct audit_facts *facts);
/* The same for all that the lane's core has decided by itself since. */
void scheduler_tell_notes(struct scheduler *scheduler, const struct lane *lane);
void scheduler_count(struct scheduler *scheduler, enum metric metric);
/* The lane of that name; NULL when there is none. */
struct lane *scheduler_lane(struct scheduler *scheduler, struct text name);
/* Something has changed: look what is to be done, once, when this wake-up's messages are all in. */
void scheduler_pump_soon(struct scheduler *scheduler);
/* Before a grant leaves, and before an order is answered: the next epoch must know of it. again: also what
 * has not changed, to try whether it can be written. */
void scheduler_save(struct scheduler *scheduler, struct lane *lane, bool again, int64_t now_us);
/* Something unreadable came on a link. */
void scheduler_bad(void *arg, uint64_t peer, int error);

extern const struct bus_link_handlers gateways_handlers, fetchers_handlers;

/* Tells every gateway how every lane stands. */
void gateways_tell(struct scheduler *scheduler);
/* Why a request that has waited gets no answer. */
struct rejection {
    enum decision_id decision;
    enum reason reason;
    uint64_t attempt; /* that has failed; 0 none */
    int64_t retry_after_us;
};

/* Counts and tells it, and tells the waiter's gateway. */
void gateways_reject(struct scheduler *scheduler, const struct lane *lane, const struct waiter *waiter,
                     const struct rejection *rejection, int64_t now_us);
/* The same with the waiter's own reason, unless its client has left. Takes the waiter. */
void gateways_dismiss(struct scheduler *scheduler, const struct lane *lane, struct waiter *waiter,
                      int64_t now_us);
/* view_pace_init()'s show: the queue, and once a second its clients (scheduler_views.c). */
void scheduler_show(void *scheduler, int64_t now_us);
/* Now, or when the gateway has taken what it was sent before. Borrows both. */
void gateways_send(struct scheduler *scheduler, uint64_t gateway, struct message *message,
                   struct bus_body *body);
/* What another gateway has to say: the same, but left out where more waits already than may. False: that
 * gateway is not there. */
bool gateways_pass(struct scheduler *scheduler, uint64_t gateway, struct message *message,
                   struct bus_body *body);
/* Whether nothing waits that a gateway is still to be told. */
bool gateways_told(const struct scheduler *scheduler);
/* Forgets what waits. */
void gateways_forget(struct scheduler *scheduler);

/* False: the fetcher is gone, and with it every grant; they wait again. */
bool fetchers_send(struct scheduler *scheduler, struct message *message, struct bus_body *body);
bool fetchers_hand_over(struct scheduler *scheduler, struct lane *lane, const struct core_grant *grant);

#endif
