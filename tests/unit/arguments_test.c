/* arguments_test.c - what may be typed behind sluicectl, and how the rest is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/text.h"
#include "ctl/arguments.h"

#define WORDS_MAX 16

static struct arguments arguments;
static char error[ARGUMENTS_ERROR_BYTES];
static char line[256], *argv[WORDS_MAX];
static const char *words[WORDS_MAX];

/* Words are separated by single spaces. */
static int read_line(const char *typed)
{
    int argc = 1;
    char *rest = line;

    snprintf(line, sizeof(line), "%s", typed);
    argv[0] = line;
    while (*typed && argc < WORDS_MAX) {
        argv[argc++] = rest;
        rest = strchr(rest, ' ');
        if (!rest)
            break;
        *rest++ = '\0';
    }
    error[0] = '\0';
    return arguments_read(&arguments, argc, argv, words, error);
}

static const struct {
    const char *typed, *says; /* the whole sentence's beginning */
} refusals[] = {
    {"", "no command; see --help"},
    {"--json", "no command; see --help"},
    {"stats", "stats: no such command"},
    {"--verbose status", "--verbose: no such option"},
    {"status --url", "--url: needs a value (URL)"},
    {"status --url=", "--url: must have from 1 to 1000 characters"},
    {"status --json=1", "--json: takes no value"},
    {"status now", "status: too many words; usage: sluicectl status"},
    {"status --count 3", "--count: means nothing to status"},
    {"queue --limit 0", "--limit: '0' is not a whole number from 1 to 10000"},
    {"queue --limit 1.5", "--limit: '1.5' is not a whole number"},
    {"queue --limit -1", "--limit: '-1' is not a whole number"},
    {"status --timeout 0", "--timeout: '0' is not a number from 0.01 to 3600"},
    {"status --timeout 1e2", "--timeout: '1e2' is not a number"},
    {"status --timeout 1.2.3", "--timeout: '1.2.3' is not a number"},
    {"policy fifo fair", "policy: too many words"},
    {"rate", "rate: SECONDS is missing"},
    {"rate fast", "rate: 'fast' is not a number from 0.001 to 86400"},
    {"rate 0", "rate: '0' is not a number"},
    {"rate 86401", "rate: '86401' is not a number"},
    {"breaker open", "breaker: 'open' is neither trip nor reset"},
    {"breaker trip soon", "breaker trip: 'soon' is not a number"},
    {"breaker reset 5", "breaker reset: takes no time"},
    {"breaker trip 5 6", "breaker: too many words"},
    {"remove", "remove: ID is missing"},
    {"remove ../pause", "remove: '../pause' is no id; `sluicectl queue` shows them"},
    {"remove 12?x=1", "remove: '12?x=1' is no id"},
    {"purge --client-id me", "purge: --client-id and --lane go with a KEY only"},
    {"burst", "burst: CPF...|- is missing"},
    {"burst --repeat 3 1 2", "--repeat: goes with one CPF only"},
    {"burst --priority 100 1", "--priority: '100' is not a whole number from 0 to 99"},
    {"tail --repeat 3", "--repeat: means nothing to tail"},
    {"status -- --json", "status: too many words"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        assert_true(read_line(refusals[i].typed) < 0);
        if (strncmp(error, refusals[i].says, strlen(refusals[i].says)) != 0)
            fail_msg("%s: %s", refusals[i].typed, error);
    }
}

static void test_commands(void **state)
{
    static const struct {
        const char *typed;
        enum command command;
        unsigned words;
    } rows[] = {
        {"status", COMMAND_STATUS, 0},
        {"queue", COMMAND_QUEUE, 0},
        {"policy", COMMAND_POLICY, 0},
        {"policy fair", COMMAND_POLICY, 1},
        {"pause", COMMAND_PAUSE, 0},
        {"resume", COMMAND_RESUME, 0},
        {"rate 0.5", COMMAND_RATE, 1},
        {"breaker", COMMAND_BREAKER, 0},
        {"breaker reset", COMMAND_BREAKER, 1},
        {"breaker trip 5", COMMAND_BREAKER, 2},
        {"purge", COMMAND_PURGE, 0},
        {"purge cpf=1", COMMAND_PURGE, 1},
        {"remove 1f-2e", COMMAND_REMOVE, 1},
        {"burst 1 2 3", COMMAND_BURST, 3},
        {"top --count 2", COMMAND_TOP, 0},
        {"tail --count=2", COMMAND_TAIL, 0},
        {"purge -- --client-id", COMMAND_PURGE, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (read_line(rows[i].typed) < 0)
            fail_msg("%s: %s", rows[i].typed, error);
        assert_int_equal(arguments.command, rows[i].command);
        assert_int_equal(arguments.word_count, rows[i].words);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_line("status"), 0);
    assert_false(arguments.json);
    assert_null(arguments.url);
    assert_null(arguments.metricsd);
    assert_true(arguments.timeout_s == 10);
    assert_int_equal(arguments.count, 0);
    assert_int_equal(arguments.limit, 50);
    assert_int_equal(arguments.priority, -1);
}

static void test_options_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(
        read_line("--json --url http://h:1 burst --rate=0.5 1 --concurrency 4 --priority 0 --repeat 9"), 0);
    assert_true(arguments.json);
    assert_string_equal(arguments.url, "http://h:1");
    assert_true(arguments.rate == 0.5);
    assert_int_equal(arguments.concurrency, 4);
    assert_int_equal(arguments.priority, 0);
    assert_int_equal(arguments.repeat, 9);
    assert_int_equal(arguments.word_count, 1);
    assert_string_equal(arguments.words[0], "1");
    assert_int_equal(read_line("breaker trip 0.5"), 0);
    assert_int_equal(arguments.breaker, BREAKER_TRIP);
    assert_true(arguments.seconds == 0.5);
}

static void test_help_needs_no_command(void **state)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    (void)state;
    assert_int_equal(read_line("--help"), 0);
    assert_true(arguments.help);
    assert_int_equal(read_line("nonsense --version"), 0);
    assert_true(arguments.version);
    arguments_help(out);
    fclose(out);
    assert_non_null(strstr(text, "\n  breaker  [trip [SECONDS]|reset]"));
    assert_non_null(strstr(text, "\n  --timeout     SECONDS"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_help_needs_no_command),
    };

    return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
