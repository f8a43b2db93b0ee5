/* roundtrip.h - what the round trips seen so far say about those to come: confident bounds below and above.
 *
 * A sliding set of two half-windows: the older one is dropped when the newer is full. So a path that gets
 * shorter counts at once (one short sample widens the spacing of the smallest ten, and the bound falls), and
 * one that gets longer counts when the old samples are forgotten, which errs on the safe side. */
#ifndef SLUICE_ROUNDTRIP_H
#define SLUICE_ROUNDTRIP_H

#include <stdint.h>

#define ROUNDTRIP_KEPT        10   /* extremes kept on either side */
#define ROUNDTRIP_HALF        2000 /* samples of a half-window */
#define ROUNDTRIP_MIN_FLOOR   20   /* samples without which there is no lower bound */
#define ROUNDTRIP_MIN_CEILING 200  /* the upper bound is used without seeing the answer: know more */

struct roundtrip_half {
    uint32_t count;
    int64_t least_us[ROUNDTRIP_KEPT]; /* ascending */
    int64_t most_us[ROUNDTRIP_KEPT];  /* descending */
};

struct roundtrip {
    struct roundtrip_half halves[2]; /* the newer, the older */
    int64_t mean_us, deviation_us;   /* smoothed, as in RFC 6298 */
};

/* What is enough to have the bounds again after a restart: count 0 while nothing is to be told. */
struct roundtrip_digest {
    uint32_t count;
    int64_t least_us, tenth_least_us, tenth_most_us, most_us;
};

void roundtrip_init(struct roundtrip *roundtrip);
void roundtrip_add(struct roundtrip *roundtrip, int64_t us);

/* How many samples the bounds stand on. */
uint32_t roundtrip_count(const struct roundtrip *roundtrip);

/* d: x1 - (1 + 200/n)(x10 - x1) - 0.5 ms; 0 while too little is known, never below 0. */
int64_t roundtrip_floor_us(const struct roundtrip *roundtrip);
/* The mirror image: y1 + 3 (1 + 200/n)(y1 - y10) + 0.5 ms, y the longest; INT64_MAX while too little is
 * known, and where the upper tail is heavy: y1 - y10 more than an eighth of y10 - x1. From an exponential or
 * Pareto tail no bound follows that is both safe and of use (simulated: 2 rejections in 10^5). */
int64_t roundtrip_ceiling_us(const struct roundtrip *roundtrip);
/* The shortest and the longest one seen; 0 before the first. */
int64_t roundtrip_shortest_us(const struct roundtrip *roundtrip);
int64_t roundtrip_longest_us(const struct roundtrip *roundtrip);

void roundtrip_summarise(const struct roundtrip *roundtrip, struct roundtrip_digest *digest);
/* Starts with a digest as the older half-window: it is forgotten when the newer one is full, and until then
 * no bound is tighter than what was seen allows (the ranks between first and tenth count as the tenth). */
void roundtrip_restore(struct roundtrip *roundtrip, const struct roundtrip_digest *digest);

#endif
