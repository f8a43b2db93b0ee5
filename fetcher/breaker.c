/* breaker.c - see breaker.h. */
#include "fetcher/breaker.h"

#include <limits.h>

#define PERCENT 100

void breaker_init(struct breaker *breaker, const struct breaker_config *config)
{
    *breaker = (struct breaker){
        .config = *config, .state = BREAKER_CLOSED, .open_us = config->reset_us, .last_reason = REASON_NONE};
}

/* Nothing of what was counted says anything about the time to come. */
static void breaker_close(struct breaker *breaker)
{
    breaker->state = BREAKER_CLOSED;
    breaker->failures = 0;
    breaker->opened_at_us = 0;
    breaker->retry_at_us = 0;
    breaker->open_us = breaker->config.reset_us;
    breaker->calls = breaker->failed = breaker->oldest = 0;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* From closed it has newly opened; back from half-open it is the same outage. */
static void breaker_open(struct breaker *breaker, int64_t span_us, int64_t now_us)
{
    if (breaker->state == BREAKER_CLOSED) {
        breaker->opened_total++;
        breaker->opened_at_us = now_us;
    }
    breaker->state = BREAKER_OPEN;
    breaker->retry_at_us = now_us + lesser(span_us, BREAKER_SPAN_MAX_US);
}

/* For its time, or for as long as the provider has asked for if that is longer. */
static void suspend(struct breaker *breaker, int64_t hold_us, int64_t now_us)
{
    breaker_open(breaker, greater(breaker->open_us, lesser(hold_us, breaker->config.hold_max_us)), now_us);
}

void breaker_remember(const struct breaker *breaker, struct breaker_memory *memory)
{
    *memory = (struct breaker_memory){.open = breaker->state != BREAKER_CLOSED,
                                      .failures = breaker->failures,
                                      .retry_at_us = breaker->retry_at_us,
                                      .open_us = breaker->open_us,
                                      .last_reason = breaker->last_reason};
}

void breaker_restore(struct breaker *breaker, const struct breaker_memory *memory, int64_t now_us)
{
    const struct breaker_config *config = &breaker->config;

    breaker->failures = memory->failures;
    breaker->last_reason = memory->last_reason;
    if (!memory->open)
        return;
    breaker_open(breaker, greater(memory->retry_at_us - now_us, 0), now_us);
    breaker->opened_at_us = 0;
    breaker->open_us = greater(config->reset_us,
                               lesser(memory->open_us, config->reset_max_us)); /* options may have changed */
}

bool breaker_is_probe(const struct breaker *breaker, uint64_t attempt)
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
    if (breaker_is_probe(breaker, attempt))
        breaker->lease_at_us = now_us + breaker->config.lease_us;
}

/* Puts a call into the ring, in the place of the oldest one when it is full. */
static void count_call(struct breaker *breaker, bool failure)
{
    bool full = breaker->calls == breaker->config.window_calls;
    unsigned place = full ? breaker->oldest : breaker->calls;
    uint8_t *byte = &breaker->ring[place / 8], bit = (uint8_t)(1U << place % 8);

    if (full) {
        breaker->failed -= (*byte & bit) != 0;
        breaker->oldest = (breaker->oldest + 1) % breaker->config.window_calls;
    } else {
        breaker->calls++;
    }
    *byte = (uint8_t)(failure ? *byte | bit : *byte & ~bit);
    breaker->failed += failure;
}

static bool share_exceeded(const struct breaker *breaker)
{
    const struct breaker_config *config = &breaker->config;

    return breaker->calls == config->window_calls &&
           breaker->failed * PERCENT >= config->fail_percent * breaker->calls;
}

static void closed_ended(struct breaker *breaker, enum breaker_verdict verdict, int64_t hold_us,
                         int64_t now_us)
{
    const struct breaker_config *config = &breaker->config;
    bool failure = verdict == BREAKER_FAILURE;

    if (verdict == BREAKER_NEUTRAL)
        return;
    if (config->fail_percent > 0)
        count_call(breaker, failure);
    if (!failure)
        breaker->failures = 0;
    else if (breaker->failures >= config->fail_max || (config->fail_percent > 0 && share_exceeded(breaker)))
        suspend(breaker, hold_us, now_us);
}

/* The provider is still not well: the next pause is longer, if that is wanted. */
static void lengthen(struct breaker *breaker)
{
    const struct breaker_config *config = &breaker->config;

    breaker->open_us =
        greater(breaker->open_us, lesser(breaker->open_us * config->reset_factor, config->reset_max_us));
}

static void probe_ended(struct breaker *breaker, enum breaker_verdict verdict, int64_t hold_us,
                        int64_t now_us)
{
    switch (verdict) {
    case BREAKER_SUCCESS:
        breaker_close(breaker);
        return;
    case BREAKER_FAILURE:
        lengthen(breaker);
        suspend(breaker, hold_us, now_us);
        return;
    case BREAKER_NEUTRAL:
    default:
        breaker_open(breaker, 0, now_us);
    }
}

void breaker_ended(struct breaker *breaker, uint64_t attempt, enum breaker_verdict verdict,
                   enum reason reason, int64_t hold_us, int64_t now_us)
{
    bool probe = breaker_is_probe(breaker, attempt);

    if (!probe && breaker->state != BREAKER_CLOSED)
        return;
    if (verdict == BREAKER_FAILURE) {
        breaker->last_reason = reason;
        breaker->failures += breaker->failures < INT32_MAX;
    }
    if (probe)
        probe_ended(breaker, verdict, hold_us, now_us);
    else
        closed_ended(breaker, verdict, hold_us, now_us);
}

bool breaker_tripped(const struct breaker *breaker)
{
    return breaker->state != BREAKER_CLOSED && breaker->last_reason == REASON_NONE;
}

void breaker_trip(struct breaker *breaker, int64_t span_us, int64_t now_us)
{
    breaker->last_reason = REASON_NONE; /* no failure has opened it */
    breaker_open(breaker, span_us, now_us);
}

void breaker_reset(struct breaker *breaker)
{
    breaker->last_reason = REASON_NONE;
    breaker_close(breaker);
}

void breaker_tick(struct breaker *breaker, int64_t now_us)
{
    if (breaker->state == BREAKER_HALF_OPEN && now_us >= breaker->lease_at_us)
        breaker_open(breaker, 0, now_us);
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_HALF_OPEN] = "half_open", [BREAKER_OPEN] = "open"};

    return names[state];
}
