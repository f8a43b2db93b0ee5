/* breaker.c - see breaker.h. */
#include "fetcher/breaker.h"

#include <limits.h>

void breaker_init(struct breaker *breaker, const struct breaker_config *config)
{
    *breaker = (struct breaker){.config = *config, .state = BREAKER_CLOSED, .last_reason = REASON_NONE};
}

static void breaker_close(struct breaker *breaker)
{
    breaker->state = BREAKER_CLOSED;
    breaker->failures = 0;
    breaker->retry_at_us = 0;
}

/* From closed it has newly opened; back from half-open it is the same outage. */
static void breaker_open(struct breaker *breaker, int64_t retry_at_us)
{
    if (breaker->state == BREAKER_CLOSED)
        breaker->opened_total++;
    breaker->state = BREAKER_OPEN;
    breaker->retry_at_us = retry_at_us;
}

static bool is_probe(const struct breaker *breaker, uint64_t attempt)
{
    return breaker->state == BREAKER_HALF_OPEN && breaker->probe == attempt;
}

bool breaker_admit(struct breaker *breaker, uint64_t attempt, int64_t now_us)
{
    breaker_tick(breaker, now_us);
    if (breaker->state == BREAKER_CLOSED)
        return true;
    if (breaker->state == BREAKER_HALF_OPEN || now_us < breaker->retry_at_us)
        return false;
    breaker->state = BREAKER_HALF_OPEN;
    breaker->retry_at_us = 0;
    breaker->probe = attempt;
    breaker->lease_at_us = now_us + breaker->config.lease_us;
    return true;
}

void breaker_sent(struct breaker *breaker, uint64_t attempt, int64_t now_us)
{
    if (is_probe(breaker, attempt))
        breaker->lease_at_us = now_us + breaker->config.lease_us;
}

static void closed_ended(struct breaker *breaker, enum breaker_verdict verdict, int64_t now_us)
{
    if (verdict == BREAKER_SUCCESS)
        breaker->failures = 0;
    if (verdict == BREAKER_FAILURE && breaker->failures >= breaker->config.fail_max)
        breaker_open(breaker, now_us + breaker->config.reset_us);
}

static void probe_ended(struct breaker *breaker, enum breaker_verdict verdict, int64_t now_us)
{
    if (verdict == BREAKER_SUCCESS)
        breaker_close(breaker);
    else
        breaker_open(breaker, verdict == BREAKER_FAILURE ? now_us + breaker->config.reset_us : now_us);
}

void breaker_ended(struct breaker *breaker, uint64_t attempt, enum breaker_verdict verdict,
                   enum reason reason, int64_t now_us)
{
    bool probe = is_probe(breaker, attempt);

    if (!probe && breaker->state != BREAKER_CLOSED)
        return;
    if (verdict == BREAKER_FAILURE) {
        breaker->last_reason = reason;
        breaker->failures += breaker->failures < INT32_MAX;
    }
    if (probe)
        probe_ended(breaker, verdict, now_us);
    else
        closed_ended(breaker, verdict, now_us);
}

void breaker_trip(struct breaker *breaker, int64_t span_us, int64_t now_us)
{
    breaker->last_reason = REASON_NONE; /* no failure has opened it */
    breaker_open(breaker, now_us + span_us);
}

void breaker_reset(struct breaker *breaker)
{
    breaker->last_reason = REASON_NONE;
    breaker_close(breaker);
}

void breaker_tick(struct breaker *breaker, int64_t now_us)
{
    if (breaker->state == BREAKER_HALF_OPEN && now_us >= breaker->lease_at_us)
        breaker_open(breaker, now_us);
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_HALF_OPEN] = "half_open", [BREAKER_OPEN] = "open"};

    return names[state];
}
