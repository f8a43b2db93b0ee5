/* decisions_test.c - common/decisions.def: the table keeps its own rules, PROTOCOL.md tells the same, and a
 * flood is told in part and counted in whole. */
#include "common/decisions.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/message.h"
#include "tests/support/protocol.h"

#define HEADING "### Events\n"
#define END     "\n## Messages\n"

static const struct decision_spec *spec_at(int i)
{
    return decision_spec((enum decision_id)i);
}

static bool ends_with(const char *string, const char *end)
{
    size_t bytes = strlen(string), end_bytes = strlen(end);

    return bytes >= end_bytes && strcmp(string + bytes - end_bytes, end) == 0;
}

/* They become topics, and keys of a log line. */
static void check_word(const char *word)
{
    for (size_t i = 0; word[i]; i++) {
        if (!islower((unsigned char)word[i]) && word[i] != '_')
            fail_msg("%s: not a snake_case name", word);
    }
    assert_in_range(strlen(word), 1, MESSAGE_LABEL_BYTES);
}

static void test_each_row_is_one_decision_of_one_process(void **state)
{
    (void)state;
    for (int i = 0; i < DECISION_COUNT; i++) {
        const struct decision_spec *spec = spec_at(i);

        check_word(spec->name);
        assert_true(strlen(spec->when) > 0 && !ends_with(spec->when, "."));
        for (int j = 0; j < i; j++) {
            if (strcmp(spec->name, spec_at(j)->name) == 0 && strcmp(spec->process, spec_at(j)->process) == 0)
                fail_msg("%s.%s stands twice", spec->process, spec->name);
        }
    }
}

static void test_a_value_says_its_unit_and_what_it_is(void **state)
{
    static const char *const counts[] = {"count", "in_flight", "status"};

    (void)state;
    for (int i = 0; i < DECISION_COUNT; i++) {
        const struct decision_spec *spec = spec_at(i);
        bool known = ends_with(spec->measure, "_us") || spec->measure[0] == '\0';

        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
            known |= strcmp(spec->measure, counts[c]) == 0;
        if (!known || (spec->measure[0] == '\0') != (spec->meaning[0] == '\0'))
            fail_msg("%s.%s: a value without unit or meaning", spec->process, spec->name);
    }
}

static void test_who_leaves_out_says_so(void **state)
{
    (void)state;
    for (int i = 0; i < DECISION_COUNT; i++) {
        bool found = spec_at(i)->told == DECISION_EACH;

        for (int j = 0; j < DECISION_COUNT && !found; j++)
            found = strcmp(spec_at(j)->name, "left_out") == 0 &&
                    strcmp(spec_at(j)->process, spec_at(i)->process) == 0;
        if (!found)
            fail_msg("%s may leave out %s and never tell", spec_at(i)->process, spec_at(i)->name);
    }
}

static void test_a_flood_is_told_in_part_and_counted(void **state)
{
    static struct decision_budget budget;
    enum decision_id flood = DECISION_SCHEDULER_REFUSED, other = DECISION_SCHEDULER_DISPLACED;
    uint64_t count = 0;
    int told = 0;

    (void)state;
    for (int second = 0; second < 2; second++) {
        for (int i = 0; i < 1000; i++)
            told += decision_budget_take(&budget, flood);
        assert_int_equal(told, (second + 1) * DECISIONS_A_SECOND);
        assert_true(decision_budget_take(&budget, other)); /* a flood hides nobody else */
        assert_int_equal(decision_budget_renew(&budget, &count), flood);
        assert_int_equal(count, 1000 - DECISIONS_A_SECOND);
        assert_int_equal(decision_budget_renew(&budget, &count), DECISION_COUNT);
    }
    decision_budget_miss(&budget, other, 7);
    assert_int_equal(decision_budget_renew(&budget, &count), other);
    assert_int_equal(count, 7);
}

static void print_facts(FILE *out, unsigned facts)
{
    static const char *const keys[] = {"ln", "rq", "at", "why", "nt"};
    const char *before = "";

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (facts & 1U << i) {
            fprintf(out, "%s`%s`", before, keys[i]);
            before = " ";
        }
    }
}

static void print_table(FILE *out)
{
    static const char *const told[] = {"each", "some", "counted"};
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    const char *before = "";

    fputs("| process | event | what has been decided | with | `val` | line | told "
          "|\n|---|---|---|---|---|---|---|\n",
          out);
    for (int i = 0; i < DECISION_COUNT; i++) {
        const struct decision_spec *spec = spec_at(i);

        fprintf(out, "| %s | `%s` | %s | ", strcmp(before, spec->process) ? spec->process : "", spec->name,
                spec->when);
        print_facts(out, spec->facts);
        if (spec->measure[0])
            fprintf(out, " | `%s`: %s", spec->measure, spec->meaning);
        else
            fputs(" | ", out);
        fprintf(out, " | %s | %s |\n", levels[spec->level], told[spec->told]);
        before = spec->process;
    }
}

/* SLUICE_PRINT_TABLES=1 prints what PROTOCOL.md must hold at the end of its section "Events". */
static void test_protocol_md_tells_the_same(void **state)
{
    char *heading = strstr(protocol_text(), HEADING), *table = NULL, *end;
    size_t size;
    FILE *out = open_memstream(&table, &size);

    (void)state;
    print_table(out);
    fclose(out);
    if (getenv("SLUICE_PRINT_TABLES"))
        puts(table);
    assert_non_null(heading);
    end = strstr(heading, END);
    assert_non_null(end);
    *end = '\0';
    heading = strstr(heading, "| process |");
    assert_non_null(heading);
    assert_string_equal(heading, table);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_is_one_decision_of_one_process),
        cmocka_unit_test(test_a_value_says_its_unit_and_what_it_is),
        cmocka_unit_test(test_who_leaves_out_says_so),
        cmocka_unit_test(test_a_flood_is_told_in_part_and_counted),
        cmocka_unit_test(test_protocol_md_tells_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
