/* world_checks.c - see world.h. Here: what must hold at every step, judged by what the world itself knows. */
#include <math.h>
#include <stdio.h>
#include <utlist.h>

#include "tests/sim/world.h"

#define PPM           1000000
#define SLEW_PPM      500
#define EXPIRY_US     5000 /* a slot that is handed over so much before its time dismisses who dies before it */
#define STUCK_US      30000000 /* as long as anything that has been seen to travel may travel on */
#define STUCK_SLOTS   10
#define TRY_US        30000000
#define SLOT_SLACK_US 5000
#define STEADY_CALLS  300 /* the schedule is learnt by then */
#define JITTER_SIGMAS 4

const char *world_check_name(enum world_check check)
{
    static const char *const names[] = {
#define CHECK(id, name) [CHECK_##id] = name,
        WORLD_CHECKS(CHECK)
#undef CHECK
    };

    return names[check];
}

void world_broken(struct world *world, enum world_check check, const char *what, uint64_t a, uint64_t b)
{
    if (world->broken[0] == '\0')
        snprintf(world->broken, sizeof(world->broken), "%s: %s (%llu, %llu) at %lld us",
                 world_check_name(check), what, (unsigned long long)a, (unsigned long long)b,
                 (long long)world->now_us);
}

static const struct core_config *core_config(const struct world *world)
{
    return &world->config.core;
}

static int64_t span_us(const struct world *world)
{
    const struct limiter_config *limiter = &core_config(world)->limiter;
    int64_t span = limiter->window_us + (limiter->window_us * SLEW_PPM + PPM - 1) / PPM;

    if (limiter->clock_step_us > 0 && limiter->window_us % limiter->clock_step_us != 0)
        span += limiter->clock_step_us;
    return span;
}

/* Who must not be overtaken by this one: under fifo whoever came before it, under any policy those of its own
 * client and class. What shares a call stands elsewhere. */
static bool overtaken(const struct world *world, const struct request *other, const struct request *request)
{
    bool like = other->client == request->client && other->priority == request->priority;

    return other->order < request->order && (world->policy == &queue_policy_fifo || like);
}

static bool starves(const struct world *world, const struct request *request)
{
    int64_t starvation_us = core_config(world)->starvation_us;

    return world->policy == &queue_policy_priority && starvation_us > 0 &&
           world->now_us - request->submitted_us >= starvation_us;
}

/* After deaths the order is that of coming as told by the gateways, but groups may have formed otherwise. */
static bool order_known(const struct world *world)
{
    return world->totals.crashes + world->totals.kills + world->totals.tears == 0;
}

static void check_order(struct world *world, const struct request *request, int64_t earliest_us)
{
    bool starving = starves(world, request);
    const struct request *other;

    if (!request->alone || !order_known(world))
        return;
    DL_FOREACH(world->alive, other)
    {
        if (!other->alone || other->in_flight || other->deadline_us <= earliest_us ||
            other->rests_until_us > world->now_us)
            continue;
        world->totals.checks[CHECK_ORDER]++;
        if (overtaken(world, other, request))
            world_broken(world, CHECK_ORDER, "overtaken, by", other->id, request->id);
        world->totals.checks[CHECK_STARVED] += starves(world, other);
        if (starves(world, other) && (!starving || other->order < request->order))
            world_broken(world, CHECK_STARVED, "starves, and another went first", other->id, request->id);
    }
}

static struct request *find(struct world *world, uint64_t id)
{
    struct request *request = &world->requests[id % WORLD_REQUESTS];

    return request->id == id ? request : NULL;
}

/* For somebody alive who can still use it, and whose turn it is; and not before it may be sent. */
void check_grant(struct world *world, const struct core_grant *grant)
{
    int64_t earliest_us = world_of_core(world, grant->earliest_us);
    const struct waiter *waiter;
    bool alive = false;

    world->totals.checks[CHECK_NO_DEAD]++;
    for (waiter = grant->job->waiters; waiter; waiter = waiter->next) {
        struct request *request = find(world, waiter->id.request);

        if (!request) {
            world_broken(world, CHECK_NO_DEAD, "its client has left", waiter->id.request, grant->attempt);
            return;
        }
        alive = alive || request->deadline_us > earliest_us;
        if (request->rests_until_us > world->now_us)
            world_broken(world, CHECK_RETRY, "its pause lasts", request->id, grant->attempt);
        check_order(world, request, earliest_us);
    }
    for (waiter = grant->job->waiters; waiter; waiter = waiter->next)
        find(world, waiter->id.request)->in_flight = true;
    if (!alive)
        world_broken(world, CHECK_NO_DEAD, "its deadline comes first", grant->attempt, 0);
    world->totals.checks[CHECK_LEAD]++;
    if (earliest_us - core_config(world)->lead_us > world->now_us)
        world_broken(world, CHECK_LEAD, "handed over early", grant->attempt, (uint64_t)earliest_us);
    world->totals.checks[CHECK_HOLD]++;
    if (earliest_us < world->held_until_us)
        world_broken(world, CHECK_HOLD, "granted", grant->attempt, (uint64_t)world->held_until_us);
    world->totals.checks[CHECK_PAUSE]++;
    if (world->paused)
        world_broken(world, CHECK_PAUSE, "granted", grant->attempt, 0);
    world->unsure -= world->unsure > 0;
    world->granted_us = world->now_us;
}

