/* freshness_test.c - what is stored, and for how long, by what the provider and the operator say. */
#include "fetcher/freshness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define S   1000000LL
#define NOW (1700000000LL * S)

/* Policy: 60 s fresh, 3600 s stale, but where the row says otherwise. fresh and stale in seconds after now.
 */
static const struct {
    const char *name;
    unsigned status;
    const char *cache_control, *vary;
    int64_t ttl, stale;
    bool stored;
    int64_t fresh_for, stale_for;
} rows[] = {
    {"the operator's times", 200, "", "", 60, 3600, true, 60, 3660},
    {"a 400 is not stored", 400, "max-age=10", "", 60, 3600, false, 0, 0},
    {"nor a 500", 500, "", "", 60, 3600, false, 0, 0},
    {"nor a 206", 206, "", "", 60, 3600, false, 0, 0},
    {"TTL 0 stores none", 200, "", "", 0, 3600, false, 0, 0},
    {"TTL 0 stores none, whatever is said", 200, "max-age=100", "", 0, 3600, false, 0, 0},
    {"no stale time", 200, "", "", 60, 0, true, 60, 60},
    {"max-age wins", 200, "max-age=5", "", 60, 3600, true, 5, 3605},
    {"also a longer one", 200, "public, max-age=500", "", 60, 3600, true, 500, 4100},
    {"quoted", 200, "max-age=\"5\"", "", 60, 3600, true, 5, 3605},
    {"any case, any blanks", 200, " ,, Public ,\tMAX-AGE = 7 ,", "", 60, 3600, true, 7, 3607},
    {"s-maxage beats max-age, and allows no stale", 200, "s-maxage=9, max-age=5", "", 60, 3600, true, 9, 9},
    {"the shorter of two", 200, "max-age=9, max-age=5, max-age=7", "", 60, 3600, true, 5, 3605},
    {"max-age=0: only instead of an error", 200, "max-age=0", "", 60, 3600, true, 0, 3600},
    {"and not even that", 200, "max-age=0, must-revalidate", "", 60, 3600, false, 0, 0},
    {"garbage means stale now", 200, "max-age=soon", "", 60, 3600, true, 0, 3600},
    {"a negative one too", 200, "max-age=-1", "", 60, 3600, true, 0, 3600},
    {"an endless one is 68 years", 200, "max-age=99999999999999999999", "", 60, 0, true, 2147483648,
     2147483648},
    {"max-age without a value", 200, "max-age", "", 60, 3600, true, 0, 3600},
    {"must-revalidate", 200, "must-revalidate", "", 60, 3600, true, 60, 60},
    {"proxy-revalidate", 200, "Proxy-Revalidate", "", 60, 3600, true, 60, 60},
    {"no-store", 200, "No-Store", "", 60, 3600, false, 0, 0},
    {"no-store beats max-age", 200, "max-age=100, no-store", "", 60, 3600, false, 0, 0},
    {"private", 200, "private", "", 60, 3600, false, 0, 0},
    {"private for some fields: the careful reading", 200, "private=\"Set-Cookie, X\"", "", 60, 3600, false, 0,
     0},
    {"no-cache", 200, "no-cache", "", 60, 3600, false, 0, 0},
    {"a quoted comma separates nothing", 200, "x=\"a, no-store\", max-age=5", "", 60, 3600, true, 5, 3605},
    {"nor an escaped quote", 200, "x=\"a\\\", no-store\", max-age=5", "", 60, 3600, true, 5, 3605},
    {"an open quote swallows the rest", 200, "max-age=5, x=\"a, no-store", "", 60, 3600, true, 5, 3605},
    {"an escape at the end", 200, "max-age=5, x=\"\\", "", 60, 3600, true, 5, 3605},
    {"unknown directives are nothing", 200, "immutable, no-storey, max-ages=3", "", 60, 3600, true, 60, 3660},
    {"Vary by what we always send alike", 200, "", "Accept, Accept-Encoding", 60, 3600, true, 60, 3660},
    {"Vary by anything", 200, "", "Accept, *", 60, 3600, false, 0, 0},
    {"stale-if-error wins over the operator's word", 200, "stale-if-error=30", "", 60, 3600, true, 60, 90},
    {"also a longer one", 200, "max-age=5, stale-if-error=9000", "", 60, 3600, true, 5, 9005},
    {"and where the operator has none", 200, "stale-if-error=30", "", 60, 0, true, 60, 90},
    {"stale-if-error=0 forbids it", 200, "stale-if-error=0", "", 60, 3600, true, 60, 60},
    {"the shorter of two of them", 200, "stale-if-error=9, stale-if-error=4", "", 60, 3600, true, 60, 64},
    {"must-revalidate beats it", 200, "stale-if-error=30, must-revalidate", "", 60, 3600, true, 60, 60},
    {"so does proxy-revalidate", 200, "proxy-revalidate, stale-if-error=30", "", 60, 3600, true, 60, 60},
    {"so does s-maxage", 200, "s-maxage=9, stale-if-error=30", "", 60, 3600, true, 9, 9},
    {"a negative answer: fresh for its own time, never stale", 404, "", "", 60, 3600, true, 10, 10},
    {"whose max-age wins, too", 404, "max-age=3", "", 60, 3600, true, 3, 3},
    {"and stale-if-error does not", 404, "stale-if-error=30", "", 60, 3600, true, 10, 10},
    {"nor when it may not be stored", 404, "no-store", "", 60, 3600, false, 0, 0},
    {"nor when nothing is", 404, "", "", 0, 3600, false, 0, 0},
    {"the first status that could be one", 300, "", "", 60, 3600, true, 10, 10},
    {"and the last", 499, "", "", 60, 3600, true, 10, 10},
    {"beside it", 299, "", "", 60, 3600, false, 0, 0},
    {"and on the other side", 500, "", "", 60, 3600, false, 0, 0},
};

