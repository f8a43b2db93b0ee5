/* limiter.c - see limiter.h. */
#include "scheduler/limiter.h"

#include <errno.h>

#define PPM          1000000
#define JOURNEY_US   500000 /* while little is known */
#define SLEW_PPM     500    /* two clocks that NTP steers may differ by so much */
#define DOUBT_DECAY  500    /* answers in which doubt falls by the factor e */
#define DOUBT_G_GAIN 4      /* in full doubt G is five times what it was */

static const char *const mode_names[] = {
    [LIMITER_ADAPTIVE] = "adaptive",
    [LIMITER_STRICT] = "strict",
    [LIMITER_FIXED] = "fixed",
};

int limiter_mode_find(struct text name, enum limiter_mode *mode)
{
    for (int i = LIMITER_ADAPTIVE; i <= LIMITER_FIXED; i++) {
        if (!text_equal(name, mode_names[i]))
            continue;
        *mode = (enum limiter_mode)i;
        return 0;
    }
    return -EINVAL;
}

const char *limiter_mode_name(enum limiter_mode mode)
{
    return mode_names[mode];
}

void limiter_init(struct limiter *limiter, const struct limiter_config *config, int64_t now_us)
{
    *limiter = (struct limiter){.config = *config, .hold_us = INT64_MIN, .doubted_us = INT64_MIN};
    roundtrip_init(&limiter->roundtrip);
    for (unsigned i = 0; i < config->burst; i++)
        limiter->permits[limiter->permit_count++] =
            (struct permit){.state = PERMIT_BOUND, .bound_us = now_us};
}

int64_t limiter_d_us(const struct limiter *limiter)
{
    if (limiter->config.mode != LIMITER_ADAPTIVE)
        return 0;
    return roundtrip_floor_us(&limiter->roundtrip) * (PPM - limiter->doubt_ppm) / PPM;
}

/* The longest round trip that is still plausible. */
static int64_t ceiling_us(const struct limiter *limiter)
{
    return limiter->config.mode == LIMITER_ADAPTIVE ? roundtrip_ceiling_us(&limiter->roundtrip)
                                                    : LIMITER_NEVER;
}

int64_t limiter_g_us(const struct limiter *limiter)
{
    int64_t ceiling = ceiling_us(limiter);

    if (ceiling == LIMITER_NEVER)
        return LIMITER_NEVER;
    return (ceiling - limiter_d_us(limiter)) * (PPM + DOUBT_G_GAIN * limiter->doubt_ppm) / PPM;
}

int64_t limiter_span_us(const struct limiter *limiter)
{
    const struct limiter_config *config = &limiter->config;
    int64_t span_us = config->window_us;

    if (config->mode == LIMITER_FIXED)
        return span_us + config->guard_us;
    span_us += (config->window_us * SLEW_PPM + PPM - 1) / PPM;
    if (config->clock_step_us > 0 && config->window_us % config->clock_step_us != 0)
        span_us += config->clock_step_us;
    return span_us;
}

/* When an unanswered permit is released, seen from time `at`. With d and R confident, a request whose answer
 * is not overdue has arrived by s + G. Once the answer is overdue, s + R has been no bound, so s + G is none.
 */
static int64_t release_unanswered(const struct limiter *limiter, const struct permit *permit, int64_t at_us)
{
    int64_t release_us, ceiling;

    if (limiter->config.mode == LIMITER_FIXED)
        return permit->sent_us + limiter_span_us(limiter) + permit->extra_us;
    ceiling = ceiling_us(limiter);
    if (ceiling == LIMITER_NEVER)
        return LIMITER_NEVER;
    release_us = permit->sent_us + limiter_g_us(limiter) + limiter_span_us(limiter) + permit->extra_us;
    if (release_us > permit->sent_us + ceiling || at_us > permit->sent_us + ceiling)
        return LIMITER_NEVER;
    return release_us;
}

static int64_t release(const struct limiter *limiter, const struct permit *permit, int64_t at_us)
{
    switch (permit->state) {
    case PERMIT_GRANTED:
        return LIMITER_NEVER;
    case PERMIT_SENT:
        return release_unanswered(limiter, permit, at_us);
    case PERMIT_BOUND:
    default:
        return permit->bound_us + limiter_span_us(limiter) + permit->extra_us;
    }
}

