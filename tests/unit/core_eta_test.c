/* core_eta_test.c - what is told about waiting, held against what then happens, in virtual time: a provider
 * that answers after a while, work that waits. Told and real times differ by one slot and a 32nd of the wait
 * at most. */
#include "tests/unit/core_stage.h"

#define WAITING   40
#define PENDING   16
#define WARM_ID   1000
#define PATIENT   (10000 * T)
#define SLIP(eta) ((eta) / 32)

struct scene {
    const char *name;
    enum limiter_mode mode;
    unsigned burst;
    int64_t trip_us, jitter_us; /* a round trip takes so long, and up to so much longer */
    unsigned warm;              /* calls made before */
    int64_t hold_us;            /* then the provider asks to wait */
};

static const struct scene scenes[] = {
    {"strict, quick", LIMITER_STRICT, 1, 10 * MS, 2 * MS, 60, 0},
    {"strict, slow: the trip is part of the interval", LIMITER_STRICT, 1, 400 * MS, 100 * MS, 60, 0},
    {"strict, slow, after three calls", LIMITER_STRICT, 1, 400 * MS, 0, 3, 0},
    {"adaptive, not learnt yet", LIMITER_ADAPTIVE, 1, 60 * MS, 10 * MS, 3, 0},
    {"adaptive", LIMITER_ADAPTIVE, 1, 60 * MS, 80 * MS, 60, 0},
    {"adaptive, three trips under way at a time", LIMITER_ADAPTIVE, 1, 3 * T, 20 * MS, 400, 0},
    {"fixed", LIMITER_FIXED, 1, 200 * MS, 10 * MS, 60, 0},
    {"four in each window", LIMITER_STRICT, 4, 30 * MS, 5 * MS, 60, 0},
    {"held", LIMITER_ADAPTIVE, 1, 60 * MS, 10 * MS, 60, 30 * T},
};

/* The provider: what is under way, and when it was answered. */
struct play {
    struct stage stage;
    const struct scene *scene;
    uint64_t chance;
    unsigned pending;
    struct {
        uint64_t attempt;
        int64_t sent_us, first_us;
    } trips[PENDING];
    int64_t answered_us[WAITING];
    unsigned late; /* passed their deadline */
};

static void play_open(struct play *play, const struct scene *scene)
{
    struct core_config config = plain;

    config.limiter.mode = scene->mode;
    config.limiter.burst = scene->burst;
    config.limiter.guard_us = 100 * MS;
    config.queue_max = 2 * WAITING;
    config.waiters_max = 2 * WAITING;
    config.flight_max = PENDING;
    *play = (struct play){.stage = stage_open(&config), .scene = scene, .chance = 1};
    core_fetcher_ready(play->stage.core, PENDING, 0, 0, START);
}

static void depart(struct play *play, const struct core_grant *grant)
{
    int64_t trip_us = play->scene->trip_us;

    play->chance = play->chance * 6364136223846793005U + 1442695040888963407U;
    if (play->scene->jitter_us > 0)
        trip_us += (int64_t)((play->chance >> 33) % (uint64_t)play->scene->jitter_us);
    core_sent(play->stage.core, grant->attempt, grant->earliest_us);
    assert_in_range(play->pending, 0, PENDING - 1);
    play->trips[play->pending].attempt = grant->attempt;
    play->trips[play->pending].sent_us = grant->earliest_us;
    play->trips[play->pending++].first_us = grant->earliest_us + trip_us;
}

static void arrive(struct play *play, unsigned i)
{
    struct core_outcome outcome = {.kind = FETCH_ANSWERED,
                                   .reason = REASON_NONE,
                                   .sent_us = play->trips[i].sent_us,
                                   .first_us = play->trips[i].first_us};
    struct job *job = core_fetched(play->stage.core, play->trips[i].attempt, &outcome, play->stage.now_us);
    const char *ids = retire(&play->stage, job);
    unsigned long id = strtoul(ids, NULL, 10);

    if (*ids && id < WAITING)
        play->answered_us[id] = play->stage.now_us;
    play->trips[i] = play->trips[--play->pending];
}

static unsigned next_trip(const struct play *play)
{
    unsigned first = 0;

    for (unsigned i = 1; i < play->pending; i++) {
        if (play->trips[i].first_us < play->trips[first].first_us)
            first = i;
    }
    return first;
}

/* Until that time, or until nothing is left to do. */
static void run_until(struct play *play, int64_t until_us)
{
    struct stage *stage = &play->stage;

    for (;;) {
        int64_t next_us = core_next_wakeup(stage->core, stage->now_us);
        unsigned trip = next_trip(play);
        struct core_grant grant;

        if (play->pending > 0 && play->trips[trip].first_us <= next_us)
            next_us = play->trips[trip].first_us;
        if (next_us == CORE_NEVER || next_us > until_us)
            break;
        stage->now_us = next_us > stage->now_us ? next_us : stage->now_us;
        if (play->pending > 0 && play->trips[trip].first_us <= stage->now_us)
            arrive(play, trip);
        for (const char *line = expired(stage); *line; line++)
            play->late += *line == ':';
        while (core_next(stage->core, stage->now_us, &grant))
            depart(play, &grant);
    }
    if (until_us != CORE_NEVER)
        stage->now_us = until_us;
}

