/* failure.h - what is remembered of a key whose latest attempt has failed, beside the answer that it has in
 * the cache: so that one provider's bad hour is not asked about by everybody who can be served a stale answer
 * instead. Pure.
 *
 * A failed attempt is followed by a pause, twice as long after each further failure, up to a bound. Within it
 * the stale answer is served at once. When it is over one attempt is due, and for as long again, or as long
 * as an attempt may take if that is longer, the stale answer still goes out meanwhile; later the failure is
 * too long ago to say anything. An answer that is stored ends it all. */
#ifndef SLUICE_FAILURE_H
#define SLUICE_FAILURE_H

#include <stdint.h>

#include "common/reason.h"

#define FAILURE_BYTES 32 /* of a record */

struct failure {
    int64_t failed_wall_us; /* when the latest attempt ended */
    int64_t until_wall_us;  /* no other one before */
    int64_t past_wall_us;   /* it says nothing from then on */
    uint32_t count;         /* of failures in a row */
    enum reason reason;     /* of the latest one */
};

struct failure_policy {
    int64_t first_us;   /* the first pause; 0: none at all */
    int64_t most_us;    /* and the longest */
    int64_t attempt_us; /* how long an attempt may take */
};

/* After one more failure; `before` is what was known, or NULL. */
struct failure failure_after(const struct failure *before, const struct failure_policy *policy,
                             enum reason reason, int64_t now_wall_us);

enum failure_phase { FAILURE_PAUSES, FAILURE_IS_DUE, FAILURE_IS_PAST };
enum failure_phase failure_phase(const struct failure *failure, int64_t now_wall_us);

void failure_write(const struct failure *failure, char record[FAILURE_BYTES]);
/* 0; -EBADMSG when it is none. */
int failure_read(struct text record, struct failure *failure);

#endif
