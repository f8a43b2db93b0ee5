/* wish_test.c - what clients may wish of the cache, how it is read, and what they get. */
#include "gateway/wish.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S   1000000LL
#define NOW (1700000000LL * S)

static struct http_request request_of(const char *one, const char *value, const char *other,
                                      const char *other_value)
{
    struct http_request request = {.method = HTTP_GET};

    request.fields[request.field_count++] =
        (struct http_field){.name = text_of("Cache-Controls"), .value = text_of("no-cache")};
    if (one)
        request.fields[request.field_count++] =
            (struct http_field){.name = text_of(one), .value = text_of(value)};
    if (other)
        request.fields[request.field_count++] =
            (struct http_field){.name = text_of(other), .value = text_of(other_value)};
    return request;
}

/* Read under `honour`; ages in seconds. */
static const struct {
    const char *name, *value, *other, *other_value;
    int64_t max_age, min_fresh;
    bool no_cache, no_store, only_if_cached;
} readings[] = {
    {NULL, NULL, NULL, NULL, -1, 0, false, false, false},
    {"Cache-Control", "no-cache", NULL, NULL, -1, 0, true, false, false},
    {"cache-control", "No-Cache, NO-STORE", NULL, NULL, -1, 0, true, true, false},
    {"Cache-Control", "only-if-cached", NULL, NULL, -1, 0, false, false, true},
    {"Cache-Control", "max-age=30", NULL, NULL, 30, 0, false, false, false},
    {"Cache-Control", "max-age=\"30\"", NULL, NULL, 30, 0, false, false, false},
    {"Cache-Control", "max-age=0", NULL, NULL, 0, 0, false, false, false},
    {"Cache-Control", "max-age=30, max-age=7", NULL, NULL, 7, 0, false, false, false},
    {"Cache-Control", "max-age=30", "Cache-Control", "max-age=40, min-fresh=5", 30, 5, false, false, false},
    {"Cache-Control", "min-fresh=3,min-fresh=9", NULL, NULL, -1, 9, false, false, false},
    {"Cache-Control", "max-age=soon, min-fresh, max-age", NULL, NULL, -1, 0, false, false, false},
    {"Cache-Control", "max-age=-1, min-fresh=", NULL, NULL, -1, 0, false, false, false},
    {"Cache-Control", "max-age=99999999999999999999", NULL, NULL, 2147483648, 0, false, false, false},
    {"Cache-Control", " , ,max-stale, no-transform, no-cachet", NULL, NULL, -1, 0, false, false, false},
    {"Cache-Control", "", NULL, NULL, -1, 0, false, false, false},
    {"Pragma", "no-cache", NULL, NULL, -1, 0, true, false, false},
    {"pragma", "NO-CACHE", NULL, NULL, -1, 0, true, false, false},
    {"Pragma", "no-store", NULL, NULL, -1, 0, false, false, false},
    {"Pragma", "no-cache", "Cache-Control", "max-age=9", 9, 0, false, false, false}, /* says it better */
};

static void every_reading_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        struct http_request request =
            request_of(readings[i].name, readings[i].value, readings[i].other, readings[i].other_value);
        struct wish wish;

        print_message("  %s\n", readings[i].value ? readings[i].value : "nothing");
        wish_read(&request, WISH_HONOUR, &wish);
        assert_int_equal(wish.max_age_us, readings[i].max_age < 0 ? -1 : readings[i].max_age * S);
        assert_int_equal(wish.min_fresh_us, readings[i].min_fresh * S);
        assert_int_equal(wish.no_cache, readings[i].no_cache);
        assert_int_equal(wish.no_store, readings[i].no_store);
        assert_int_equal(wish.only_if_cached, readings[i].only_if_cached);
        wish_read(&request, WISH_CAP, &wish);
        assert_int_equal(wish.no_cache, readings[i].no_cache);
        assert_false(wish.no_store);
        wish_read(&request, WISH_IGNORE, &wish);
        assert_int_equal(wish.max_age_us, -1);
        assert_false(wish.no_cache || wish.no_store || wish.only_if_cached || wish.min_fresh_us);
    }
}

