/* event.h - how a process tells metricsd what it does: one event for each decision, and once a second its
 * absolute totals. Never waits: what metricsd does not take is dropped and shows there as a gap. */
#ifndef SLUICE_EVENT_H
#define SLUICE_EVENT_H

#include "common/bus.h"
#include "common/config.h"
#include "common/metric.h"

struct event_publisher;

/* Connects to metricsd's events endpoint in RUNTIME_DIR, which must exist. process ("gateway") is borrowed
 * for ever. NULL with errno set. */
struct event_publisher *event_publisher_new(struct bus *bus, const struct config *config,
                                            const char *process);
void event_publisher_free(struct event_publisher *publisher); /* takes NULL; the bus closes the socket */

/* What this process counts, in its ledger (common/ledger.h). Borrowed; all 0 at first. */
struct metrics *event_metrics(struct event_publisher *publisher);
/* 0, or why (-errno) the counts would be lost with the process. */
int event_degraded(const struct event_publisher *publisher);

/* Fills in process, seq and time (now, unless it is set), and posts under the topic event.<process>.<name>;
 * until the first event_totals(), the first ones are kept for it. Borrows; name and reason for ever. */
void event_emit(struct event_publisher *publisher, const struct message_event *event);

/* Posts every metric and histogram of this process as it stands. */
void event_totals(struct event_publisher *publisher);

/* Posts a view: one JSON object under a word ("queue"). Borrows both. 0; -EMSGSIZE: longer than
 * MESSAGE_VIEW_BYTES, -ENOMEM: not sent. Whether metricsd has got it is not known: send it again within 5 s.
 */
int event_view(struct event_publisher *publisher, const char *name, struct text json);

#endif
