/* lane.c - see lane.h. */
#include "scheduler/lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bus.h"
#include "common/clock.h"

#define LEAD_US       (3 * US_PER_MS) /* a hop takes 0.3 ms; what is handed over cannot be overtaken any more */
#define LEASE_US      (50 * US_PER_MS) /* a fetcher that is later than this has been stopped */
#define CLOCK_STEP_US US_PER_MS        /* providers stamp arrivals in milliseconds */
#define EPOCH_BITS    20               /* attempts stay below 2^53: exact in every JSON reader */
#define LANE_BITS     4

static void free_body(void *payload)
{
    bus_body_free(payload);
}

/* What the epoch before has left, and what of it is in force from the start. */
static void look_back(struct lane *lane, unsigned index, const struct config *config,
                      struct core_config *core, struct limiter_record *record, int64_t now_us)
{
    struct limiter_present present = {
        .now_us = now_us,
        .wall_us = clock_wall_us(),
        .burst = core->limiter.burst,
        .ahead_us = core->lead_us + core->lease_us + 2 * core->give_up_us, /* sent, and on its way */
        .hold_max_us = core->limiter.hold_max_us,
    };
    int rc = limiter_state_open(&lane->state, config->state_dir, lane->name, index, record);

    lane->settings =
        limiter_record_settings(core->limiter.window_us, core->limiter.burst, core->policy->name);
    lane->past = LIMITER_PAST_UNKNOWN;
    if (rc < 0)
        return;
    present.boot = lane->state.boot;
    present.settings = lane->settings;
    lane->past = limiter_record_judge(record, &present);
    if (lane->past == LIMITER_PAST_IMPLAUSIBLE || record->settings != lane->settings)
        return;
    core->limiter.window_us = record->core.window_us;
    core->policy = record->core.policy;
}

int lane_open(struct lane *lane, const char *name, unsigned index, const struct config *config,
              uint64_t epoch, int64_t now_us)
{
    uint64_t base = (epoch & ((1U << EPOCH_BITS) - 1)) << LANE_BITS | index;
    struct core_config core = {
        .limiter = {.window_us = config->rate_limit_us,
                    .burst = (unsigned)config->rate_limit_burst,
                    .guard_us = config->rate_limit_guard_us,
                    .clock_step_us = CLOCK_STEP_US,
                    .hold_max_us = config->hold_max_us},
        .retries = {.tries_max = (unsigned)config->retry_max,
                    .budget_percent = (unsigned)config->retry_budget_percent,
                    .base_us = config->retry_base_us,
                    .cap_us = config->retry_cap_us,
                    .seed = epoch},
        .policy = queue_policy_find(text_of(config->queue_policy)),
        .queue_max = (unsigned)config->queue_max_size,
        .client_max = (unsigned)config->queue_client_max,
        .starvation_us = config->queue_starvation_us,
        .waiters_max = (unsigned)config->waiters_max,
        .flight_max = FLIGHT_MAX,
        .lead_us = LEAD_US,
        .lease_us = LEASE_US,
        .give_up_us = config->external_api_timeout_us + LEASE_US,
        .attempt_base = base << LANE_ATTEMPT_BITS,
        .free_payload = free_body,
    };

    struct limiter_record record;

    *lane = (struct lane){.name = name,
                          .queue_max = core.queue_max,
                          .burst = core.limiter.burst,
                          .breaker = "closed",
                          .state = {.fd = -1}};
    if (!core.policy || limiter_mode_find(text_of(config->rate_limit_mode), &core.limiter.mode) < 0)
        return -EINVAL;
    look_back(lane, index, config, &core, &record, now_us);
    shadow_init(&lane->shadow, core.limiter.window_us, core.limiter.burst);
    lane->policy = core.policy;
    lane->core = core_new(&core, now_us);
    if (!lane->core)
        return -ENOMEM;
    if (lane->past < LIMITER_PAST_IMPLAUSIBLE)
        core_restore(lane->core, &record.core,
                     lane->past == LIMITER_PAST_REBOOTED ? INT64_MIN : record.now_us);
    return 0;
}

int lane_save(struct lane *lane, bool again, int64_t now_us)
{
    struct limiter_record record = {.settings = lane->settings, .now_us = now_us, .wall_us = clock_wall_us()};

    if (!core_remember(lane->core, now_us, &record.core))
        return 0;
    if (core_memory_equal(&record.core, &lane->kept) && !(again && lane->state_error < 0))
        return 0;
    lane->kept = record.core;
    lane->state_error = limiter_state_write(&lane->state, &record);
    return lane->state_error;
}

void lane_close(struct lane *lane)
{
    core_free(lane->core);
    lane->core = NULL;
    if (lane->name) /* else it has never been opened */
        limiter_state_close(&lane->state);
}

unsigned lane_index_of(uint64_t attempt)
{
    return (unsigned)(attempt >> LANE_ATTEMPT_BITS) & ((1U << LANE_BITS) - 1);
}

static uint8_t append(char *to, struct text from, size_t most)
{
    size_t bytes = from.bytes < most ? from.bytes : most;

    if (bytes > 0)
        memcpy(to, from.at, bytes);
    return (uint8_t)bytes;
}

struct text ticket_write(struct ticket *ticket, struct text request, struct text client, uint32_t mark)
{
    memcpy(ticket->mark, &mark, sizeof(ticket->mark));
    ticket->bytes = append(ticket->names, request, MESSAGE_ID_BYTES);
    ticket->client_bytes = append(ticket->names + ticket->bytes, client, MESSAGE_LABEL_BYTES);
    return (struct text){.at = (const char *)ticket,
                         .bytes = offsetof(struct ticket, names) + ticket->bytes + ticket->client_bytes};
}