/* What the cache has: times in seconds from now. Under cap, what came less than 5 s ago is good enough. */
enum thing { NOTHING, NEW, OLD, STALE, DEAD };
static const struct answer things[] = {
    [NEW] = {.made_wall_us = NOW - 2 * S,
             .stored_wall_us = NOW - 2 * S,
             .fresh_wall_us = NOW + 58 * S,
             .stale_wall_us = NOW + 600 * S},
    [OLD] = {.made_wall_us = NOW - 30 * S,
             .stored_wall_us = NOW - 20 * S,
             .fresh_wall_us = NOW + 40 * S,
             .stale_wall_us = NOW + 600 * S},
    [STALE] = {.made_wall_us = NOW - 90 * S,
               .stored_wall_us = NOW - 90 * S,
               .fresh_wall_us = NOW - 30 * S,
               .stale_wall_us = NOW + 600 * S},
    [DEAD] = {.made_wall_us = NOW - 90 * S,
              .stored_wall_us = NOW - 90 * S,
              .fresh_wall_us = NOW - 30 * S,
              .stale_wall_us = NOW - 1},
};

enum memory { NONE, PAUSES, DUE, PAST };
static const struct failure memories[] = {
    [PAUSES] = {.failed_wall_us = NOW - S, .until_wall_us = NOW + S, .past_wall_us = NOW + 3 * S, .count = 1},
    [DUE] = {.failed_wall_us = NOW - 11 * S,
             .until_wall_us = NOW - S,
             .past_wall_us = NOW + 9 * S,
             .count = 1},
    [PAST] = {.failed_wall_us = NOW - 100 * S,
              .until_wall_us = NOW - 90 * S,
              .past_wall_us = NOW - 80 * S,
              .count = 1},
};

static const struct {
    const char *name, *wish;
    enum thing thing;
    enum memory memory;
    enum wish_verdict cap, honour, ignore;
} rows[] = {
    {"nothing there", "", NOTHING, NONE, WISH_ASK, WISH_ASK, WISH_ASK},
    {"a fresh one", "", OLD, NONE, WISH_FRESH, WISH_FRESH, WISH_FRESH},
    {"fresh, though a call for it has failed", "", OLD, PAUSES, WISH_FRESH, WISH_FRESH, WISH_FRESH},
    {"a stale one", "", STALE, NONE, WISH_ASK, WISH_ASK, WISH_ASK},
    {"a dead one", "", DEAD, NONE, WISH_ASK, WISH_ASK, WISH_ASK},
    {"a dead one is not served, whatever failed", "", DEAD, PAUSES, WISH_ASK, WISH_ASK, WISH_ASK},
    {"stale, within the pause", "", STALE, PAUSES, WISH_STALE, WISH_STALE, WISH_STALE},
    {"stale, after it", "", STALE, DUE, WISH_STALE_RENEW, WISH_STALE_RENEW, WISH_STALE_RENEW},
    {"stale, long after it", "", STALE, PAST, WISH_ASK, WISH_ASK, WISH_ASK},

    {"no-cache", "no-cache", OLD, NONE, WISH_ASK_ANEW, WISH_ASK_ANEW, WISH_FRESH},
    {"no-cache of a new one", "no-cache", NEW, NONE, WISH_FRESH, WISH_ASK_ANEW, WISH_FRESH},
    {"no-cache with nothing there", "no-cache", NOTHING, NONE, WISH_ASK, WISH_ASK, WISH_ASK},
    {"no-cache of a stale one", "no-cache", STALE, NONE, WISH_ASK, WISH_ASK_ANEW, WISH_ASK},
    {"no-cache, and a call has just failed", "no-cache", OLD, PAUSES, WISH_FRESH, WISH_ASK_ANEW, WISH_FRESH},
    {"no-cache, and one is due", "no-cache", OLD, DUE, WISH_ASK_ANEW, WISH_ASK_ANEW, WISH_FRESH},
    {"no-cache, stale, just failed", "no-cache", STALE, PAUSES, WISH_STALE, WISH_ASK_ANEW, WISH_STALE},

    {"max-age met", "max-age=30", OLD, NONE, WISH_FRESH, WISH_FRESH, WISH_FRESH},
    {"max-age counts from when it was made", "max-age=29", OLD, NONE, WISH_ASK_ANEW, WISH_ASK_ANEW,
     WISH_FRESH},
    {"max-age=0", "max-age=0", OLD, NONE, WISH_ASK_ANEW, WISH_ASK_ANEW, WISH_FRESH},
    {"max-age=0 of a new one", "max-age=0", NEW, NONE, WISH_FRESH, WISH_ASK_ANEW, WISH_FRESH},
    {"max-age=1, stale, just failed", "max-age=1", STALE, PAUSES, WISH_STALE, WISH_ASK_ANEW, WISH_STALE},
    {"min-fresh met", "min-fresh=40", OLD, NONE, WISH_FRESH, WISH_FRESH, WISH_FRESH},
    {"min-fresh missed", "min-fresh=41", OLD, NONE, WISH_ASK_ANEW, WISH_ASK_ANEW, WISH_FRESH},
    {"min-fresh beyond every TTL, of a new one", "min-fresh=999", NEW, NONE, WISH_FRESH, WISH_ASK_ANEW,
     WISH_FRESH},
    {"min-fresh, stale, just failed", "min-fresh=1", STALE, PAUSES, WISH_STALE, WISH_ASK_ANEW, WISH_STALE},
    {"no-store may be answered from the cache", "no-store", OLD, NONE, WISH_FRESH, WISH_FRESH, WISH_FRESH},

    {"only-if-cached, and it is", "only-if-cached", OLD, NONE, WISH_FRESH, WISH_FRESH, WISH_FRESH},
    {"and it is not", "only-if-cached", NOTHING, NONE, WISH_REFUSE, WISH_REFUSE, WISH_ASK},
    {"stale is not what was meant", "only-if-cached", STALE, NONE, WISH_REFUSE, WISH_REFUSE, WISH_ASK},
    {"nor after a failure", "only-if-cached", STALE, PAUSES, WISH_REFUSE, WISH_REFUSE, WISH_STALE},
    {"too old", "only-if-cached, max-age=9", OLD, NONE, WISH_REFUSE, WISH_REFUSE, WISH_FRESH},
};