/* 404, and those at the ends of what is possible. */
static struct freshness_policy policy_of(int64_t ttl_s, int64_t stale_s)
{
    struct freshness_policy policy = {.ttl_us = ttl_s * S, .stale_us = stale_s * S, .negative_us = 10 * S};
    struct text bad;

    assert_int_equal(freshness_read_statuses(text_of("300, 404,499"), &policy.negative, &bad), 0);
    return policy;
}

static void every_row_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct freshness_policy policy = policy_of(rows[i].ttl, rows[i].stale);
        struct freshness_moment came = {.wall_us = NOW};
        struct freshness_fields fields = freshness_none();
        struct answer answer = {.status = rows[i].status};

        print_message("  %s\n", rows[i].name);
        freshness_read_cache_control(&fields, text_of(rows[i].cache_control));
        freshness_read_vary(&fields, text_of(rows[i].vary));
        assert_int_equal(freshness_apply(&fields, &policy, &came, &answer), rows[i].stored);
        assert_int_equal(answer.made_wall_us, NOW);
        assert_int_equal(answer.stored_wall_us, NOW);
        assert_int_equal(answer.fresh_wall_us, rows[i].stored ? NOW + rows[i].fresh_for * S : 0);
        assert_int_equal(answer.stale_wall_us, rows[i].stored ? NOW + rows[i].stale_for * S : 0);
    }
}

/* What has passed before it came: Age and Date as the provider says them (seconds before now; NONE: not
 * said), the time since the request, and what follows. Policy: 60 s fresh, 100 s stale. */
#define NONE INT64_MIN
static const struct {
    const char *name, *age, *cache_control;
    int64_t date_ago, expires_in; /* Expires: seconds from now on */
    int64_t took_ms;
    int64_t age_ms; /* when it comes */
    bool stored;
    int64_t fresh_ms, stale_ms; /* from now on */
} ages[] = {
    {"nothing is said", NULL, "max-age=30", NONE, NONE, 0, 0, true, 30000, 130000},
    {"the time since the request counts", NULL, "max-age=30", NONE, NONE, 2500, 2500, true, 27500, 127500},
    {"so does Age, and both add up", "10", "max-age=30", NONE, NONE, 2500, 12500, true, 17500, 117500},
    {"Date alone", NULL, "max-age=30", 7, NONE, 0, 7000, true, 23000, 123000},
    {"the older of the two", "10", "max-age=30", 7, NONE, 500, 10500, true, 19500, 119500},
    {"whichever it is", "5", "max-age=30", 7, NONE, 500, 7000, true, 23000, 123000},
    {"a Date to come is a clock that is ahead", NULL, "max-age=30", -90, NONE, 0, 0, true, 30000, 130000},
    {"Age beyond max-age: good instead of an error only", "50", "max-age=30", NONE, NONE, 0, 50000, true,
     -20000, 80000},
    {"and beyond that it is good for nothing", "200", "max-age=30", NONE, NONE, 0, 200000, false, 0, 0},
    {"s-maxage the same", "5", "s-maxage=30, max-age=90", NONE, NONE, 0, 5000, true, 25000, 25000},
    {"s-maxage that is over", "30", "s-maxage=30", NONE, NONE, 0, 30000, false, 0, 0},
    {"the operator's time counts from its coming", "50", "", 90, NONE, 2000, 90000, true, 60000, 160000},
    {"garbage says nothing", "soon", "max-age=30", NONE, NONE, 0, 0, true, 30000, 130000},
    {"nor does a negative one", "-5", "max-age=30", NONE, NONE, 0, 0, true, 30000, 130000},
    {"an endless one is 68 years", "99999999999999999999", "max-age=30", NONE, NONE, 0, 2147483648000, false,
     0, 0},
    {"one beyond them as well", "2147483649", "", NONE, NONE, 0, 2147483648000, true, 60000, 160000},
    {"a time below zero is none", NULL, "max-age=30", NONE, NONE, -5000, 0, true, 30000, 130000},
    {"made before 1970", "1900000000", "max-age=30, stale-if-error=2147483648", NONE, NONE, 0, 1900000000000,
     true, -1700000000000, 447483648000},
    {"Expires counts from Date", NULL, "", 5, 20, 0, 5000, true, 20000, 120000},
    {"or from now", NULL, "", NONE, 20, 0, 0, true, 20000, 120000},
    {"one in the past", NULL, "", 5, -9, 0, 5000, true, -5000, 95000},
    {"in the past of now", NULL, "", NONE, -9, 0, 0, true, 0, 100000},
    {"max-age beats it", NULL, "max-age=30", NONE, 20, 0, 0, true, 30000, 130000},
};

