/* breaker_test.c - every transition of the breaker, each as one line of a story. */
#include "fetcher/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A story is a row of words, each acting at the time reached so far (in seconds):
 *   F1 S1 N1   attempt 1 ends as failure, success, neutral     +30   30 seconds pass
 *   F1/60      the same failure asks to wait for 60 s          p1 q1 attempt 1 is, is not the probe
 *   K          the process is killed, and another goes on
 *   a1 / r1    attempt 1 asks: it is admitted / refused        w1    attempt 1 is written
 *   t          a tick                                          c h o the state now is closed, half-open, open
 *   T60 R      an operator trips it for 60 s, resets it
 *   =2         so many failures in a row are counted           @30   a probe may pass at that time */
struct story {
    const char *name, *story;
};

static const struct story stories[] = {
    {"closed lets everything pass", "c a1 a2 a3 c =0"},
    {"the third failure in a row opens", "F1 F2 c =2 F3 o =3 @30"},
    {"a success in between starts the count anew", "F1 F2 S3 =0 F4 F5 c =2 F6 o"},
    {"a 429 neither counts nor clears", "F1 F2 N3 =2 c F4 o"},
    {"429s never open it", "N1 N2 N3 N4 N5 N6 c =0"},
    {"open refuses, until the time is over", "F1 F2 F3 r4 +29 r5 +1 a6 h"},
    {"refusals move nothing", "F1 F2 F3 r4 r5 r6 r7 =3 o @30"},
    {"one probe, and no second beside it", "F1 F2 F3 +30 a4 h r5 r6"},
    {"the probe's success closes", "F1 F2 F3 +30 a4 w4 S4 c =0 @0 a5"},
    {"closed after a probe, it counts from the start", "F1 F2 F3 +30 a4 S4 F5 F6 c =2 F7 o"},
    {"the probe's failure opens for the whole time again",
     "F1 F2 F3 +31 a4 w4 +2 F4 o =4 @63 r5 +29 r5 +1 a6 h"},
    {"a 429 to the probe decides nothing: another may pass at once",
     "F1 F2 F3 +30 a4 w4 +1 N4 o @31 a5 h S5 c"},
    {"a probe given back unsent lets another pass at once", "F1 F2 F3 +30 a4 N4 o a5 h"},
    {"a probe that vanished unsent: its lease ends", "F1 F2 F3 +30 a4 +10 t h +1 t o @41 a5 h"},
    {"the lease counts from the send", "F1 F2 F3 +30 a4 +9 w4 +10 t h r5 +1 t o a6 h"},
    {"a vanished probe needs no tick", "F1 F2 F3 +30 a4 w4 +11 a5 h"},
    {"a vanished probe that comes late is not listened to", "F1 F2 F3 +30 a4 w4 +11 a5 h F4 h S4 h S5 c"},
    {"late ends of earlier attempts do not move an open breaker", "F1 F2 F3 +5 F4 S5 o =3 @30"},
    {"nor a half-open one", "F1 F2 F3 +30 a9 h F4 h S5 h =3"},
    {"another attempt's send does not prolong the lease", "F1 F2 F3 +30 a4 +9 w5 +2 t o"},
    {"a send while closed is nothing", "w1 c S1 c"},
    {"tripped, it holds whatever comes in", "T60 o @60 r1 S2 F3 o @60 +59 r4 +1 a5 h S5 c"},
    {"tripped while a probe is out", "F1 F2 F3 +30 a4 h T60 o @90 S4 o F4 o @90"},
    {"tripped again, the last word counts", "T60 T5 o @5 T60 @60"},
    {"reset from any state, nothing is remembered",
     "R c F1 F2 R =0 F3 F4 F5 o R c =0 @0 T60 R c a1 T9 +9 a2 h R c"},
    {"a tick while open or closed is nothing", "t c F1 F2 F3 +99 t o @30"},
    {"only the probe is the probe", "q1 F1 F2 F3 q4 +30 q4 a4 p4 q5 S4 q4"},
    {"a failure that asks to wait keeps it open for so long", "F1 F2 F3/60 o @60 +59 r4 +1 a4 h"},
    {"a shorter wait changes nothing", "F1 F2 F3/5 o @30"},
    {"only a failure that opens is asked", "F1/60 F2/60 F3 o @30"},
    {"a probe's failure may ask too", "F1 F2 F3 +30 a4 w4 F4/90 o @120"},
    {"what it asks is believed up to a bound", "F1 F2 F3/4000 o @300"},
    {"nobody trips it for more than a day", "T90000 o @86400"},
    {"killed while open: it stays open for the rest", "F1 F2 F3 +10 K o =3 @30 r4 +20 a4 h S4 c"},
    {"killed while half-open: another may pass at once", "F1 F2 F3 +30 a4 h K o @30 a5 h S5 c"},
    {"killed while closed: failures go on counting", "F1 F2 K c =2 F3 o"},
    {"killed when its time was over already", "F1 F2 F3 +99 K o @99 a4 h"},
    {"tripped, killed", "T60 +5 K o @60 R K c =0"},
};

static const struct breaker_config config = {.fail_max = 3,
                                             .reset_us = 30 * 1000000LL,
                                             .reset_factor = 1,
                                             .hold_max_us = 300 * 1000000LL,
                                             .lease_us = 11 * 1000000LL};

