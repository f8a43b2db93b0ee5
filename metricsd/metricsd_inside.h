/* metricsd_inside.h - what metricsd's own files share. */
#ifndef SLUICE_METRICSD_INSIDE_H
#define SLUICE_METRICSD_INSIDE_H

#include "common/bus.h"
#include "common/config.h"
#include "common/config_view.h"
#include "common/loop.h"
#include "metricsd/feed_guard.h"
#include "metricsd/history_json.h"
#include "metricsd/links.h"
#include "metricsd/metricsd.h"
#include "metricsd/past.h"
#include "metricsd/prometheus.h"
#include "metricsd/state_json.h"
#include "metricsd/stream.h"
#include "metricsd/web.h"

struct metricsd {
    struct loop *loop;
    int lock_fd;
    struct bus *bus;
    struct bus_socket *events, *world, *local; /* world: FEED_ENDPOINT; local: for the gateways */
    struct feed_guard *guard;                  /* of world; NULL: whoever reaches it may read */
    struct web *web;
    struct stream *stream;
    struct event *tick;
    struct store *store;
    struct past past;
    int past_logged;       /* what was last said about it */
    struct ledger *ledger; /* of metricsd itself */
    struct windows *windows;
    struct history *history;
    struct slots *slots;
    struct views *views;
    struct links links;
    struct state_parts parts; /* all of these */
    unsigned port;            /* of web */
    int64_t started_at_us;
    unsigned ticks;
    uint64_t feed_seq;      /* events and snapshots put on the feed */
    uint64_t strange_total; /* messages that are not for us, and bad views */
    int64_t bad_logged;
    struct feed_guard_view guard_logged;
    uint64_t starts_logged[STORE_KINDS];
    unsigned up_logged[STORE_KINDS];
    /* As of the last tick: */
    struct metrics sum, seen; /* seen: without what is older than metricsd */
    struct snapshot snapshot;
    struct text prometheus;
    /* Rendered when first asked for; at == NULL: not since the last tick, or the last minute. */
    struct text state, histories[HISTORY_SPANS];
    char prometheus_room[PROMETHEUS_BYTES];
    char state_room[STATE_JSON_BYTES];
    char history_rooms[HISTORY_SPANS][HISTORY_JSON_BYTES];
    char policy_room[LINKS_POLICY_BYTES];
};

/* metricsd_feed.c: what comes in (bus_subscriber), and the tick of once a second. */
void metricsd_hear(void *arg, struct text topic, const struct message *message, struct bus_body *body);
void metricsd_tick(struct metricsd *metricsd);

/* metricsd_world.c: the feed for others. */
int metricsd_judge_feed(const struct config *config, char error[CONFIG_ERROR_BYTES]);
bool metricsd_open_feed(struct metricsd *metricsd, const struct config *config);
void metricsd_log_guard(struct metricsd *metricsd); /* what has changed, in a line each at most */

/* metricsd.c: logs it, and gives false. */
bool metricsd_complain(const char *event, const char *what, int error);

#endif