static void what_has_passed_before_it_came_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct freshness_policy policy = policy_of(60, 100);
        struct freshness_moment came = {.wall_us = NOW, .took_us = ages[i].took_ms * 1000};
        struct freshness_fields fields = freshness_none();
        struct answer answer = {.status = 200};

        print_message("  %s\n", ages[i].name);
        freshness_read_cache_control(&fields, text_of(ages[i].cache_control));
        if (ages[i].age)
            freshness_read_age(&fields, text_of(ages[i].age));
        if (ages[i].date_ago != NONE)
            fields.date_wall_us = NOW - ages[i].date_ago * S;
        if (ages[i].expires_in != NONE)
            fields.expires_wall_us = NOW + ages[i].expires_in * S;
        assert_int_equal(freshness_apply(&fields, &policy, &came, &answer), ages[i].stored);
        assert_int_equal(answer.made_wall_us, NOW - ages[i].age_ms * 1000);
        if (ages[i].stored && NOW + ages[i].fresh_ms * 1000 > 0)
            assert_int_equal(answer.fresh_wall_us, NOW + ages[i].fresh_ms * 1000);
        assert_true(!ages[i].stored || answer.fresh_wall_us > 0); /* 0 would mean that it is not stored */
        assert_true(llabs(answer.stale_wall_us - (ages[i].stored ? NOW + ages[i].stale_ms * 1000 : 0)) <= 1);
    }
}

/* A Date has no fractions, so half a second past a whole one nothing has aged yet. */
static void a_date_is_compared_in_whole_seconds(void **state)
{
    struct freshness_policy policy = policy_of(60, 0);
    struct freshness_moment came = {.wall_us = NOW + S / 2};
    struct freshness_fields fields = freshness_none();
    struct answer answer = {.status = 200};

    (void)state;
    freshness_read_cache_control(&fields, text_of("max-age=1"));
    fields.date_wall_us = NOW;
    assert_true(freshness_apply(&fields, &policy, &came, &answer));
    assert_int_equal(answer.fresh_wall_us, came.wall_us + S);
    freshness_read_age(&fields, text_of("3"));
    freshness_read_age(&fields, text_of("2")); /* said twice, the older counts */
    assert_int_equal(fields.age_us, 3 * S);
}

static const struct {
    const char *list, *bad; /* NULL: good */
} lists[] = {
    {"", NULL},
    {"404", NULL},
    {"404,410", NULL},
    {" 404 ,\t410 ", NULL},
    {"300,499", NULL},
    {"429", "429"},
    {"404,429", "429"},
    {"500", "500"},
    {"404,503", "503"},
    {"304", "304"},
    {"200", "200"},
    {"404,", ""},
    {",", ""},
    {"4o4", "4o4"},
    {"-404", "-404"},
    {"404;410", "404;410"},
    {"99999999999999999999", "99999999999999999999"},
};

static void statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct freshness_statuses read;
        struct text bad = text_of("");
        int rc = freshness_read_statuses(text_of(lists[i].list), &read, &bad);

        print_message("  '%s'\n", lists[i].list);
        assert_int_equal(rc, lists[i].bad ? -EINVAL : 0);
        if (lists[i].bad)
            assert_true(text_equal(bad, lists[i].bad));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_holds),
        cmocka_unit_test(what_has_passed_before_it_came_counts),
        cmocka_unit_test(a_date_is_compared_in_whole_seconds),
        cmocka_unit_test(statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
