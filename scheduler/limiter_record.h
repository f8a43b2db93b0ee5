/* limiter_record.h - what survives a restart of the scheduler, in 64 checksummed bytes, and whether it may be
 * believed. Pure.
 *
 * Two records alternate, so that one is whole whenever the other is being written. Times are those of the
 * monotonic clock as long as the boot is the same; after a reboot only the wall clock tells how much of a
 * hold is left, and N requests count as sent just now, as they do whenever nothing trustworthy is known. */
#ifndef SLUICE_LIMITER_RECORD_H
#define SLUICE_LIMITER_RECORD_H

#include "scheduler/core.h"

#define LIMITER_RECORD_BYTES 64
#define LIMITER_PAIR_BYTES   (2 * LIMITER_RECORD_BYTES)

struct limiter_record {
    uint64_t sequence;       /* the greater one is the newer; below 2^40 */
    uint32_t boot;           /* a hash of the boot's id */
    uint16_t settings;       /* a hash of those that the configuration gave */
    int64_t now_us, wall_us; /* when it was made */
    struct core_memory core;
};

/* The checksum depends on the lane's name, so that no lane takes another's record. Durations that do not fit
 * (round trips of more than 16 s) are left out: then the bounds are learnt anew. */
void limiter_record_encode(const struct limiter_record *record, const char *lane,
                           uint8_t bytes[LIMITER_RECORD_BYTES]);
/* 0; -EBADMSG when any bit is not as it was written. */
int limiter_record_decode(const uint8_t bytes[LIMITER_RECORD_BYTES], const char *lane,
                          struct limiter_record *record);
/* The newer of two, or the only good one, and which that is. -EBADMSG when neither is good. */
int limiter_record_choose(const uint8_t bytes[LIMITER_PAIR_BYTES], const char *lane,
                          struct limiter_record *record, unsigned *index);

/* Of what the configuration says, and a live change overrides until the configuration changes. */
uint16_t limiter_record_settings(int64_t window_us, unsigned burst, const char *policy);

struct limiter_present {
    uint32_t boot;
    uint16_t settings;
    int64_t now_us, wall_us;
    unsigned burst;
    int64_t ahead_us; /* a record may know of sends so much later than now */
    int64_t hold_max_us;
};

enum limiter_past {
    LIMITER_PAST_KNOWN,        /* as it stands in the record */
    LIMITER_PAST_RECONFIGURED, /* the permits are not; live changes are dropped */
    LIMITER_PAST_REBOOTED,     /* the permits are not; the hold is by wall clock */
    LIMITER_PAST_IMPLAUSIBLE,  /* nothing is kept: as without a record */
    LIMITER_PAST_UNKNOWN,      /* there is none */
};

const char *limiter_past_name(enum limiter_past past);

/* What a record is worth now. Changes its memory to what is to be restored, unless that is nothing. */
enum limiter_past limiter_record_judge(struct limiter_record *record, const struct limiter_present *present);

#endif
