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
 *   a1 / r1    attempt 1 asks: it is admitted / refused        w1    attempt 1 is written
 *   t          a tick                                          c h o the state now is closed, half-open, open
 *   T60 R      an operator trips it for 60 s, resets it
 *   =2         so many failures in a row are counted           @30   a probe may pass at that time */
static const struct {
    const char *name, *story;
} stories[] = {
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
};

static const struct breaker_config config = {
    .fail_max = 3, .reset_us = 30 * 1000000LL, .lease_us = 11 * 1000000LL};

static void act(struct breaker *breaker, const char *word, int64_t *now_us)
{
    int64_t number = strtoll(word + (word[0] != '\0'), NULL, 10);
    uint64_t attempt = (uint64_t)number;

    switch (word[0]) {
    case 'F':
        breaker_ended(breaker, attempt, BREAKER_FAILURE, REASON_UPSTREAM_TIMEOUT, *now_us);
        break;
    case 'T':
        breaker_trip(breaker, number * 1000000, *now_us);
        break;
    case 'R':
        breaker_reset(breaker);
        break;
    case 'S':
        breaker_ended(breaker, attempt, BREAKER_SUCCESS, REASON_NONE, *now_us);
        break;
    case 'N':
        breaker_ended(breaker, attempt, BREAKER_NEUTRAL, REASON_NONE, *now_us);
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

static void every_story_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        char words[256], *rest = words, *word;
        struct breaker breaker;
        int64_t now_us = 0;

        print_message("  %s\n", stories[i].name);
        snprintf(words, sizeof(words), "%s", stories[i].story);
        breaker_init(&breaker, &config);
        while ((word = strtok_r(rest, " ", &rest)))
            act(&breaker, word, &now_us);
    }
}

static void an_outage_counts_once(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, &config);
    for (uint64_t attempt = 1; attempt <= 3; attempt++)
        breaker_ended(&breaker, attempt, BREAKER_FAILURE, REASON_UPSTREAM_ERROR, 0);
    assert_int_equal(breaker.last_reason, REASON_UPSTREAM_ERROR);
    assert_true(breaker_admit(&breaker, 4, 30000000));
    breaker_ended(&breaker, 4, BREAKER_FAILURE, REASON_UPSTREAM_UNREACHABLE, 30000000);
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
