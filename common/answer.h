/* answer.h - a provider's answer as it is kept in the cache and carried as the body frame of `fetched` and
 * `result`: one flat record, written by the fetcher, read in place by gateways. Pure. */
#ifndef SLUICE_ANSWER_H
#define SLUICE_ANSWER_H

#include <stdint.h>

#include "common/text.h"

#define ANSWER_FIELDS_BYTES 8192 /* of header fields at most */

struct answer {
    unsigned status;
    struct text fields; /* whole lines "Name: value\r\n", only those that may be passed on */
    struct text body;
    int64_t made_wall_us;   /* when the provider made it, by its Age and Date: `Age` counts from then */
    int64_t stored_wall_us; /* when it came */
    int64_t fresh_wall_us;  /* fresh until; 0: must not be served from a cache */
    int64_t stale_wall_us;  /* may stand in for an error until */
};

/* How many bytes the record takes. */
size_t answer_bytes(const struct answer *answer);
/* Writes the record into `record`, which has answer_bytes() room. */
void answer_write(const struct answer *answer, char *record);
/* Reads a record; the result borrows from it. -EBADMSG when it is torn or foreign, or can be no answer: its
 * status is not from 200 to 599, or a time is of no age. */
int answer_read(struct text record, struct answer *answer);

#endif
