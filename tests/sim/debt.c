/* debt.c - see debt.h. */
#include "tests/sim/debt.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/table.h"

#define PAIR          2
#define WITH_NOISE    1
#define NOISE_MAX     40
#define NOISE_CLIENTS 1000 /* clients from here on only make noise */
#define PATIENCE_US   INT64_C(1000000000000)
#define ROUNDTRIP_US  200

struct duel {
    struct core *cores[PAIR];
    struct chance chance;
    struct core_config config;
    int64_t now_us;
    uint64_t keys, attempts[PAIR];
    uint64_t noise[NOISE_MAX];
    unsigned noises;
    uint64_t cancelled, compared;
    const char *differs;
};

static bool submit(struct duel *duel, unsigned which, uint64_t key, uint64_t client, unsigned priority,
                   struct core_verdict *verdict)
{
    struct core_request request = {.id = {.gateway = 1, .request = key},
                                   .client = client,
                                   .priority = (uint8_t)priority,
                                   .arrival_us = duel->now_us,
                                   .deadline_us = duel->now_us + PATIENCE_US};

    memcpy(request.key, &key, sizeof(key));
    core_submit(duel->cores[which], &request, duel->now_us, verdict);
    return verdict->answer == CORE_QUEUED;
}

/* One that stays, in both. What it is told must be the same. */
static void come(struct duel *duel)
{
    uint64_t key = ++duel->keys, client = chance_next(&duel->chance) % 5;
    unsigned priority = (unsigned)chance_below(&duel->chance, 3);
    struct core_verdict told[PAIR];

    for (unsigned which = 0; which < PAIR; which++)
        submit(duel, which, key, client, priority, &told[which]);
    duel->compared++;
    if (told[0].answer != told[1].answer || told[0].position != told[1].position ||
        told[0].eta_us != told[1].eta_us)
        duel->differs = "what a newcomer is told";
}

static void make_noise(struct duel *duel)
{
    uint64_t key = ++duel->keys;
    struct core_verdict told;

    if (duel->noises < NOISE_MAX && submit(duel, WITH_NOISE, key, NOISE_CLIENTS + key % 7,
                                           (unsigned)chance_below(&duel->chance, 3), &told))
        duel->noise[duel->noises++] = key;
}

static void cancel_one(struct duel *duel)
{
    unsigned place = (unsigned)chance_below(&duel->chance, duel->noises);
    struct waiter_id id = {.gateway = 1, .request = duel->noise[place]};

    duel->noise[place] = duel->noise[--duel->noises];
    waiter_free(core_cancel(duel->cores[WITH_NOISE], id));
    duel->cancelled++;
}

static void stir(struct duel *duel)
{
    for (int64_t i = chance_below(&duel->chance, 30); i > 0; i--) {
        duel->now_us += chance_below(&duel->chance, 10);
        if (duel->noises > 0 && chance_permil(&duel->chance, 300))
            cancel_one(duel);
        else
            make_noise(duel);
    }
    while (duel->noises > 0)
        cancel_one(duel);
    if (chance_permil(&duel->chance, 600))
        come(duel);
}

/* Both grant the same, at the same time, and get the same answer. */
static void dispatch(struct duel *duel)
{
    struct core_grant grants[PAIR];
    bool granted[PAIR];

    for (unsigned which = 0; which < PAIR; which++)
        granted[which] = core_next(duel->cores[which], duel->now_us, &grants[which]);
    duel->compared++;
    if (granted[0] != granted[1] ||
        (granted[0] && (memcmp(grants[0].job->key, grants[1].job->key, JOB_KEY_BYTES) != 0 ||
                        grants[0].earliest_us != grants[1].earliest_us))) {
        duel->differs = "who is sent, or when";
        return;
    }
    for (unsigned which = 0; which < PAIR && granted[which]; which++) {
        struct core_outcome outcome = {.kind = FETCH_ANSWERED,
                                       .sent_us = grants[which].earliest_us,
                                       .first_us = grants[which].earliest_us + ROUNDTRIP_US};

        core_sent(duel->cores[which], grants[which].attempt, outcome.sent_us);
        core_retire(duel->cores[which],
                    core_fetched(duel->cores[which], grants[which].attempt, &outcome, outcome.first_us));
    }
    if (granted[0])
        duel->now_us = grants[0].earliest_us + ROUNDTRIP_US;
}

static void next_moment(struct duel *duel)
{
    int64_t first_us = core_next_wakeup(duel->cores[0], duel->now_us);
    int64_t second_us = core_next_wakeup(duel->cores[1], duel->now_us);

    if (first_us != second_us)
        duel->differs = "when to look again";
    if (first_us == CORE_NEVER || first_us > duel->now_us + duel->config.limiter.window_us)
        first_us = duel->now_us + duel->config.limiter.window_us / 3;
    if (first_us > duel->now_us)
        duel->now_us = first_us;
}

static void fight(struct duel *duel, uint64_t seed, unsigned slots)
{
    static const struct queue_policy *const policies[] = {&queue_policy_fifo, &queue_policy_priority,
                                                          &queue_policy_fair};

    duel->chance.state = seed;
    duel->now_us = 1000000000;
    duel->config = table_core(seed % 2 ? LIMITER_STRICT : LIMITER_ADAPTIVE, 100000);
    duel->config.policy = policies[seed % 3];
    duel->config.limiter.burst = 1 + (unsigned)(seed / 3 % 3);
    duel->config.starvation_us = 1000000;
    for (unsigned which = 0; which < PAIR; which++) {
        duel->cores[which] = core_new(&duel->config, duel->now_us);
        core_fetcher_past(duel->cores[which], 0, 0, duel->now_us);
        core_fetcher_ready(duel->cores[which], FLIGHT_MAX, 0, 0, duel->now_us);
    }
    for (unsigned slot = 0; slot < slots && !duel->differs; slot++) {
        stir(duel);
        dispatch(duel);
        next_moment(duel);
    }
    for (unsigned which = 0; which < PAIR; which++)
        core_free(duel->cores[which]);
}

bool debt_compare(unsigned pairs, unsigned slots)
{
    uint64_t cancelled = 0, compared = 0;

    for (unsigned seed = 1; seed <= pairs; seed++) {
        struct duel duel = {.noises = 0};

        fight(&duel, seed, slots);
        cancelled += duel.cancelled;
        compared += duel.compared;
        if (!duel.differs)
            continue;
        printf("phantom debt: pair %u differs in %s, at %lld us\n", seed, duel.differs,
               (long long)duel.now_us);
        return false;
    }
    printf("checked: %12llu  no phantom debt: %llu came and left between slots, and nothing differs\n",
           (unsigned long long)compared, (unsigned long long)cancelled);
    return true;
}
