/* limiter_record.c - see limiter_record.h.
 *
 * Little-endian, packed: sum 4, version 1, flags 1, policy 1, held 1, unanswered 1, sequence 5, boot 4,
 * settings 2, monotonic stamp 7, wall stamp 4 (in seconds); relative to the stamp and signed: bound 5, hold
 * 5; window 5, extra 3 (in steps of 6 ms, so that it holds the longest window, a day); doubt 2 (in steps of
 * 100 ppm), samples 1 (in steps of 16), and four round trips of 3 each. */
#include "scheduler/limiter_record.h"

#include <errno.h>
#include <sodium.h>

#define VERSION      2
#define SUM_BYTES    4
#define FLAG_PAUSED  1U
#define WALL_STEP    1000000
#define WALL_BYTES   4
#define EXTRA_STEP   6000
#define EXTRA_BYTES  3
#define DOUBT_STEP   100
#define DOUBT_MAX    10000
#define COUNT_STEP   16
#define COUNT_MAX    (255 * COUNT_STEP)
#define TRIP_BYTES   3
#define TRIP_MAX_US  ((1 << 24) - 1)
#define HOLD_SLACK   100 /* beyond its cap a hold is prolonged by less than a hundredth */
#define OFFSET_BYTES 5
#define OFFSET_MAX   ((INT64_C(1) << 39) - 1) /* six days: no window and no hold is so long */

static void put(uint8_t **at, unsigned bytes, uint64_t value)
{
    for (; bytes > 0; bytes--, value >>= 8)
        *(*at)++ = (uint8_t)value;
}

static uint64_t take(const uint8_t **at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t) * (*at)++ << (8 * i);
    return value;
}

static int64_t take_offset(const uint8_t **at)
{
    uint64_t value = take(at, OFFSET_BYTES), sign = UINT64_C(1) << (8 * OFFSET_BYTES - 1);

    return (int64_t)(value ^ sign) - (int64_t)sign;
}

static uint64_t steps_up(int64_t value, int64_t step)
{
    return (uint64_t)((value + step - 1) / step);
}

/* Later is the safe side where it does not fit. */
static int64_t offset(int64_t at_us, int64_t now_us)
{
    int64_t offset_us = at_us - now_us;

    if (offset_us > OFFSET_MAX)
        return OFFSET_MAX;
    return offset_us < -OFFSET_MAX ? -OFFSET_MAX : offset_us;
}

/* libsodium is linked anyway, and its hash takes the lane as a key; four of its bytes find all but one in
 * 2^32 damages of any kind. */
static uint32_t sum(const uint8_t bytes[LIMITER_RECORD_BYTES], const char *lane)
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    const uint8_t *at = hash;
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const uint8_t *)lane, strlen(lane) + 1);
    crypto_generichash_update(&state, bytes + SUM_BYTES, LIMITER_RECORD_BYTES - SUM_BYTES);
    crypto_generichash_final(&state, hash, sizeof(hash));
    return (uint32_t)take(&at, SUM_BYTES);
}

static void put_digest(uint8_t **at, const struct roundtrip_digest *digest)
{
    bool fits = digest->most_us <= TRIP_MAX_US && digest->count >= COUNT_STEP;
    uint32_t count = !fits ? 0 : digest->count < COUNT_MAX ? digest->count : COUNT_MAX;

    put(at, 1, count / COUNT_STEP);
    put(at, TRIP_BYTES, fits ? (uint64_t)digest->least_us : 0);
    put(at, TRIP_BYTES, fits ? (uint64_t)digest->tenth_least_us : 0);
    put(at, TRIP_BYTES, fits ? (uint64_t)digest->tenth_most_us : 0);
    put(at, TRIP_BYTES, fits ? (uint64_t)digest->most_us : 0);
}

void limiter_record_encode(const struct limiter_record *record, const char *lane,
                           uint8_t bytes[LIMITER_RECORD_BYTES])
{
    const struct core_memory *core = &record->core;
    const struct limiter_memory *limiter = &core->limiter;
    uint8_t *at = bytes + SUM_BYTES;

    put(&at, 1, VERSION);
    put(&at, 1, core->paused ? FLAG_PAUSED : 0);
    put(&at, 1, queue_policy_index(core->policy));
    put(&at, 1, limiter->held);
    put(&at, 1, limiter->unanswered);
    put(&at, 5, record->sequence);
    put(&at, 4, record->boot);
    put(&at, 2, record->settings);
    put(&at, 7, (uint64_t)record->now_us);
    put(&at, WALL_BYTES, steps_up(record->wall_us, WALL_STEP));
    put(&at, OFFSET_BYTES, limiter->held ? (uint64_t)offset(limiter->bound_us, record->now_us) : 0);
    put(&at, OFFSET_BYTES, limiter->hold_us > 0 ? (uint64_t)offset(limiter->hold_us, record->now_us) : 0);
    put(&at, OFFSET_BYTES, (uint64_t)core->window_us);
    put(&at, EXTRA_BYTES, steps_up(limiter->extra_us, EXTRA_STEP));
    put(&at, 2, steps_up(limiter->doubt_ppm, DOUBT_STEP));
    put_digest(&at, &limiter->digest);
    at = bytes;
    put(&at, SUM_BYTES, sum(bytes, lane));
}

static void take_digest(const uint8_t **at, struct roundtrip_digest *digest)
{
    digest->count = (uint32_t)take(at, 1) * COUNT_STEP;
    digest->least_us = (int64_t)take(at, TRIP_BYTES);
    digest->tenth_least_us = (int64_t)take(at, TRIP_BYTES);
    digest->tenth_most_us = (int64_t)take(at, TRIP_BYTES);
    digest->most_us = (int64_t)take(at, TRIP_BYTES);
}

