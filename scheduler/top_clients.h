/* top_clients.h - who asks most: a bounded count of clients since the start ("space-saving", Metwally and
 * others, 2005). Pure.
 *
 * The table has TOP_CLIENTS_ROWS rows. When all are taken, a new client gets the row of the one that seems to
 * have asked least, whose numbers go to the rest; and it may have been there before, with at most as many
 * requests as that one: so much its own numbers may be short of. Whoever makes more than one of
 * TOP_CLIENTS_ROWS of all requests has a row, whatever the others do. Finding a client looks at a few hundred
 * bytes; an end finds its row by a mark. */
#ifndef SLUICE_TOP_CLIENTS_H
#define SLUICE_TOP_CLIENTS_H

#include "common/json.h"
#include "common/message.h"

#define TOP_CLIENTS_ROWS  64
#define TOP_CLIENTS_SHOWN 10
#define TOP_CLIENTS_BYTES 8192 /* enough for its view, every byte of every name escaped */

/* How a request ended. Known: it had been counted before, and is not to be counted again. */
enum top_end { TOP_SERVED, TOP_REFUSED, TOP_LEFT, TOP_KNOWN };

struct top_counts {
    uint64_t submitted, served, refused, left; /* those that wait are the rest of the submitted ones */
};

struct top_client {
    struct top_counts counts;
    uint64_t missed; /* at most so many of its requests are not among them */
    uint32_t mark;   /* of this occupant of the row */
    uint8_t name_bytes;
    char name[MESSAGE_LABEL_BYTES];
};

/* All zero at first. */
struct top_clients {
    unsigned rows;
    uint64_t left_rows;                 /* occupants that had to leave */
    uint64_t hashes[TOP_CLIENTS_ROWS];  /* of their names */
    uint64_t weights[TOP_CLIENTS_ROWS]; /* submitted and missed together */
    struct top_client clients[TOP_CLIENTS_ROWS];
    struct top_counts others; /* of all that had to leave */
};

/* A request of that client has come; gives the mark under which its end is to be told. */
uint32_t top_clients_submitted(struct top_clients *top, uint64_t hash, struct text name);
void top_clients_ended(struct top_clients *top, uint32_t mark, enum top_end end);

/* {"top":[{"client":…,"waiting":N,"submitted":N,"served":N,"refused":N,"left":N,"missed_max":N}, …],
 *  "other":{the same sums,"clients":N},"rows":64}: the first TOP_CLIENTS_SHOWN by submitted. Of the others,
 * who came back after having had to leave is counted again in "clients". 0, or -ENOBUFS. */
int top_clients_render(const struct top_clients *top, char *buffer, size_t size, struct text *out);

#endif