static void warm_up(struct play *play)
{
    for (unsigned i = 0; i < play->scene->warm; i++) {
        submit_as(&play->stage, WARM_ID + i, (char)(i % 8), 10, PATIENT, false);
        if (i % 8 == 7)
            run_until(play, CORE_NEVER);
    }
    run_until(play, CORE_NEVER);
    if (play->scene->hold_us > 0)
        core_hold(play->stage.core, play->stage.now_us + play->scene->hold_us, play->stage.now_us);
}

static void what_is_told_comes_true(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(scenes) / sizeof(scenes[0]); s++) {
        struct play play;
        struct core_view view;
        int64_t told_us[WAITING], start_us;

        play_open(&play, &scenes[s]);
        warm_up(&play);
        start_us = play.stage.now_us;
        for (unsigned i = 0; i < WAITING; i++)
            told_us[i] = submit_as(&play.stage, i, (char)i, 10, PATIENT, false).eta_us;
        core_look(play.stage.core, start_us, &view);
        run_until(&play, CORE_NEVER);
        for (unsigned i = 0; i < WAITING; i++) {
            int64_t error_us = told_us[i] - (play.answered_us[i] - start_us);

            if (llabs(error_us) > view.interval_us + SLIP(told_us[i]))
                fail_msg("%s: number %u was told %lld ms, %lld too many", scenes[s].name, i,
                         (long long)(told_us[i] / MS), (long long)(error_us / MS));
        }
        core_free(play.stage.core);
    }
}

/* More come than can be answered in time. Who is let in is in time; who is not is told when to come again:
 * then it is let in, and two slots earlier it is not. */
static void a_refusal_tells_when_to_come_again(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(scenes) / sizeof(scenes[0]); s++) {
        struct core_verdict verdict = {.answer = CORE_QUEUED};
        struct play play;
        struct core_view view;
        int64_t patience_us, retry_at_us;
        unsigned count = 0;

        play_open(&play, &scenes[s]);
        warm_up(&play);
        core_look(play.stage.core, play.stage.now_us, &view);
        patience_us = scenes[s].trip_us * 2 + scenes[s].hold_us + 12 * T;
        for (; verdict.answer == CORE_QUEUED; count++)
            verdict = submit_as(&play.stage, count, (char)count, 10, patience_us, false);
        assert_int_equal(verdict.reason, REASON_DEADLINE_UNMEETABLE);
        assert_in_range(verdict.retry_after_us, 1, 3 * view.interval_us);
        for (; count < WAITING; count++) /* the line gets longer by those who are patient */
            submit_as(&play.stage, count, (char)count, 10, PATIENT, false);
        verdict = submit_as(&play.stage, 77, 77, 10, patience_us, false);
        assert_int_equal(verdict.answer, CORE_REFUSED);
        retry_at_us = play.stage.now_us + verdict.retry_after_us;
        run_until(&play, retry_at_us - 2 * view.interval_us);
        assert_int_equal(submit_as(&play.stage, 77, 77, 10, patience_us, false).answer, CORE_REFUSED);
        run_until(&play, retry_at_us + view.interval_us);
        if (submit_as(&play.stage, 77, 77, 10, patience_us, false).answer != CORE_QUEUED)
            fail_msg("%s: refused when it came again", scenes[s].name);
        run_until(&play, CORE_NEVER);
        if (play.late > 0)
            fail_msg("%s: %u were let in and not answered in time", scenes[s].name, play.late);
        core_free(play.stage.core);
    }
}

/* Deadlines that end before a hold does: to come again makes no sense before it has ended. */
static void a_hold_is_told_to_its_end(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_verdict verdict;

    (void)state;
    core_hold(stage.core, stage.now_us + 20 * T, stage.now_us);
    verdict = submit_as(&stage, 1, 'a', 10, 5 * T, false);
    assert_int_equal(verdict.reason, REASON_HOLD);
    assert_in_range(verdict.retry_after_us, 20 * T, 20 * T + 20 * MS);
    core_free(stage.core);
}

/* An answer that does not come is not expected at any moment. */
static void a_stall_is_expected_to_go_on(void **state)
{
    struct stage stage = stage_open(&plain);
    uint64_t attempt;
    int64_t eta_us;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    answer(&stage, grant(&stage, &key));
    submit(&stage, 2, 'b');
    attempt = grant_in_time(&stage, &key);
    stage.now_us += 8 * T;
    eta_us = submit(&stage, 3, 'c').eta_us;
    assert_in_range(eta_us, 8 * T, 10 * T);
    assert_in_range(submit(&stage, 4, 'b').eta_us, 7 * T, 8 * T); /* shares the call that is late */
    answer(&stage, attempt);
    core_free(stage.core);
}