/* A record with a right sum that nobody of us has written. */
static bool possible(const struct limiter_record *record)
{
    const struct limiter_memory *limiter = &record->core.limiter;
    const struct roundtrip_digest *digest = &limiter->digest;

    return record->core.policy && record->core.window_us > 0 && limiter->held <= LIMITER_BURST_MAX &&
           limiter->doubt_ppm <= DOUBT_MAX * DOUBT_STEP && digest->least_us <= digest->tenth_least_us &&
           digest->tenth_most_us <= digest->most_us && digest->least_us <= digest->most_us;
}

int limiter_record_decode(const uint8_t bytes[LIMITER_RECORD_BYTES], const char *lane,
                          struct limiter_record *record)
{
    struct limiter_memory *limiter = &record->core.limiter;
    const uint8_t *at = bytes;
    int64_t hold_us;

    *record = (struct limiter_record){.sequence = 0};
    if (take(&at, SUM_BYTES) != sum(bytes, lane) || take(&at, 1) != VERSION)
        return -EBADMSG;
    record->core.paused = take(&at, 1) & FLAG_PAUSED;
    record->core.policy = queue_policy_at((unsigned)take(&at, 1));
    limiter->held = (unsigned)take(&at, 1);
    limiter->unanswered = (unsigned)take(&at, 1);
    record->sequence = take(&at, 5);
    record->boot = (uint32_t)take(&at, 4);
    record->settings = (uint16_t)take(&at, 2);
    record->now_us = (int64_t)take(&at, 7);
    record->wall_us = (int64_t)take(&at, WALL_BYTES) * WALL_STEP;
    limiter->bound_us = record->now_us + take_offset(&at);
    hold_us = take_offset(&at);
    limiter->hold_us = hold_us > 0 ? record->now_us + hold_us : 0;
    record->core.window_us = take_offset(&at);
    limiter->extra_us = (int64_t)take(&at, EXTRA_BYTES) * EXTRA_STEP;
    limiter->doubt_ppm = (int64_t)take(&at, 2) * DOUBT_STEP;
    take_digest(&at, &limiter->digest);
    return possible(record) ? 0 : -EBADMSG;
}

int limiter_record_choose(const uint8_t bytes[LIMITER_PAIR_BYTES], const char *lane,
                          struct limiter_record *record, unsigned *index)
{
    struct limiter_record other;
    int rc = limiter_record_decode(bytes, lane, record);

    *index = 0;
    if (limiter_record_decode(bytes + LIMITER_RECORD_BYTES, lane, &other) < 0 ||
        (rc == 0 && other.sequence <= record->sequence))
        return rc;
    *record = other;
    *index = 1;
    return 0;
}

uint16_t limiter_record_settings(int64_t window_us, unsigned burst, const char *policy)
{
    uint8_t bytes[LIMITER_RECORD_BYTES] = {0}, *at = bytes + SUM_BYTES;

    put(&at, 8, (uint64_t)window_us);
    put(&at, 4, burst);
    return (uint16_t)sum(bytes, policy);
}

const char *limiter_past_name(enum limiter_past past)
{
    static const char *const names[] = {
        [LIMITER_PAST_KNOWN] = "known",       [LIMITER_PAST_RECONFIGURED] = "reconfigured",
        [LIMITER_PAST_REBOOTED] = "rebooted", [LIMITER_PAST_IMPLAUSIBLE] = "implausible",
        [LIMITER_PAST_UNKNOWN] = "unknown",
    };

    return names[past];
}

static void count_as_sent(struct limiter_memory *limiter, const struct limiter_present *present)
{
    limiter->held = present->burst;
    limiter->bound_us = present->now_us;
    limiter->extra_us = 0;
}

/* What was left of the hold, less what the wall clock has gone since; a wall clock that went back tells
 * nothing. */
static void after_reboot(struct limiter_record *record, const struct limiter_present *present)
{
    struct limiter_memory *limiter = &record->core.limiter;
    int64_t left_us = limiter->hold_us - record->now_us, gone_us = present->wall_us - record->wall_us;

    count_as_sent(limiter, present);
    limiter->unanswered = 0; /* whoever held them is gone, and the wait covers them */
    if (limiter->hold_us == 0)
        return;
    left_us -= gone_us > 0 ? gone_us : 0;
    limiter->hold_us = left_us > 0 ? present->now_us + left_us : 0;
}

enum limiter_past limiter_record_judge(struct limiter_record *record, const struct limiter_present *present)
{
    struct limiter_memory *limiter = &record->core.limiter;
    int64_t hold_max_us = present->hold_max_us + present->hold_max_us / HOLD_SLACK;
    bool rebooted = record->boot != present->boot;
    int64_t base_us = rebooted ? record->now_us : present->now_us;

    if ((!rebooted && record->now_us > present->now_us) || limiter->hold_us > base_us + hold_max_us ||
        (limiter->held > 0 && limiter->bound_us > base_us + present->ahead_us))
        return LIMITER_PAST_IMPLAUSIBLE;
    if (rebooted)
        after_reboot(record, present);
    if (record->settings != present->settings) {
        count_as_sent(limiter, present);
        return rebooted ? LIMITER_PAST_REBOOTED : LIMITER_PAST_RECONFIGURED;
    }
    return rebooted ? LIMITER_PAST_REBOOTED : LIMITER_PAST_KNOWN;
}
