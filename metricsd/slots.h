/* slots.h - the sends to the provider as they came: each with the gap before it, and whether it was too
 * short.
 *
 * They are the fetcher's events `sent`, `answered`, `failed` and `limited`, told apart by lane and attempt. A
 * gap is the time since the send that is RATE_LIMIT_BURST before it; one that is shorter than the window is a
 * violation of the limit. Judged is JUDGE_US later: metricsd learns up to a second late that the window has
 * changed, so what counts is the shortest one in force about then. Where the wall clock was set in between,
 * or the burst was not known yet, the gap is not known. A lost `sent` makes a gap longer, never shorter.
 * Bounded: SLOTS_LANES lanes of SLOTS_KEPT sends, 40 kB. Pure. */
#ifndef SLUICE_METRICSD_SLOTS_H
#define SLUICE_METRICSD_SLOTS_H

#include "metricsd/store.h"

#define SLOTS_LANES 4
#define SLOTS_KEPT  128 /* more than the largest RATE_LIMIT_BURST and SLOTS_SHOWN together */
#define SLOTS_SHOWN 60
#define SLOTS_NONE  INT64_MIN /* a time that is not known */

enum slot_outcome { SLOT_FLYING, SLOT_ANSWERED, SLOT_FAILED, SLOT_LIMITED };

struct slot {
    uint64_t epoch, attempt;
    int64_t at_us;  /* wall clock */
    int64_t gap_us; /* or SLOTS_NONE */
    int64_t late_us;
    enum slot_outcome outcome;
    /* The module's own: */
    int64_t heard_at_us, window_us;
    unsigned clock; /* counts how often the wall clock was set */
};

struct slots;

struct slots *slots_new(void);        /* NULL: out of memory */
void slots_free(struct slots *slots); /* takes NULL */

/* An event that the store has taken; what is none of the above (and the scheduler's `control_rate`) is passed
 * over. True when something has changed. -> now on both clocks. */
bool slots_add(struct slots *slots, const struct message_event *event, uint64_t epoch, int64_t now_us,
               int64_t wall_us);

/* Once a second: the limit as the scheduler tells it (0: nothing is told now), and the fetcher's epoch that
 * is up (0: none is): what another one had in flight has failed with it. */
void slots_tick(struct slots *slots, int64_t window_us, int64_t burst, uint64_t fetcher, int64_t now_us);

/* The lanes that have been heard of, by place; -1: no such lane. */
int slots_lane(const struct slots *slots, const char *name);

/* The last SLOTS_SHOWN of a lane, 0 is the oldest of them; NULL past the newest. */
const struct slot *slots_at(const struct slots *slots, int lane, unsigned place);
int64_t slots_smallest_gap_us(const struct slots *slots, int lane, int64_t now_us); /* of 15 minutes */
uint64_t slots_violations(const struct slots *slots, int lane);                     /* since the start */
int64_t slots_window_us(const struct slots *slots);
unsigned slots_burst(const struct slots *slots);
const char *slot_outcome_name(enum slot_outcome outcome);

#endif
