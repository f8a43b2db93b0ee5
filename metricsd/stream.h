/* stream.h - /api/stream: the state, and what becomes of it, as server-sent events for any number of readers.
 *
 * A message is rendered once and sent to all. A reader begins with a whole `state`, at the next beat (ten a
 * second at most); from then on it gets what all get: the events since the last beat, once a second a
 * `delta`, and of slots and views one in between (four a second at most). So nothing is kept for a reader but
 * its place in a list and, while it is behind, what its socket did not take (httpd.h): who stays behind is
 * cut, and resumes by the id of its last message. */
#ifndef SLUICE_METRICSD_STREAM_H
#define SLUICE_METRICSD_STREAM_H

#include <event2/event.h>

#include "common/httpd.h"
#include "metricsd/state_json.h"

#define STREAM_BATCH 100 /* events in a message; of what comes faster, the newest are told */

struct stream;

struct stream_counts {
    uint64_t streams; /* begun */
    uint64_t skipped; /* events that did not fit into a message */
    unsigned open;
};

/* At most `max` readers. Borrows the parts for as long as it lives. NULL: out of memory. */
struct stream *stream_new(struct event_base *base, unsigned max, const struct state_parts *parts);
/* Takes NULL. After the httpd whose exchanges it has. */
void stream_free(struct stream *stream);

/* Begins a reader's stream: the exchange is this module's until stream_gone(). last_id: of the last message
 * that it has seen, or anything. -ENOSPC: there are too many, -ENOMEM; then the exchange is still yours. */
int stream_open(struct stream *stream, struct httpd_exchange *exchange, struct text last_id);
/* gone() of httpd.h, for an exchange of ours. */
void stream_gone(struct stream *stream, struct httpd_exchange *exchange);

/* An event has come, which now is the newest of the store. */
void stream_note_event(struct stream *stream, uint64_t number);
/* Slots or views have changed: they are told between two ticks, too. */
void stream_note_change(struct stream *stream);
/* A snapshot has been taken, which has that number on the feed. Sends the delta. */
void stream_tick(struct stream *stream, uint64_t number);

struct stream_counts stream_counts(const struct stream *stream);

#endif