/* The same, were every awaited answer to come in its usual time. One that is late is likely to stay away for
 * about as long again: were it expected at any moment, a provider that stalls would look like a quick one. */
static int64_t release_forecast(const struct limiter *limiter, const struct permit *permit, int64_t at_us)
{
    int64_t release_us = release(limiter, permit, at_us), answer_us;

    if (release_us != LIMITER_NEVER)
        return release_us;
    answer_us = (permit->state == PERMIT_SENT ? permit->sent_us : at_us) + limiter->roundtrip.mean_us;
    if (answer_us < at_us)
        answer_us = at_us + (at_us - answer_us);
    return answer_us - limiter_d_us(limiter) + limiter_span_us(limiter) + permit->extra_us;
}

typedef int64_t release_rule(const struct limiter *limiter, const struct permit *permit, int64_t at_us);

/* When the last permit is released whose window is longer by more than that; INT64_MIN without one. */
static int64_t longer_window_end(const struct limiter *limiter, int64_t extra_us, int64_t at_us,
                                 release_rule *release_of)
{
    int64_t end_us = INT64_MIN;

    for (unsigned i = 0; i < limiter->permit_count; i++) {
        const struct permit *permit = &limiter->permits[i];
        int64_t release_us = permit->extra_us > extra_us ? release_of(limiter, permit, at_us) : INT64_MIN;

        end_us = release_us > end_us ? release_us : end_us;
    }
    return end_us;
}

/* What was granted since the window became shorter may still fall into the longer one, which takes no more
 * for it than it did. */
static int64_t release_within(const struct limiter *limiter, const struct permit *permit, int64_t at_us,
                              release_rule *release_of)
{
    int64_t release_us = release_of(limiter, permit, at_us);
    int64_t end_us = longer_window_end(limiter, permit->extra_us, at_us, release_of);

    return release_us < end_us ? end_us : release_us;
}

/* The N latest releases decide: with the N-th of them one permit is free, with the next one two. */
static int64_t nth_release(const struct limiter *limiter, int64_t at_us, unsigned ahead,
                           release_rule *release_of)
{
    int64_t latest[LIMITER_BURST_MAX] = {0};
    unsigned count = 0, burst = limiter->config.burst;

    for (unsigned i = 0; i < limiter->permit_count; i++) {
        int64_t release_us = release_within(limiter, &limiter->permits[i], at_us, release_of);
        unsigned place;

        if (release_us <= at_us || (count == burst && release_us <= latest[burst - 1]))
            continue;
        place = count < burst ? count++ : burst - 1;
        for (; place > 0 && latest[place - 1] < release_us; place--)
            latest[place] = latest[place - 1];
        latest[place] = release_us;
    }
    return count + ahead < burst || ahead >= burst ? at_us : latest[burst - 1 - ahead];
}

int64_t limiter_next_us(const struct limiter *limiter, int64_t now_us)
{
    int64_t at_us = limiter->hold_us > now_us ? limiter->hold_us : now_us;

    /* An answer that is not overdue now may be so at the time that was found: look again from there. Each
     * round finds another permit to be overdue, or ends. */
    for (;;) {
        int64_t release_us = nth_release(limiter, at_us, 0, release);

        if (release_us == at_us || release_us == LIMITER_NEVER)
            return release_us;
        at_us = release_us;
    }
}

int64_t limiter_forecast_us(const struct limiter *limiter, int64_t now_us, unsigned ahead)
{
    int64_t release_us = nth_release(limiter, now_us, ahead, release_forecast);

    return limiter->hold_us > release_us ? limiter->hold_us : release_us;
}

int64_t limiter_pace_us(const struct limiter *limiter)
{
    int64_t late_us = limiter->roundtrip.mean_us - limiter_d_us(limiter);

    if (limiter->config.mode == LIMITER_FIXED || late_us < 0)
        late_us = 0;
    return (limiter_span_us(limiter) + late_us) / limiter->config.burst;
}

