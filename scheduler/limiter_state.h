/* limiter_state.h - a lane's two records (limiter_record.h) in the file STATE_DIR/limiter.state, 0600.
 *
 * Written by pwrite before each send, without fsync: the page cache outlives the process, and what does not
 * outlive the machine is not needed. A write that fails leaves the older record whole; the next one tries
 * again, opens the file included. */
#ifndef SLUICE_LIMITER_STATE_H
#define SLUICE_LIMITER_STATE_H

#include "common/config.h"
#include "scheduler/limiter_record.h"

struct limiter_state {
    int fd; /* -1: could not be opened */
    const char *lane;
    unsigned index; /* of the lane */
    unsigned next;  /* of the two records */
    uint64_t sequence;
    uint32_t boot;
    char path[CONFIG_TEXT_BYTES + 32];
};

/* lane is borrowed. Gives the newer good record: -EBADMSG when there is none. Another error: the file cannot
 * be written, and what it may hold is not to be trusted either. To be closed in any case. */
int limiter_state_open(struct limiter_state *state, const char *dir, const char *lane, unsigned index,
                       struct limiter_record *record);
void limiter_state_close(struct limiter_state *state);

/* Fills in sequence and boot. 0 or -errno. */
int limiter_state_write(struct limiter_state *state, struct limiter_record *record);

#endif
