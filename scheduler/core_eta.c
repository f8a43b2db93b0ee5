/* core_eta.c - see core.h. Here: when those who wait can expect their answer, from the real schedule: what is
 * in flight, holds, the breaker, the place in the queue times the interval, and how long the provider takes.
 */
#include "scheduler/core_inside.h"

#define PRIOR_SLOTS 4 /* what follows from the round trips counts as much as so many measured slots */
#define HOPE_AGAIN_US                                                                                        \
    10000000             /* after so long without an answer the provider may have become any quicker         \
                          */
#define SLIP_FRACTION 32 /* a schedule may slip by such a part before a request that was let in is late */

int64_t core_interval_us(const struct core *core)
{
    int64_t measured = core->interval_count, prior = PRIOR_SLOTS * (int64_t)core->config.limiter.burst;

    return (measured * core->interval_us + prior * limiter_pace_us(&core->limiter)) / (measured + prior);
}

/* How long the provider takes in 19 of 20 cases. */
static int64_t service_us(const struct core *core)
{
    const struct roundtrip *roundtrip = &core->limiter.roundtrip;

    return roundtrip->mean_us + 2 * roundtrip->deviation_us;
}

int64_t core_slot_us(const struct core *core, unsigned ahead, int64_t now_us)
{
    unsigned burst = core->config.limiter.burst;
    int64_t slot_us = limiter_forecast_us(&core->limiter, now_us, ahead % burst);

    if (core->breaker_state == CORE_BREAKER_OPEN && core->breaker_until_us > slot_us)
        slot_us = core->breaker_until_us;
    if (core->breaker_state != CORE_BREAKER_CLOSED && ahead > 0)
        slot_us += core->limiter.roundtrip.mean_us; /* all others wait for the probe's answer */
    return slot_us + (int64_t)(ahead - ahead % burst) * core_interval_us(core);
}

int64_t core_eta_us(const struct core *core, unsigned ahead, int64_t now_us)
{
    return core_slot_us(core, ahead, now_us) - now_us + service_us(core);
}

int64_t core_eta_of(struct core *core, const struct job *job, int64_t now_us)
{
    const struct flight *flight;
    int64_t eta_us, due_us;

    if (job->state == JOB_QUEUED)
        return core_eta_us(core, core_position(core, job) - 1, now_us);
    if (job->state == JOB_IN_PAUSE) {
        due_us = core->retries.table[retries_place(&core->retries, job)].due_us;
        due_us = due_us > now_us ? due_us : now_us;
        return due_us - now_us + core_eta_us(core, 0, due_us);
    }
    flight = flight_of(&core->flights, job);
    eta_us = (flight->sent_us > 0 ? flight->sent_us : flight->earliest_us) + service_us(core) - now_us;
    return eta_us > 0 ? eta_us : -eta_us; /* what is late is likely to take as long again */
}

int64_t core_hope_us(const struct core *core, int64_t now_us)
{
    int64_t least_us = roundtrip_shortest_us(&core->limiter.roundtrip);

    if (now_us - core->learnt_us > HOPE_AGAIN_US)
        least_us = 0;
    return core_slot_us(core, 0, now_us) - now_us + least_us;
}

int64_t core_slip_us(const struct core *core, unsigned ahead)
{
    return (int64_t)ahead * core_interval_us(core) / SLIP_FRACTION;
}
