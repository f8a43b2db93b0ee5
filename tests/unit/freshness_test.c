/* freshness_test.c - what is stored, and for how long, by what the provider and the operator say. */
#include "fetcher/freshness.h"

#include <setjmp.h>
#include <stdarg.h>

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
};

static void every_row_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct freshness_policy policy = {.ttl_us = rows[i].ttl * S, .stale_us = rows[i].stale * S};
        struct freshness_fields fields = freshness_none();
        struct answer answer = {.status = rows[i].status};

        print_message("  %s\n", rows[i].name);
        freshness_read_cache_control(&fields, text_of(rows[i].cache_control));
        freshness_read_vary(&fields, text_of(rows[i].vary));
        assert_int_equal(freshness_apply(&fields, &policy, NOW, &answer), rows[i].stored);
        assert_int_equal(answer.stored_wall_us, NOW);
        assert_int_equal(answer.fresh_wall_us, rows[i].stored ? NOW + rows[i].fresh_for * S : 0);
        assert_int_equal(answer.stale_wall_us, rows[i].stored ? NOW + rows[i].stale_for * S : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_holds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
