/* health.c - see health.h. */
#include "gateway/health.h"

struct list {
    struct health_check *checks;
    unsigned count;
};

static void add(struct list *list, const char *name, const struct lane *lane, enum health_level level,
                const char *detail)
{
    list->checks[list->count++] = (struct health_check){
        .name = name, .lane = lane, .level = level, .detail = level == HEALTH_OK ? "" : detail};
}

static void check_scheduler(struct list *list, const struct health_facts *facts)
{
    enum health_level level = HEALTH_OK;

    if (!facts->scheduler_up)
        level = facts->scheduler_away_us > HEALTH_AWAY_US ? HEALTH_UNAVAILABLE : HEALTH_DEGRADED;
    add(list, "scheduler", NULL, level, "the scheduler is away; requests wait for it");
}

static void check_fetcher(struct list *list, const struct lane *lane, const struct health_facts *facts)
{
    int64_t gone_us = facts->lanes[lane_place(lane)].fetcher_gone_us;
    enum health_level level = HEALTH_OK;

    if (gone_us != 0)
        level = facts->now_us - gone_us > HEALTH_AWAY_US ? HEALTH_UNAVAILABLE : HEALTH_DEGRADED;
    add(list, "fetcher", lane, level, "the fetcher is away");
}

static void check_lane(struct list *list, const struct lane *lane, const struct health_facts *facts)
{
    const struct lane_state *state = &facts->lanes[lane_place(lane)];
    bool stuck = state->stuck_us >= HEALTH_STUCK_US;
    bool closed = strcmp(state->breaker, "closed") == 0;

    if (!state->known) {
        add(list, "dispatch", lane, HEALTH_DEGRADED, "the scheduler has not told its state yet");
        return;
    }
    add(list, "dispatch", lane, stuck ? HEALTH_UNAVAILABLE : HEALTH_OK, "work waits and nothing is sent");
    check_fetcher(list, lane, facts);
    add(list, "breaker", lane, closed ? HEALTH_OK : HEALTH_DEGRADED, "calls to the provider are suspended");
    add(list, "hold", lane, state->hold_us > 0 ? HEALTH_DEGRADED : HEALTH_OK,
        "the provider has asked to wait");
    add(list, "pause", lane, state->paused ? HEALTH_DEGRADED : HEALTH_OK,
        "paused by an operator: nothing is sent until POST /admin/resume");
}

void health_lane_update(struct health_facts *facts, const struct message_state *state, int64_t now_us)
{
    const struct lane *lane = lane_named(state->lane);
    struct lane_state *into;
    int64_t gone_us;

    if (!lane || state->breaker.bytes >= HEALTH_BREAKER_BYTES)
        return;
    into = &facts->lanes[lane_place(lane)];
    gone_us = into->fetcher_gone_us != 0 ? into->fetcher_gone_us : now_us;
    *into = (struct lane_state){.known = true,
                                .fetcher_gone_us = state->fetcher == 1 ? 0 : gone_us,
                                .paused = state->paused == 1,
                                .stuck_us = state->stuck_us,
                                .hold_us = state->hold_us,
                                .queue = state->queue,
                                .failures = state->failures,
                                .fail_max = state->fail_max};
    memcpy(into->breaker, state->breaker.at, state->breaker.bytes);
}

unsigned health_checks(const struct health_facts *facts, struct health_check checks[HEALTH_CHECKS_MAX])
{
    struct list list = {.checks = checks, .count = 0};

    add(&list, "drain", NULL, facts->draining ? HEALTH_UNAVAILABLE : HEALTH_OK,
        "this gateway is shutting down");
    check_scheduler(&list, facts);
    for (unsigned i = 0; i < LANE_COUNT && facts->scheduler_up; i++)
        check_lane(&list, &lanes[i], facts);
    add(&list, "metrics", NULL, facts->metrics_fresh ? HEALTH_OK : HEALTH_DEGRADED,
        "no metrics have come lately");
    return list.count;
}

enum health_level health_worst(const struct health_check *checks, unsigned count)
{
    enum health_level worst = HEALTH_OK;

    for (unsigned i = 0; i < count; i++) {
        if (checks[i].level > worst)
            worst = checks[i].level;
    }
    return worst;
}

const char *health_level_name(enum health_level level)
{
    static const char *const names[] = {
        [HEALTH_OK] = "ok", [HEALTH_DEGRADED] = "degraded", [HEALTH_UNAVAILABLE] = "unavailable"};

    return names[level];
}