static struct permit *permit_find(struct limiter *limiter, uint64_t attempt)
{
    for (unsigned i = 0; i < limiter->permit_count; i++) {
        if (limiter->permits[i].attempt == attempt)
            return &limiter->permits[i];
    }
    return NULL;
}

static void permit_drop(struct limiter *limiter, struct permit *permit)
{
    *permit = limiter->permits[--limiter->permit_count];
}

/* Those released by now say nothing any more. */
static void prune(struct limiter *limiter, int64_t now_us)
{
    for (unsigned i = limiter->permit_count; i > 0; i--) {
        struct permit *permit = &limiter->permits[i - 1];

        if (permit->state == PERMIT_BOUND && release_within(limiter, permit, now_us, release) <= now_us)
            permit_drop(limiter, permit);
    }
}

static int64_t longer_by(int64_t extra_us, int64_t shorter_us)
{
    return extra_us + shorter_us > 0 ? extra_us + shorter_us : 0;
}

void limiter_rate(struct limiter *limiter, int64_t window_us, int64_t now_us)
{
    int64_t before_us = limiter_span_us(limiter), shorter_us;

    limiter->config.window_us = window_us;
    shorter_us = before_us - limiter_span_us(limiter);
    for (unsigned i = 0; i < limiter->permit_count; i++) {
        int64_t *extra_us = &limiter->permits[i].extra_us;

        *extra_us = longer_by(*extra_us, shorter_us);
    }
    limiter->past_extra_us = longer_by(limiter->past_extra_us, shorter_us);
    /* Permits that were released under a shorter window may be forgotten, and would count under this one. */
    while (shorter_us < 0 && limiter->permit_count < limiter->config.burst)
        limiter->permits[limiter->permit_count++] =
            (struct permit){.state = PERMIT_BOUND, .bound_us = now_us};
}

static int permit_add(struct limiter *limiter, struct permit permit, int64_t now_us)
{
    prune(limiter, now_us);
    if (limiter->permit_count == LIMITER_PERMITS_MAX)
        return -ENOBUFS;
    limiter->permits[limiter->permit_count++] = permit;
    return 0;
}

int limiter_grant(struct limiter *limiter, uint64_t attempt, int64_t now_us)
{
    if (longer_window_end(limiter, 0, now_us, release) <= now_us)
        limiter->past_extra_us = 0;
    return permit_add(limiter, (struct permit){.attempt = attempt, .state = PERMIT_GRANTED}, now_us);
}

int limiter_add_sent(struct limiter *limiter, uint64_t attempt, int64_t sent_us, int64_t now_us)
{
    struct permit permit = {
        .attempt = attempt, .state = PERMIT_SENT, .sent_us = sent_us, .extra_us = limiter->past_extra_us};

    return permit_add(limiter, permit, now_us);
}

void limiter_sent(struct limiter *limiter, uint64_t attempt, int64_t sent_us)
{
    struct permit *permit = permit_find(limiter, attempt);

    if (!permit || permit->state == PERMIT_BOUND)
        return;
    permit->state = PERMIT_SENT;
    permit->sent_us = sent_us;
}

static void permit_bind(struct limiter *limiter, uint64_t attempt, int64_t bound_us)
{
    struct permit *permit = permit_find(limiter, attempt);

    if (!permit)
        return;
    permit->state = PERMIT_BOUND;
    permit->bound_us = bound_us;
}

static int64_t arrival_bound(const struct limiter *limiter, int64_t sent_us, int64_t first_us)
{
    int64_t bound_us = first_us - limiter_d_us(limiter);

    return bound_us > sent_us ? bound_us : sent_us;
}

void limiter_answered(struct limiter *limiter, uint64_t attempt, int64_t sent_us, int64_t first_us)
{
    /* First the sample, then the bound: a round trip shorter than all before lowers d for itself too. */
    roundtrip_add(&limiter->roundtrip, first_us > sent_us ? first_us - sent_us : 0);
    limiter->doubt_ppm -= (limiter->doubt_ppm + DOUBT_DECAY - 1) / DOUBT_DECAY;
    permit_bind(limiter, attempt, arrival_bound(limiter, sent_us, first_us));
}