uint32_t ticket_mark(const void *mine)
{
    const struct ticket *ticket = mine;
    uint32_t mark;

    memcpy(&mark, ticket->mark, sizeof(mark));
    return mark;
}

struct text ticket_text(const void *mine)
{
    const struct ticket *ticket = mine;

    return (struct text){.at = ticket->names, .bytes = ticket->bytes};
}

struct text ticket_client(const void *mine)
{
    const struct ticket *ticket = mine;

    return (struct text){.at = ticket->names + ticket->bytes, .bytes = ticket->client_bytes};
}

static int64_t left_us(int64_t until_us, int64_t now_us)
{
    return until_us > now_us ? until_us - now_us : 0;
}

void lane_state(const struct lane *lane, int64_t now_us, struct message *message)
{
    struct core_view view;

    core_look(lane->core, now_us, &view);
    *message = (struct message){.type = MESSAGE_TYPE_state,
                                .state = {.lane = text_of(lane->name),
                                          .policy = text_of(lane->policy->name),
                                          .queue = view.queued,
                                          .queue_max = lane->queue_max,
                                          .fetcher = view.fetcher_ready,
                                          .stuck_us = view.stuck_us,
                                          .hold_us = view.hold_us,
                                          .next_us = view.next_us,
                                          .breaker = text_of(lane->breaker),
                                          .failures = lane->breaker_failures,
                                          .fail_max = lane->breaker_fail_max,
                                          .breaker_us = left_us(lane->breaker_retry_at_us, now_us),
                                          .paused = view.paused,
                                          .window_us = view.window_us}};
}

/* A policy without a row in the table of metrics shows in none. */
static void policy_gauges(const struct lane *lane, struct metrics *metrics)
{
    const struct queue_policy *policy;

    for (unsigned i = 0; (policy = queue_policy_at(i)); i++) {
        char key[MESSAGE_LABEL_BYTES];
        enum metric metric;

        snprintf(key, sizeof(key), "policy{policy=\"%s\"}", policy->name);
        metric = metric_find(text_of("scheduler"), text_of(key));
        if (metric != METRIC_COUNT)
            metric_set(metrics, metric, policy == lane->policy);
    }
}

enum metric lane_refused_metric(const struct lane *lane)
{
    return (enum metric)(METRIC_SCHEDULER_REFUSED_FIFO + (int)queue_policy_index(lane->policy));
}

void lane_gauges(const struct lane *lane, int64_t now_us, struct metrics *metrics)
{
    struct core_view view;

    core_look(lane->core, now_us, &view);
    metric_add(metrics, METRIC_SCHEDULER_QUEUE, view.queued);
    metric_add(metrics, METRIC_SCHEDULER_QUEUE_LIMIT, lane->queue_max);
    metric_add(metrics, METRIC_SCHEDULER_WAITERS, view.waiters);
    if (view.queued_max > metrics->values[METRIC_SCHEDULER_QUEUE_MAX])
        metric_set(metrics, METRIC_SCHEDULER_QUEUE_MAX, view.queued_max);
    metric_set(metrics, METRIC_SCHEDULER_INTERVAL, view.window_us);
    metric_set(metrics, METRIC_SCHEDULER_BURST, lane->burst);
    metric_set(metrics, METRIC_SCHEDULER_BOUND_D, view.d_us);
    metric_set(metrics, METRIC_SCHEDULER_BOUND_G, view.g_us);
    metric_set(metrics, METRIC_SCHEDULER_DOUBT, view.doubt_ppm);
    metric_set(metrics, METRIC_SCHEDULER_RETRIES, (int64_t)view.retries_total);
    metric_set(metrics, METRIC_SCHEDULER_RETRIES_DENIED, (int64_t)view.retries_denied_total);
    metric_set(metrics, METRIC_SCHEDULER_IN_PAUSE, view.in_pause);
    metric_set(metrics, METRIC_SCHEDULER_UNEXPECTED, (int64_t)view.unexpected_total);
    metric_set(metrics, METRIC_SCHEDULER_HOLD, view.hold_us);
    metric_set(metrics, METRIC_SCHEDULER_NEXT, view.next_us);
    metric_add(metrics, METRIC_SCHEDULER_STATE_DEGRADED, lane->state_error < 0);
    metric_set(metrics, METRIC_SCHEDULER_PAUSED, view.paused);
    policy_gauges(lane, metrics);
}

bool lane_breaker(struct lane *lane, const struct message_breaker *breaker, int64_t now_us)
{
    static const struct {
        const char *name;
        enum core_breaker state;
    } states[] = {
        {"closed", CORE_BREAKER_CLOSED},
        {"open", CORE_BREAKER_OPEN},
        {"half_open", CORE_BREAKER_HALF_OPEN},
    };

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (!text_equal(breaker->state, states[i].name))
            continue;
        snprintf(lane->breaker, sizeof(lane->breaker), "%s", states[i].name);
        lane->breaker_failures = breaker->failures;
        lane->breaker_fail_max = breaker->fail_max;
        lane->breaker_retry_at_us = breaker->retry_at_us;
        core_breaker(lane->core, states[i].state, breaker->retry_at_us, now_us);
        return true;
    }
    return false;
}
