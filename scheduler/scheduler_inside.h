/* scheduler_inside.h - what the files of the scheduler's process share: scheduler.c (life, timers, reports),
 * gateways.c and fetchers.c (what is said on their links). For them alone. */
#ifndef SLUICE_SCHEDULER_INSIDE_H
#define SLUICE_SCHEDULER_INSIDE_H

#include "common/bus.h"
#include "common/event.h"
#include "common/outbox.h"
#include "scheduler/async.h"
#include "scheduler/controls.h"
#include "scheduler/lane.h"
#include "scheduler/scheduler.h"

#define GATEWAYS_MAX 256
#define LANES        1 /* names in scheduler.c */

struct scheduler {
    struct loop *loop;
    const struct config *config;
    int lock;
    struct bus *bus;
    struct bus_socket *gateways, *fetchers;
    struct event_publisher *events;
    struct event *pump_timer, *tell_timer;
    struct metrics metrics;
    struct lane lanes[LANES];
    uint64_t fetcher; /* the epoch of the one that is ready; 0 none */
    unsigned gateway_count;
    struct outbox gateway_outboxes[GATEWAYS_MAX]; /* those that are up */
    bool draining;
    struct controls controls;
};

/* What a decision is about; empty members are left out of line and event. */
struct decision {
    const struct lane *lane;
    struct text request;
    uint64_t attempt;
    enum reason reason;
    const char *measure; /* what value is, in the log line */
    int64_t value;
};

/* One log line and one event for each decision. */
void scheduler_report(struct scheduler *scheduler, enum log_level level, const char *name,
                      const struct decision *decision);
void scheduler_count(struct scheduler *scheduler, enum metric metric);
/* The lane of that name; NULL when there is none. */
struct lane *scheduler_lane(struct scheduler *scheduler, struct text name);
/* Something has changed: look what is to be done, once, when this wake-up's messages are all in. */
void scheduler_pump_soon(struct scheduler *scheduler);
/* Something unreadable came on a link. */
void scheduler_bad(void *arg, uint64_t peer, int error);

extern const struct bus_link_handlers gateways_handlers, fetchers_handlers;

/* Tells every gateway how every lane stands. */
void gateways_tell(struct scheduler *scheduler);
/* Tells the waiter's gateway why there is no answer. */
void gateways_reject(struct scheduler *scheduler, const struct lane *lane, const struct waiter *waiter,
                     enum reason reason, int64_t retry_after_us, int64_t now_us);
/* The same with the waiter's own reason, unless its client has left. Takes the waiter. */
void gateways_dismiss(struct scheduler *scheduler, const struct lane *lane, struct waiter *waiter,
                      int64_t now_us);
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