/* Where nothing is under way a request with time for a slot is let in sooner or later, whatever was slow
 * before. */
void check_refused(struct world *world, int64_t patience_us, enum reason reason)
{
    int64_t slot_us = span_us(world) + SLOT_SLACK_US;
    struct core_view view;

    core_look(world->core, core_of_world(world, world->now_us), &view);
    if (reason != REASON_DEADLINE_UNMEETABLE || view.queued + view.in_flight > 0 || patience_us < slot_us ||
        view.next_us > slot_us || world->breaker != CORE_BREAKER_CLOSED)
        return;
    world->totals.checks[CHECK_TRY]++;
    if (world->now_us - world->granted_us > TRY_US)
        world_broken(world, CHECK_TRY, "for so long nobody was let in",
                     (uint64_t)(world->now_us - world->granted_us), (uint64_t)patience_us);
}

/* One slot, a twentieth of the wait, and what the way's own jitter adds over so many slots. Where a call
 * takes longer than a slot the pace is not steady: it depends on what is known of the longest round trip. */
static void check_eta(struct world *world, const struct request *request)
{
    const struct latency *latency = &world->config.latency;
    double jitter_us = JITTER_SIGMAS * (double)(latency->scale_us + latency->spread_us) / sqrt(6);
    int64_t real_us = world->now_us - request->submitted_us, error_us = real_us - request->eta_us, allowed_us;
    int64_t call_us = latency->base_us + 2 * latency->scale_us + latency->service_us;
    struct core_view view;

    if (!world->config.steady || request->granted < STEADY_CALLS || latency->change != CHANGE_NONE ||
        call_us > core_config(world)->limiter.window_us || latency->jitter == JITTER_PARETO ||
        latency->jitter == JITTER_EXPONENTIAL)
        return;
    core_look(world->core, core_of_world(world, world->now_us), &view);
    allowed_us = view.interval_us + real_us / 20 + (int64_t)(jitter_us * sqrt(request->ahead + 1));
    world->totals.checks[CHECK_ETA]++;
    if (error_us > allowed_us || -error_us > allowed_us)
        world_broken(world, CHECK_ETA, "told and real", (uint64_t)request->eta_us, (uint64_t)real_us);
}

void check_ended(struct world *world, const struct request *request, const struct waiter *waiter)
{
    world->totals.checks[CHECK_ONE_END]++;
    if (!request)
        world_broken(world, CHECK_ONE_END, "it had ended before", waiter->id.request, 0);
    else
        check_eta(world, request);
}

void check_expired(struct world *world, const struct waiter *waiter)
{
    if (waiter->reason != REASON_DEADLINE_PASSED)
        return;
    world->totals.checks[CHECK_DEADLINE]++;
    if (world_of_core(world, waiter->deadline_us) > world->now_us + EXPIRY_US)
        world_broken(world, CHECK_DEADLINE, "it had time left", waiter->id.request, 0);
}

/* Keeps the N latest, in falling order. */
void check_release(struct world *world, int64_t bound_us)
{
    unsigned burst = core_config(world)->limiter.burst, place = world->released;

    if (place == burst && world->releases_us[burst - 1] >= bound_us)
        return;
    if (place < burst)
        world->released++;
    else
        place--;
    for (; place > 0 && world->releases_us[place - 1] < bound_us; place--)
        world->releases_us[place] = world->releases_us[place - 1];
    world->releases_us[place] = bound_us;
}

/* Counted by a clock that may be slow. */
void check_hold(struct world *world, int64_t until_us)
{
    int64_t hold_us = until_us - world->now_us;

    world->totals.holds++;
    if (hold_us <= 0)
        return;
    until_us += (hold_us * SLEW_PPM + PPM - 1) / PPM;
    if (until_us > world->held_until_us)
        world->held_until_us = until_us;
}

