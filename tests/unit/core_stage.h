/* core_stage.h - a stage for the tests of the core: submits, grants and ends in one line each. Every payload
 * and every `mine` is allocated, so that AddressSanitizer sees what is released twice or never. */
#ifndef TESTS_CORE_STAGE_H
#define TESTS_CORE_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/core.h"

#define MS    1000LL
#define T     (1000 * MS)
#define START (100 * T)
#define GATE  0xfeed

struct stage {
    struct core *core;
    int64_t now_us;
};

/* A strict lane of window T, with so many places and waiters. */
#define STAGE_CONFIG(places, waiters)                                                                        \
    {                                                                                                        \
        .limiter = {.mode = LIMITER_STRICT,                                                                  \
                    .window_us = T,                                                                          \
                    .burst = 1,                                                                              \
                    .clock_step_us = MS,                                                                     \
                    .hold_max_us = 300 * T},                                                                 \
        .policy = &queue_policy_fifo, .queue_max = (places), .waiters_max = (waiters), .flight_max = 4,      \
        .lead_us = 3 * MS, .lease_us = 50 * MS, .give_up_us = 10 * T, .attempt_base = 1000,                  \
        .free_payload = free,                                                                                \
    }

static const struct core_config plain = STAGE_CONFIG(3, 8);

static inline struct stage stage_open(const struct core_config *config)
{
    struct stage stage = {.core = core_new(config, START), .now_us = START + 2 * T};

    assert_non_null(stage.core);
    core_fetcher_ready(stage.core, 8, 0, 0, START);
    return stage;
}

/* Submits request `id` for the key that the letter names. Capitals belong to one client, others to another.
 */
static inline struct core_verdict submit_as(struct stage *stage, uint64_t id, char key, unsigned priority,
                                            int64_t patience_us, bool again)
{
    struct core_request request = {.id = {.gateway = GATE, .request = id},
                                   .client = key <= 'Z' ? 1 : 2,
                                   .priority = (uint8_t)priority,
                                   .again = again,
                                   .arrival_us = again ? START - 50 * T + (int64_t)id : stage->now_us,
                                   .deadline_us = stage->now_us + patience_us,
                                   .mine = text_of("mine"),
                                   .payload = malloc(1)};
    struct core_verdict verdict;

    memset(request.key, key, JOB_KEY_BYTES);
    core_submit(stage->core, &request, stage->now_us, &verdict);
    if (verdict.answer != CORE_QUEUED)
        free(request.payload);
    return verdict;
}

static inline struct core_verdict submit(struct stage *stage, uint64_t id, char key)
{
    return submit_as(stage, id, key, 10, 60 * T, false);
}

/* It is sent as early as it may. */
static inline uint64_t take(struct stage *stage, const struct core_grant *grant, char *key)
{
    assert_true(grant->latest_us == grant->earliest_us + 50 * MS);
    *key = (char)grant->job->key[0];
    core_sent(stage->core, grant->attempt, grant->earliest_us);
    stage->now_us = grant->earliest_us;
    return grant->attempt;
}

/* The next grant: its attempt, and the key's letter. Fails the test when there is none. */
static inline uint64_t grant(struct stage *stage, char *key)
{
    struct core_grant grant;

    assert_true(core_next(stage->core, stage->now_us, &grant));
    return take(stage, &grant, key);
}

static inline bool grants_nothing(struct stage *stage)
{
    struct core_grant grant;

    return !core_next(stage->core, stage->now_us, &grant);
}

/* Writes the ids of a finished job's waiters into a line, and retires it. */
static const char *retire(struct stage *stage, struct job *job)
{
    static char line[64];
    struct waiter *waiter;

    line[0] = '\0';
    if (!job)
        return "requeued";
    while ((waiter = job_shift(job))) {
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%d ", (int)waiter->id.request);
        waiter_free(waiter);
    }
    core_retire(stage->core, job);
    return line;
}

static const char *answer_with(struct stage *stage, uint64_t attempt, enum fetch_outcome kind,
                               enum reason reason, int64_t hold_us)
{
    struct core_outcome outcome = {.kind = kind,
                                   .reason = reason,
                                   .sent_us = stage->now_us,
                                   .first_us = stage->now_us + 10 * MS,
                                   .hold_us = hold_us};

    stage->now_us += 10 * MS;
    return retire(stage, core_fetched(stage->core, attempt, &outcome, stage->now_us));
}

static inline const char *answer(struct stage *stage, uint64_t attempt)
{
    return answer_with(stage, attempt, FETCH_ANSWERED, REASON_NONE, 0);
}

/* All who are to be told something now: "id:reason ". */
static inline const char *expired(struct stage *stage)
{
    static char line[256];
    struct waiter *waiter;

    line[0] = '\0';
    while ((waiter = core_expire(stage->core, stage->now_us))) {
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%d:%s ", (int)waiter->id.request,
                 reason_name((enum reason)waiter->reason));
        waiter_free(waiter);
    }
    return line;
}

/* So many requests wait, each for a call of its own. */
static inline void assert_waiting(const struct stage *stage, unsigned count)
{
    struct core_view view;

    core_look(stage->core, stage->now_us, &view);
    assert_int_equal(view.queued, count);
    assert_int_equal(view.waiters, count);
}

static inline bool cancel(struct stage *stage, uint64_t id)
{
    struct waiter *waiter = core_cancel(stage->core, (struct waiter_id){GATE, id});

    waiter_free(waiter);
    return waiter != NULL;
}

/* Moves from time to time at which the core wants to be asked, until it grants. */
static inline uint64_t grant_in_time(struct stage *stage, char *key)
{
    struct core_grant grant;

    do {
        int64_t next_us = core_next_wakeup(stage->core, stage->now_us);

        assert_true(next_us != CORE_NEVER);
        stage->now_us = next_us;
    } while (!core_next(stage->core, stage->now_us, &grant));
    return take(stage, &grant, key);
}

#endif