static void the_breaker_is_part_of_the_schedule(void **state)
{
    struct stage stage = stage_open(&plain);
    struct core_verdict verdict;
    uint64_t attempt;
    int64_t probe_us;
    char key;

    (void)state;
    submit(&stage, 1, 'a');
    answer(&stage, grant(&stage, &key));
    submit(&stage, 2, 'b');
    attempt = grant_in_time(&stage, &key);
    for (uint64_t id = 3; id <= 9; id++)
        submit(&stage, id, 'b');
    core_breaker(stage.core, CORE_BREAKER_OPEN, stage.now_us + 30 * T, stage.now_us);
    verdict = submit(&stage, 10, 'c');
    assert_int_equal(verdict.reason, REASON_WAITERS_FULL);
    assert_in_range(verdict.retry_after_us, 30 * T, 30 * T + 20 * MS);
    answer(&stage, attempt);
    stage.now_us += 30 * T;
    core_breaker(stage.core, CORE_BREAKER_HALF_OPEN, 0, stage.now_us);
    probe_us = submit(&stage, 11, 'd').eta_us;
    assert_in_range(probe_us, 10 * MS, 20 * MS);
    assert_in_range(submit(&stage, 12, 'e').eta_us - probe_us, T + 10 * MS,
                    T + 30 * MS); /* it awaits its answer */
    core_free(stage.core);
}

/* Nobody is refused for a time in which there was no fetcher, or no scheduler, once there is one again. */
static void an_absence_is_not_expected_to_come_again(void **state)
{
    static const struct scene quick = {"quick", LIMITER_STRICT, 1, 10 * MS, 0, 60, 0};
    struct core_view before, after;
    struct play play;

    (void)state;
    play_open(&play, &quick);
    warm_up(&play);
    core_look(play.stage.core, play.stage.now_us, &before);
    for (unsigned i = 0; i < 20; i++)
        submit_as(&play.stage, i, (char)i, 10, PATIENT, false);
    for (unsigned i = 0; i < 3; i++) {
        run_until(&play, play.stage.now_us + 2 * T);
        core_fetcher_lost(play.stage.core, play.stage.now_us);
        run_until(&play, play.stage.now_us + 30 * T);
        core_fetcher_ready(play.stage.core, PENDING, 0, 0, play.stage.now_us);
        run_until(&play, play.stage.now_us + 2 * T);
        play.stage.now_us += 30 * T;
        core_was_away(play.stage.core);
    }
    run_until(&play, play.stage.now_us + T);
    core_look(play.stage.core, play.stage.now_us, &after);
    assert_in_range(after.interval_us, before.interval_us - 10 * MS, before.interval_us + 10 * MS);
    core_free(play.stage.core);
}

/* Sharing a call that is about to be sent anyway can be too late, too; and leaves no trace then. */
/* Slow answers have made the forecast longer than anybody's patience. If nobody were let in, nobody would
 * learn that the provider has become quick again. */
static void somebody_always_tries(void **state)
{
    static const struct scene slow = {"slow", LIMITER_STRICT, 1, 5 * T, 0, 20, 0};
    struct core_verdict verdict;
    struct play play;

    (void)state;
    play_open(&play, &slow);
    warm_up(&play);
    run_until(&play, play.stage.now_us + 10 * T);
    verdict = submit_as(&play.stage, 1, 'a', 10, 4 * T, false); /* it has never been so quick */
    assert_int_equal(verdict.reason, REASON_DEADLINE_UNMEETABLE);
    play.stage.now_us += 10 * T;
    assert_int_equal(submit_as(&play.stage, 2, 'a', 10, 4 * T, false).answer, CORE_QUEUED);
    verdict = submit_as(&play.stage, 3, 'b', 10, 4 * T, false); /* one is enough */
    assert_int_equal(verdict.reason, REASON_DEADLINE_UNMEETABLE);
    core_free(play.stage.core);
}

static void who_joins_is_judged_by_its_new_place(void **state)
{
    struct core_config config = plain;
    struct stage stage;
    struct core_view view;

    (void)state;
    config.policy = &queue_policy_priority;
    stage = stage_open(&config);
    submit_as(&stage, 1, 'a', 10, 60 * T, false);
    submit_as(&stage, 2, 'b', 10, 60 * T, false);
    submit_as(&stage, 3, 'c', 10, 60 * T, false);
    assert_int_equal(submit_as(&stage, 4, 'c', 10, T, false).reason, REASON_DEADLINE_UNMEETABLE);
    assert_int_equal(submit_as(&stage, 5, 'c', 0, T, false).position, 1);
    core_look(stage.core, stage.now_us, &view);
    assert_int_equal(view.waiters, 4);
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_comes_true),
        cmocka_unit_test(a_refusal_tells_when_to_come_again),
        cmocka_unit_test(a_hold_is_told_to_its_end),
        cmocka_unit_test(a_stall_is_expected_to_go_on),
        cmocka_unit_test(the_breaker_is_part_of_the_schedule),
        cmocka_unit_test(an_absence_is_not_expected_to_come_again),
        cmocka_unit_test(somebody_always_tries),
        cmocka_unit_test(who_joins_is_judged_by_its_new_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