/* What the dead had sent may count for as long as it may travel. */
void check_unsure(struct world *world)
{
    world->unsure_until_us = world->now_us +
                             2 * (core_config(world)->give_up_us + core_config(world)->limiter.window_us) +
                             STUCK_US;
    world->unsure = core_config(world)->limiter.burst + 1;
}

/* When the simplest safe rule, wait T after each answer, would let the next one go: INT64_MAX while it waits
 * for an answer. No mode is allowed to be slower. */
static int64_t allowed_us(const struct world *world)
{
    unsigned burst = core_config(world)->limiter.burst, needed;
    int64_t hold_us = world->held_until_us - world->now_us, latest_us = world->now_us, release_us;

    if (world->outstanding >= burst)
        return INT64_MAX;
    needed = burst - world->outstanding;
    if (hold_us > 0)
        latest_us = world->held_until_us;
    if (world->released < needed)
        return latest_us;
    release_us = world->releases_us[needed - 1] + span_us(world);
    return release_us > latest_us ? release_us : latest_us;
}

void check_idle(struct world *world)
{
    int64_t allowed = allowed_us(world), lead_us = core_config(world)->lead_us, wakeup_us;
    struct core_view view;

    if (allowed == INT64_MAX || world->unsure > 0 || world->now_us < world->unsure_until_us ||
        !world->ready || !world->fetcher_up || world->paused || world->breaker != CORE_BREAKER_CLOSED ||
        world->torn || core_config(world)->limiter.mode == LIMITER_FIXED)
        return;
    core_look(world->core, core_of_world(world, world->now_us), &view);
    if (view.queued == view.in_pause)
        return;
    world->totals.checks[CHECK_NO_IDLE]++;
    wakeup_us = world_of_core(world, core_next_wakeup(world->core, core_of_world(world, world->now_us)));
    if (allowed - lead_us <= world->now_us)
        world_broken(world, CHECK_NO_IDLE, "a slot is there, and not used", view.queued, (uint64_t)allowed);
    else if (wakeup_us > allowed - lead_us)
        world_broken(world, CHECK_NO_IDLE, "the next slot will be slept through", (uint64_t)wakeup_us,
                     (uint64_t)(allowed - lead_us));
}

/* While somebody waits and nothing is under way, there must be a time at which it goes on. */
void check_alive(struct world *world)
{
    int64_t now_us = core_of_world(world, world->now_us), limit_us;
    struct core_view view;

    core_look(world->core, now_us, &view);
    if (view.queued == 0 || view.in_flight > 0 || !view.fetcher_ready || !world->fetcher_up || world->paused)
        return;
    limit_us = now_us + STUCK_SLOTS * core_config(world)->limiter.window_us + STUCK_US;
    if (world->held_until_us > world->now_us)
        limit_us += 2 * (world->held_until_us - world->now_us);
    if (world->breaker_until_us > world->now_us)
        limit_us += world->breaker_until_us - world->now_us;
    world->totals.checks[CHECK_ALIVE]++;
    if (core_next_wakeup(world->core, now_us) > limit_us)
        world_broken(world, CHECK_ALIVE, "work waits and nothing will move it", view.queued, 0);
}

/* Of this epoch. */
void check_retries(struct world *world)
{
    const struct core_config *config = core_config(world);
    struct core_view view;

    core_look(world->core, core_of_world(world, world->now_us), &view);
    world->totals.checks[CHECK_RETRY]++;
    if (100 * view.retries_total >
        100 * RETRIES_RESERVE + config->retries.budget_percent * world->sent_of_epoch)
        world_broken(world, CHECK_RETRY, "so many retries, of so many slots", view.retries_total,
                     world->sent_of_epoch);
}

void check_arrival(struct world *world, const struct attempt *attempt, const struct provider_verdict *verdict)
{
    if (core_config(world)->limiter.mode != LIMITER_STRICT)
        return;
    /* Sent before the record was lost, by a fetcher that has died before it could tell: it counts as sent
     * when the scheduler came back, and may arrive later. */
    if (attempt->sent_us < world->forgot_us && attempt->generation != world->fetcher)
        world->excused_until_us = world->now_us + span_us(world);
    world->totals.checks[CHECK_STRICT]++;
    if (verdict->early && world->now_us >= world->excused_until_us)
        world_broken(world, CHECK_STRICT, "early by so much, attempt",
                     (uint64_t)(verdict->wait_us + verdict->delay_us), attempt->id);
}