void limiter_rejected(struct limiter *limiter, uint64_t attempt, int64_t sent_us, int64_t first_us)
{
    /* A rejection is answered faster than a call that does its work: it is no sample. The requests that were
     * under way when it came met the same closed window and prove nothing more. */
    if (sent_us > limiter->doubted_us) {
        limiter->doubt_ppm += (PPM - limiter->doubt_ppm) / 2;
        limiter->doubted_us = first_us;
        limiter->unexpected_total++;
    }
    permit_bind(limiter, attempt, arrival_bound(limiter, sent_us, first_us));
}

void limiter_given_up(struct limiter *limiter, uint64_t attempt, int64_t now_us)
{
    permit_bind(limiter, attempt, now_us);
}

int64_t limiter_journey_us(const struct limiter *limiter)
{
    int64_t journey = roundtrip_ceiling_us(&limiter->roundtrip);

    if (journey != LIMITER_NEVER)
        return journey;
    journey = 2 * roundtrip_longest_us(&limiter->roundtrip);
    return journey > JOURNEY_US ? journey : JOURNEY_US;
}

void limiter_lost(struct limiter *limiter, uint64_t attempt, int64_t last_us, int64_t now_us)
{
    int64_t bound_us = last_us + limiter_journey_us(limiter);

    permit_bind(limiter, attempt, bound_us > now_us ? bound_us : now_us);
}

void limiter_unsent(struct limiter *limiter, uint64_t attempt)
{
    struct permit *permit = permit_find(limiter, attempt);

    if (permit)
        permit_drop(limiter, permit);
}

void limiter_hold(struct limiter *limiter, int64_t until_us, int64_t now_us)
{
    int64_t hold_us = until_us - now_us;

    if (hold_us <= 0)
        return;
    if (hold_us > limiter->config.hold_max_us)
        hold_us = limiter->config.hold_max_us;
    hold_us += (hold_us * SLEW_PPM + PPM - 1) / PPM; /* the provider's clock may be the slower one */
    if (now_us + hold_us > limiter->hold_us)
        limiter->hold_us = now_us + hold_us;
}

void limiter_remember(const struct limiter *limiter, int64_t now_us, struct limiter_memory *memory)
{
    *memory = (struct limiter_memory){.hold_us = limiter->hold_us > now_us ? limiter->hold_us : 0,
                                      .doubt_ppm = limiter->doubt_ppm};
    for (unsigned i = 0; i < limiter->permit_count; i++) {
        const struct permit *permit = &limiter->permits[i];
        bool bound = permit->state == PERMIT_BOUND;
        int64_t at_us = (bound ? permit->bound_us : permit->sent_us) + permit->extra_us;

        if (bound && release_within(limiter, permit, now_us, release) <= now_us)
            continue;
        memory->held += memory->held < limiter->config.burst;
        memory->unanswered += !bound && memory->unanswered < UINT8_MAX;
        if (at_us > memory->bound_us)
            memory->bound_us = at_us;
        if (permit->extra_us > memory->extra_us)
            memory->extra_us = permit->extra_us;
    }
    memory->bound_us -= memory->extra_us;
    if (longer_window_end(limiter, 0, now_us, release) >
        now_us) /* whose permits came before the order is not told: until then there are no others */
        memory->held = limiter->config.burst;
    roundtrip_summarise(&limiter->roundtrip, &memory->digest);
}

void limiter_restore(struct limiter *limiter, const struct limiter_memory *memory)
{
    limiter->permit_count = 0;
    for (unsigned i = 0; i < memory->held; i++)
        limiter->permits[limiter->permit_count++] = (struct permit){
            .state = PERMIT_BOUND, .bound_us = memory->bound_us, .extra_us = memory->extra_us};
    limiter->past_extra_us = memory->extra_us;
    if (memory->hold_us > 0)
        limiter->hold_us = memory->hold_us;
    limiter->doubt_ppm = memory->doubt_ppm;
    roundtrip_restore(&limiter->roundtrip, &memory->digest);
}

void limiter_add_past(struct limiter *limiter, unsigned count, int64_t bound_us, int64_t now_us)
{
    struct permit permit = {.state = PERMIT_BOUND, .bound_us = bound_us, .extra_us = limiter->past_extra_us};

    while (count > 0 && permit_add(limiter, permit, now_us) == 0)
        count--;
}