static void every_row_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum wish_verdict wants[] = {
            [WISH_CAP] = rows[i].cap, [WISH_HONOUR] = rows[i].honour, [WISH_IGNORE] = rows[i].ignore};
        struct http_request request = request_of("Cache-Control", rows[i].wish, NULL, NULL);
        const struct answer *found = rows[i].thing == NOTHING ? NULL : &things[rows[i].thing];
        const struct failure *failure = rows[i].memory == NONE ? NULL : &memories[rows[i].memory];

        print_message("  %s\n", rows[i].name);
        for (int policy = WISH_CAP; policy <= WISH_IGNORE; policy++) {
            struct wish_rules rules = {.policy = (enum wish_policy)policy, .min_age_us = 5 * S};
            struct wish wish;

            wish_read(&request, rules.policy, &wish);
            assert_int_equal(wish_judge(&rules, &wish, found, failure, NOW), wants[policy]);
        }
    }
}

static void the_bound_of_cap(void **state)
{
    struct wish_rules rules = {.policy = WISH_CAP, .min_age_us = 20 * S};
    struct wish wish = {.max_age_us = -1, .no_cache = true};
    struct answer back = things[OLD];

    (void)state;
    assert_int_equal(wish_judge(&rules, &wish, &things[OLD], NULL, NOW - 1), WISH_FRESH);
    assert_int_equal(wish_judge(&rules, &wish, &things[OLD], NULL, NOW), WISH_ASK_ANEW);
    rules.min_age_us = 0; /* cap is honour, then */
    assert_int_equal(wish_judge(&rules, &wish, &things[NEW], NULL, NOW), WISH_ASK_ANEW);
    rules.min_age_us = 20 * S;
    back.stored_wall_us = NOW + S; /* the clock has been set back: its age is unknown */
    assert_int_equal(wish_judge(&rules, &wish, &back, NULL, NOW), WISH_ASK_ANEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reading_holds),
        cmocka_unit_test(every_row_holds),
        cmocka_unit_test(the_bound_of_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
