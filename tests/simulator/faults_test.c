/* faults_test.c - what a form may say, and that chance keeps its bounds and its seed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulator/faults.h"
#include "tests/simulator/nanos.h"

static const struct {
    const char *form;
    const char *bad; /* the field that is named; NULL: the form is good */
} forms[] = {
    {"", NULL},
    {"forward_ms=1.5&forward_jitter_ms=80&forward_distribution=pareto&forward_cap_ms=500", NULL},
    {"clock_offset_ms=-2.5", NULL},
    {"status=503&retry_after=1.5&reset_in=soon+or+later", NULL},
    {"stall=1&count=3", NULL},
    {"cut_bytes=-1&cut_with=rst", NULL},
    {"forward_ms=-1", "forward_ms"},
    {"forward_ms=inf", "forward_ms"},
    {"forward_ms=0x10", "forward_ms"},
    {"forward_ms=1e3", "forward_ms"},
    {"forward_ms=", "forward_ms"},
    {"forward_ms= 1", "forward_ms"},
    {"forward_ms=60001", "forward_ms"},
    {"forward_distribution=normal", "forward_distribution"},
    {"stall=2", "stall"},
    {"stall=0.5", "stall"},
    {"hostile=http09&accept=rst&deaf_ms=100&close_after_ms=1&close_after_jitter_ms=2", NULL},
    {"hostile=friendly", "hostile"},
    {"accept=maybe", "accept"},
    {"deaf_ms=0", "deaf_ms"},
    {"deaf_ms=60001", "deaf_ms"},
    {"status=200", "status"},
    {"retry_after=1%0d%0aX:%201", "retry_after"},
    {"count=0", "count"},
    {"reset=2", "reset"},
    {"stall=1&no<thing>=1", "no?thing?"},
    {"stal%00l=1", "stal?l"},
};

static void bad_forms_change_nothing_and_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct fault_plan plan, before;
        char bad[32] = "";

        fault_plan_init(&plan, 1);
        before = plan;
        assert_int_equal(fault_plan_set(&plan, text_of(forms[i].form), bad, sizeof(bad)),
                         forms[i].bad ? -EINVAL : 0);
        assert_string_equal(bad, forms[i].bad ? forms[i].bad : "");
        if (forms[i].bad)
            assert_memory_equal(&plan, &before, sizeof(plan));
    }
}

static void set(struct fault_plan *plan, const char *form)
{
    char bad[32];

    assert_int_equal(fault_plan_set(plan, text_of(form), bad, sizeof(bad)), 0);
}

/* Each line: what is set, and then what the next requests get ('-' is nothing). */
static const struct {
    const char *form, *then;
} steps[] = {
    {"status=503", "status=503,status=503"},
    {"stall=1&count=2", "stall,stall,status=503"},
    {"cut_bytes=10&cut_with=rst", "status=503 cut=10/rst"},
    {"status=0&count=1", "cut=10/rst,status=503 cut=10/rst"},
    {"garbage=1&reset=1", "garbage"},
    {"garbage=0&connection_close=1&drip_bytes=1&drip_ms=1", "drip close"},
    {"stall=1&count=5", "stall"},
    {"reset=1", "-,-"},
    {"status=500", "status=500"},
    {"reset=1&status=502&count=1", "status=502,-"},
    {"hostile=second_late&drip_bytes=1&drip_ms=1&count=1", "second_late drip,-"},
};

static void passing_faults_pass(void **state)
{
    struct fault_plan plan;

    (void)state;
    fault_plan_init(&plan, 1);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        char told[256] = "";

        set(&plan, steps[i].form);
        while (strlen(told) < strlen(steps[i].then)) {
            struct faults faults;
            char word[64];

            fault_plan_take(&plan, &faults);
            faults_describe(&faults, word, sizeof(word));
            snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s%s", told[0] ? "," : "",
                     word[0] ? word : "-");
        }
        assert_string_equal(told, steps[i].then);
    }
}

static void connections_have_their_faults(void **state)
{
    struct fault_plan plan;
    struct faults faults;

    (void)state;
    fault_plan_init(&plan, 1);
    set(&plan, "accept=hold&count=2");
    assert_int_equal(fault_plan_accept(&plan), ACCEPT_HOLD);
    assert_int_equal(fault_plan_accept(&plan), ACCEPT_HOLD);
    assert_int_equal(fault_plan_accept(&plan), ACCEPT_PLAIN);
    set(&plan, "stall=1&count=1"); /* a plain connection leaves the set to its request */
    assert_int_equal(fault_plan_accept(&plan), ACCEPT_PLAIN);
    fault_plan_take(&plan, &faults);
    assert_int_equal(faults.stall, 1);
    set(&plan, "accept=greet");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fault_plan_accept(&plan), ACCEPT_GREET);
    set(&plan, "deaf_ms=7");
    set(&plan, "stall=1");
    assert_int_equal(plan.deaf_ns, 7 * NS_PER_MS);
}

static void idle_connections_are_closed_by_chance(void **state)
{
    struct fault_plan plan;
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    fault_plan_init(&plan, 1);
    assert_int_equal(fault_plan_close(&plan, &plan.standing), 0);
    set(&plan, "close_after_jitter_ms=5");
    assert_int_equal(fault_plan_close(&plan, &plan.standing), 0);
    set(&plan, "close_after_ms=19");
    for (unsigned i = 0; i < 1000; i++) {
        int64_t ns = fault_plan_close(&plan, &plan.standing);

        least = ns < least ? ns : least;
        most = ns > most ? ns : most;
    }
    assert_in_range(least, 19 * NS_PER_MS, 19 * NS_PER_MS + NS_PER_MS / 10);
    assert_in_range(most, 24 * NS_PER_MS - NS_PER_MS / 10, 24 * NS_PER_MS);
}

static const struct {
    const char *form;
    double least_ms, most_ms, mean_ms, mean_within_ms;
} ways[] = {
    {"forward_ms=7", 7, 7, 7, 0},
    {"forward_jitter_ms=80", 0, 80, 40, 1},
    {"forward_ms=30&forward_jitter_ms=80", 30, 110, 70, 1},
    {"forward_jitter_ms=20&forward_distribution=exponential", 0, 500, 20, 1},
    {"forward_jitter_ms=2&forward_distribution=pareto", 2, 500, 4, 0.5},
    {"forward_jitter_ms=20&forward_distribution=exponential&forward_cap_ms=30", 0, 30, 15.5, 0.5},
};

static void chance_keeps_its_bounds(void **state)
{
    const int draws = 20000;

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct fault_plan plan, again;
        double least = 1e9, most = 0, sum = 0;

        fault_plan_init(&plan, 42);
        set(&plan, ways[i].form);
        again = plan;
        for (int n = 0; n < draws; n++) {
            int64_t ns = fault_plan_draw(&plan, &plan.standing.forward);
            double ms = (double)ns / (double)NS_PER_MS;

            assert_int_equal(ns, fault_plan_draw(&again, &again.standing.forward));
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
            sum += ms;
        }
        assert_true(least >= ways[i].least_ms && most <= ways[i].most_ms);
        assert_true(sum / draws >= ways[i].mean_ms - ways[i].mean_within_ms);
        assert_true(sum / draws <= ways[i].mean_ms + ways[i].mean_within_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_forms_change_nothing_and_are_named),
        cmocka_unit_test(passing_faults_pass),
        cmocka_unit_test(connections_have_their_faults),
        cmocka_unit_test(idle_connections_are_closed_by_chance),
        cmocka_unit_test(chance_keeps_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
