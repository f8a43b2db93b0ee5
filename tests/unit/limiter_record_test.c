/* limiter_record_test.c - what survives a restart, and when it is believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/limiter_record.h"

#define MS       1000LL
#define T        (1000 * MS)
#define HOUR     (3600 * T)
#define SIX_DAYS ((INT64_C(1) << 39) - 1)
#define NOW      (5000000 * T)
#define WALL     (1700000000 * T)

static struct limiter_record example(void)
{
    return (struct limiter_record){.sequence = 77,
                                   .boot = 0xb0070001,
                                   .settings = 4711,
                                   .now_us = NOW,
                                   .wall_us = WALL,
                                   .core = {.limiter = {.held = 3,
                                                        .unanswered = 1,
                                                        .bound_us = NOW - 123456,
                                                        .extra_us = 60 * MS,
                                                        .hold_us = NOW + 30 * T,
                                                        .doubt_ppm = 250000,
                                                        .digest = {.count = 1600,
                                                                   .least_us = 60 * MS,
                                                                   .tenth_least_us = 61 * MS,
                                                                   .tenth_most_us = 90 * MS,
                                                                   .most_us = 99 * MS}},
                                            .policy = &queue_policy_priority,
                                            .window_us = T,
                                            .paused = true}};
}

static void what_is_read_is_what_was_written(void **state)
{
    struct limiter_record written = example(), read;
    uint8_t bytes[LIMITER_RECORD_BYTES];

    (void)state;
    limiter_record_encode(&written, "score", bytes);
    assert_int_equal(limiter_record_decode(bytes, "score", &read), 0);
    assert_true(core_memory_equal(&written.core, &read.core));
    assert_int_equal(read.sequence, written.sequence);
    assert_int_equal(read.boot, written.boot);
    assert_int_equal(read.settings, written.settings);
    assert_int_equal(read.now_us, NOW);
    assert_int_equal(read.wall_us, WALL);
    assert_int_equal(limiter_record_decode(bytes, "other", &read), -EBADMSG);
}

/* What does not fit is rounded to where it makes nobody send earlier. */
static void what_does_not_fit_errs_on_the_safe_side(void **state)
{
    static const struct {
        const char *what;
        int64_t doubt_ppm, doubt_read_ppm, most_us;
        uint32_t count, count_read;
    } cases[] = {
        {"nothing known", 0, 0, 0, 0, 0},
        {"doubt goes up", 1, 100, 99 * MS, 1600, 1600},
        {"full doubt", 1000000, 1000000, 99 * MS, 1600, 1600},
        {"fewer samples", 0, 0, 99 * MS, 1615, 1600},
        {"too few for a step", 0, 0, 99 * MS, 15, 0},
        {"more samples than are told", 0, 0, 99 * MS, 6000, 4080},
        {"a round trip that is too long", 0, 0, 17 * T, 1600, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct limiter_record record = example();
        struct limiter_memory *limiter = &record.core.limiter;
        uint8_t bytes[LIMITER_RECORD_BYTES];

        limiter->doubt_ppm = cases[i].doubt_ppm;
        limiter->digest.count = cases[i].count;
        limiter->digest.most_us = cases[i].most_us;
        if (cases[i].count == 0)
            limiter->digest = (struct roundtrip_digest){.count = 0};
        limiter_record_encode(&record, "score", bytes);
        assert_int_equal(limiter_record_decode(bytes, "score", &record), 0);
        assert_int_equal(limiter->doubt_ppm, cases[i].doubt_read_ppm);
        assert_int_equal(limiter->digest.count, cases[i].count_read);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    struct limiter_record record = example();
    uint8_t bytes[LIMITER_RECORD_BYTES];

    (void)state;
    limiter_record_encode(&record, "score", bytes);
    for (unsigned bit = 0; bit < 8 * LIMITER_RECORD_BYTES; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(limiter_record_decode(bytes, "score", &record), -EBADMSG);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(limiter_record_decode(bytes, "score", &record), 0);
}

/* Wherever the writer was stopped, the older record or the newer is found, never a mixture. */
static void a_torn_record_leaves_the_older_one(void **state)
{
    uint8_t pair[LIMITER_PAIR_BYTES], newer[LIMITER_RECORD_BYTES], older[LIMITER_RECORD_BYTES];
    struct limiter_record record = example();
    unsigned index;

    (void)state;
    limiter_record_encode(&record, "score", pair);
    record.sequence = 76;
    limiter_record_encode(&record, "score", older);
    record.sequence = 78;
    record.now_us += T;
    limiter_record_encode(&record, "score", newer);
    for (size_t bytes = 0; bytes <= LIMITER_RECORD_BYTES; bytes++) {
        memcpy(pair + LIMITER_RECORD_BYTES, older, LIMITER_RECORD_BYTES);
        memcpy(pair + LIMITER_RECORD_BYTES, newer, bytes);
        assert_int_equal(limiter_record_choose(pair, "score", &record, &index), 0);
        assert_int_equal(record.sequence, index ? 78 : 77);
        assert_int_equal(record.now_us, index ? NOW + T : NOW);
        assert_true(bytes != LIMITER_RECORD_BYTES || index == 1);
    }
}

static void without_a_good_record_nothing_is_known(void **state)
{
    uint8_t pair[LIMITER_PAIR_BYTES] = {0};
    struct limiter_record record = example();
    unsigned index;

    (void)state;
    assert_int_equal(limiter_record_choose(pair, "score", &record, &index), -EBADMSG);
    record = example();
    limiter_record_encode(&record, "score", pair + LIMITER_RECORD_BYTES);
    assert_int_equal(limiter_record_choose(pair, "score", &record, &index), 0);
    assert_int_equal(index, 1);
    pair[LIMITER_RECORD_BYTES + 40] ^= 1;
    assert_int_equal(limiter_record_choose(pair, "score", &record, &index), -EBADMSG);
}

/* A right sum over what no scheduler writes. */
static void impossible_contents_are_refused(void **state)
{
    struct limiter_record good = example(), bad[6], read;
    uint8_t bytes[LIMITER_RECORD_BYTES];

    (void)state;
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].core.limiter.held = LIMITER_BURST_MAX + 1;
    bad[1].core.limiter.doubt_ppm = 1000001;
    bad[2].core.policy = NULL;
    bad[3].core.window_us = 0;
    bad[4].core.limiter.digest.least_us = 62 * MS;
    bad[5].core.limiter.digest.tenth_most_us = 100 * MS;
    for (size_t i = 0; i < 6; i++) {
        limiter_record_encode(&bad[i], "score", bytes);
        assert_int_equal(limiter_record_decode(bytes, "score", &read), -EBADMSG);
    }
}

static const struct limiter_present present = {.boot = 0xb0070001,
                                               .settings = 4711,
                                               .now_us = NOW + T,
                                               .wall_us = WALL + T,
                                               .burst = 4,
                                               .ahead_us = 53 * MS,
                                               .hold_max_us = 300 * T};

/* Each line: how the present, or the record, differs from what is usual; and what becomes of it. Held 4 is
 * all of them, as if sent just now. */
static void a_record_is_judged(void **state)
{
    static const struct {
        const char *what;
        int64_t boot, settings, now_us, wall_us, bound_us, hold_us;
        enum limiter_past past;
        unsigned held, unanswered;
        int64_t at_us, hold_left_us;
    } cases[] = {
        {"a second later", 0, 0, 0, 0, 0, 0, LIMITER_PAST_KNOWN, 3, 1, -T - 123456, 29 * T},
        {"the wall clock an hour ahead", 0, 0, 0, HOUR, 0, 0, LIMITER_PAST_KNOWN, 3, 1, -T - 123456, 29 * T},
        {"the wall clock an hour back", 0, 0, 0, -HOUR, 0, 0, LIMITER_PAST_KNOWN, 3, 1, -T - 123456, 29 * T},
        {"a grant not sent yet", 0, 0, -T, 0, 123456 + 53 * MS, 0, LIMITER_PAST_KNOWN, 3, 1, 53 * MS, 30 * T},
        {"a send later than may be", 0, 0, -T, 0, 123457 + 53 * MS, 0, LIMITER_PAST_IMPLAUSIBLE, 0, 0, 0, 0},
        {"from the future", 0, 0, -T - 1, 0, 0, 0, LIMITER_PAST_IMPLAUSIBLE, 0, 0, 0, 0},
        {"the longest hold", 0, 0, -T, 0, 0, 273 * T, LIMITER_PAST_KNOWN, 3, 1, -123456, 303 * T},
        {"a hold beyond its cap", 0, 0, -T, 0, 0, 274 * T, LIMITER_PAST_IMPLAUSIBLE, 0, 0, 0, 0},
        {"another configuration", 0, 1, 0, 0, 0, 0, LIMITER_PAST_RECONFIGURED, 4, 1, 0, 29 * T},
        {"another boot", 1, 0, -NOW, 9 * T, 0, 0, LIMITER_PAST_REBOOTED, 4, 0, 0, 20 * T},
        {"another boot, long after", 1, 0, -NOW, HOUR, 0, 0, LIMITER_PAST_REBOOTED, 4, 0, 0, 0},
        {"another boot, clock back", 1, 0, -NOW, -HOUR, 0, 0, LIMITER_PAST_REBOOTED, 4, 0, 0, 30 * T},
        {"another boot, and configuration", 1, 1, -NOW, HOUR, 0, 0, LIMITER_PAST_REBOOTED, 4, 0, 0, 0},
        {"another boot, a hold beyond its cap", 1, 0, -NOW, 0, 0, HOUR, LIMITER_PAST_IMPLAUSIBLE, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct limiter_record record = example();
        struct limiter_present now = present;
        struct limiter_memory *limiter = &record.core.limiter;
        enum limiter_past past;

        now.boot += (uint32_t)cases[i].boot;
        now.settings = (uint16_t)(now.settings + cases[i].settings);
        now.now_us += cases[i].now_us;
        now.wall_us += cases[i].wall_us;
        limiter->bound_us += cases[i].bound_us;
        limiter->hold_us += cases[i].hold_us;
        past = limiter_record_judge(&record, &now);
        if (past != cases[i].past)
            fail_msg("%s: %s", cases[i].what, limiter_past_name(past));
        if (past == LIMITER_PAST_IMPLAUSIBLE)
            continue;
        if (limiter->held != cases[i].held || limiter->bound_us - now.now_us != cases[i].at_us)
            fail_msg("%s: %u held at %lld", cases[i].what, limiter->held,
                     (long long)(limiter->bound_us - now.now_us));
        assert_int_equal(limiter->unanswered, cases[i].unanswered);
        assert_int_equal(limiter->hold_us ? limiter->hold_us - now.now_us : 0, cases[i].hold_left_us);
    }
}

static void settings_differ_when_one_of_them_does(void **state)
{
    uint16_t usual = limiter_record_settings(T, 1, "fifo");

    (void)state;
    assert_int_equal(limiter_record_settings(T, 1, "fifo"), usual);
    assert_int_not_equal(limiter_record_settings(2 * T, 1, "fifo"), usual);
    assert_int_not_equal(limiter_record_settings(T, 2, "fifo"), usual);
    assert_int_not_equal(limiter_record_settings(T, 1, "priority"), usual);
}

static void each_judgement_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(limiter_past_name(LIMITER_PAST_KNOWN), "known");
    assert_string_equal(limiter_past_name(LIMITER_PAST_UNKNOWN), "unknown");
}

/* What is kept in steps is never told shorter than it is; a wall stamp never earlier, for what has gone since
 * shortens the hold. */
static void what_is_kept_in_steps_is_rounded_up(void **state)
{
    struct limiter_record record = example();
    uint8_t bytes[LIMITER_RECORD_BYTES];

    (void)state;
    record.wall_us = WALL + 1;
    record.core.limiter.extra_us = 60 * MS + 1;
    limiter_record_encode(&record, "score", bytes);
    assert_int_equal(limiter_record_decode(bytes, "score", &record), 0);
    assert_int_equal(record.wall_us, WALL + T);
    assert_int_equal(record.core.limiter.extra_us, 66 * MS);
    record.core.limiter.extra_us = 24 * HOUR;
    limiter_record_encode(&record, "score", bytes);
    assert_int_equal(limiter_record_decode(bytes, "score", &record), 0);
    assert_int_equal(record.core.limiter.extra_us, 24 * HOUR);
}

/* Times farther off than five bytes can tell; and no hold after a reboot. */
static void times_too_far_off_are_cut(void **state)
{
    static const int64_t far_us = INT64_C(1) << 60;
    struct limiter_record record = example();
    struct limiter_memory *limiter = &record.core.limiter;
    struct limiter_present now = present;
    uint8_t bytes[LIMITER_RECORD_BYTES];

    (void)state;
    limiter->bound_us = record.now_us + far_us;
    limiter_record_encode(&record, "score", bytes);
    assert_int_equal(limiter_record_decode(bytes, "score", &record), 0);
    assert_int_equal(limiter->bound_us - record.now_us, SIX_DAYS);
    limiter->bound_us = record.now_us - far_us;
    limiter_record_encode(&record, "score", bytes);
    assert_int_equal(limiter_record_decode(bytes, "score", &record), 0);
    assert_int_equal(record.now_us - limiter->bound_us, SIX_DAYS);
    limiter->hold_us = 0;
    now.boot++;
    assert_int_equal(limiter_record_judge(&record, &now), LIMITER_PAST_REBOOTED);
    assert_int_equal(limiter->hold_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_was_written),
        cmocka_unit_test(what_does_not_fit_errs_on_the_safe_side),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(a_torn_record_leaves_the_older_one),
        cmocka_unit_test(without_a_good_record_nothing_is_known),
        cmocka_unit_test(impossible_contents_are_refused),
        cmocka_unit_test(a_record_is_judged),
        cmocka_unit_test(settings_differ_when_one_of_them_does),
        cmocka_unit_test(each_judgement_has_a_name),
        cmocka_unit_test(what_is_kept_in_steps_is_rounded_up),
        cmocka_unit_test(times_too_far_off_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