/* Each pause after a failed probe twice as long, up to 100 s. */
static const struct story longer_stories[] = {
    {"longer with each failed probe, up to a bound",
     "F1 F2 F3 @30 +30 a4 F4 @90 +60 a5 F5 @190 +100 a6 F6 @290"},
    {"a success starts it anew", "F1 F2 F3 +30 a4 F4 @90 +60 a5 S5 c F6 F7 F8 @120"},
    {"a probe that decides nothing lengthens nothing", "F1 F2 F3 +30 a4 N4 a5 F5 @90"},
    {"a reset starts it anew", "F1 F2 F3 +30 a4 F4 R F5 F6 F7 @60"},
    {"killed, it goes on from there", "F1 F2 F3 +30 a4 F4 @90 K @90 +60 a5 F5 @190"},
};

/* A failure in a row of 3, or half of the latest 4. */
static const struct story share_stories[] = {
    {"half of the latest four opens", "F1 S2 S3 c F4 o"},
    {"not before so many have ended", "F1 S2 F3 c S4 c F5 o"},
    {"what is older does not count", "F1 S2 S3 S4 S5 S6 c F7 c S8 F9 o"},
    {"what decides nothing is no call", "F1 N2 N3 N4 c S5 S6 c F7 o"},
    {"three in a row open it before", "F1 F2 F3 o"},
    {"closed again, it counts from the start", "F1 S2 S3 F4 o +30 a5 S5 c F6 S7 S8 c S9 c F10 c F11 o"},
};

static void restart(struct breaker *breaker, int64_t now_us)
{
    struct breaker_config same = breaker->config;
    struct breaker_memory memory;

    breaker_remember(breaker, &memory);
    breaker_init(breaker, &same);
    breaker_restore(breaker, &memory, now_us);
}

static void act(struct breaker *breaker, const char *word, int64_t *now_us)
{
    char *rest = "";
    int64_t number = word[1] ? strtoll(word + 1, &rest, 10) : 0;
    int64_t hold_us = *rest == '/' ? strtoll(rest + 1, NULL, 10) * 1000000 : 0;
    uint64_t attempt = (uint64_t)number;

    switch (word[0]) {
    case 'F':
        breaker_ended(breaker, attempt, BREAKER_FAILURE, REASON_UPSTREAM_TIMEOUT, hold_us, *now_us);
        break;
    case 'K':
        restart(breaker, *now_us);
        break;
    case 'p':
    case 'q':
        assert_int_equal(breaker_is_probe(breaker, attempt), word[0] == 'p');
        break;
    case 'T':
        breaker_trip(breaker, number * 1000000, *now_us);
        break;
    case 'R':
        breaker_reset(breaker);
        break;
    case 'S':
        breaker_ended(breaker, attempt, BREAKER_SUCCESS, REASON_NONE, 0, *now_us);
        break;
    case 'N':
        breaker_ended(breaker, attempt, BREAKER_NEUTRAL, REASON_NONE, 0, *now_us);
        break;
    case 'a':
    case 'r':
        assert_int_equal(breaker_admit(breaker, attempt, *now_us), word[0] == 'a');
        break;
    case 'w':
        breaker_sent(breaker, attempt, *now_us);
        break;
    case 't':
        breaker_tick(breaker, *now_us);
        break;
    case '+':
        *now_us += number * 1000000;
        break;
    case 'c':
    case 'h':
    case 'o':
        assert_int_equal(breaker_state_name(breaker->state)[0], word[0]);
        break;
    case '=':
        assert_int_equal(breaker->failures, number);
        break;
    case '@':
        assert_int_equal(breaker->retry_at_us, number * 1000000);
        break;
    default:
        fail_msg("what is '%s'?", word);
    }
}

static void tell(const struct story *some, size_t count, const struct breaker_config *settings)
{
    for (size_t i = 0; i < count; i++) {
        char words[256], *rest = words, *word;
        struct breaker breaker;
        int64_t now_us = 0;

        print_message("  %s\n", some[i].name);
        snprintf(words, sizeof(words), "%s", some[i].story);
        breaker_init(&breaker, settings);
        while ((word = strtok_r(rest, " ", &rest)))
            act(&breaker, word, &now_us);
    }
}

static void every_story_holds(void **state)
{
    struct breaker_config longer = config, share = config;

    (void)state;
    longer.reset_factor = 2;
    longer.reset_max_us = 100 * 1000000LL;
    share.fail_percent = 50;
    share.window_calls = 4;
    tell(stories, sizeof(stories) / sizeof(stories[0]), &config);
    tell(longer_stories, sizeof(longer_stories) / sizeof(longer_stories[0]), &longer);
    tell(share_stories, sizeof(share_stories) / sizeof(share_stories[0]), &share);
}

static void an_outage_counts_once(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, &config);
    for (uint64_t attempt = 1; attempt <= 3; attempt++)
        breaker_ended(&breaker, attempt, BREAKER_FAILURE, REASON_UPSTREAM_ERROR, 0, 0);
    assert_int_equal(breaker.last_reason, REASON_UPSTREAM_ERROR);
    assert_true(breaker_admit(&breaker, 4, 30000000));
    breaker_ended(&breaker, 4, BREAKER_FAILURE, REASON_UPSTREAM_UNREACHABLE, 0, 30000000);
    assert_int_equal(breaker.last_reason, REASON_UPSTREAM_UNREACHABLE);
    assert_int_equal(breaker.opened_total, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_holds),
        cmocka_unit_test(an_outage_counts_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
