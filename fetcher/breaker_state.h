/* breaker_state.h - the breaker's memory in the file STATE_DIR/breaker.<lane>, so that a restart does not
 * send a failing provider another series of calls. One line of text, 0600.
 *
 * Written anew beside the old one and renamed, without fsync: what outlives the process is enough. Times are
 * those of the monotonic clock as long as the boot is the same; after a reboot what was left of a pause
 * counts down by the wall clock, and a wall clock that went back shortens nothing. */
#ifndef SLUICE_BREAKER_STATE_H
#define SLUICE_BREAKER_STATE_H

#include "common/boot.h"
#include "fetcher/breaker.h"

/* When and in which boot it is written or read. */
struct breaker_moment {
    char boot[BOOT_ID_BYTES];
    int64_t now_us, wall_us;
};

/* The directory is there. 0 or -errno. */
int breaker_state_write(const char *state_dir, const char *lane, const struct breaker_memory *memory,
                        const struct breaker_moment *moment);
/* 0; -ENOENT: there is none; -EBADMSG: it is not one of ours; or what the disk says. */
int breaker_state_read(const char *state_dir, const char *lane, const struct breaker_moment *moment,
                       struct breaker_memory *memory);

#endif
