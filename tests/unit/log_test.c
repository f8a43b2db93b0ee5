/* log_test.c - what the log writes: one line, and nothing in it that a client could forge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

static char written[2 * LOG_LINE_BYTES];

/* Runs one log call with standard error turned into a pipe. */
#define capture(call)                                                                                        \
    do {                                                                                                     \
        int ends[2], saved = dup(STDERR_FILENO);                                                             \
        ssize_t bytes;                                                                                       \
                                                                                                             \
        assert_int_equal(pipe(ends), 0);                                                                     \
        dup2(ends[1], STDERR_FILENO);                                                                        \
        close(ends[1]);                                                                                      \
        call;                                                                                                \
        dup2(saved, STDERR_FILENO);                                                                          \
        close(saved);                                                                                        \
        bytes = read(ends[0], written, sizeof(written) - 1);                                                 \
        close(ends[0]);                                                                                      \
        written[bytes > 0 ? bytes : 0] = '\0';                                                               \
    } while (0)

static void a_line_names_time_level_process_and_event(void **state)
{
    (void)state;
    log_open("scheduler", LOG_INFO);
    capture(log_info("granted", log_str("request", "6f1c"), log_int("wait_ms", -12), log_hex("epoch", 255)));
    assert_int_equal(written[4], '-');
    assert_int_equal(written[26], 'Z');
    assert_string_equal(written + 27,
                        " info scheduler granted request=6f1c wait_ms=-12 epoch=00000000000000ff\n");
}

static void nothing_below_the_level_is_written(void **state)
{
    (void)state;
    log_open("scheduler", LOG_WARN);
    capture(log_info("granted", log_int("n", 1)));
    assert_string_equal(written, "");
    capture(log_warn("limited", log_int("n", 1)));
    assert_non_null(strstr(written, " warn scheduler limited n=1\n"));
}

static void values_cannot_forge_a_line(void **state)
{
    (void)state;
    log_open("gateway", LOG_INFO);
    capture(log_info("asked", log_str("a", "x\n2026 info gateway forged"), log_str("b", "say \"hi\""),
                     log_str("c", ""), log_str("d", "k=v"), log_str("e", "back\\slash")));
    assert_non_null(strstr(written,
                           " a=\"x\\x0a2026 info gateway forged\" b=\"say \\\"hi\\\"\" c=\"\" d=\"k=v\" "
                           "e=\"back\\\\slash\"\n"));
    assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

static void a_long_line_is_cut_and_still_a_line(void **state)
{
    char *value = malloc(2 * LOG_LINE_BYTES);

    (void)state;
    memset(value, 'x', 2 * LOG_LINE_BYTES);
    value[2 * LOG_LINE_BYTES - 1] = '\0';
    capture(log_info("asked", log_str("long", value), log_int("n", 1)));
    assert_int_equal(strlen(written), LOG_LINE_BYTES);
    assert_int_equal(written[LOG_LINE_BYTES - 1], '\n');
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_time_level_process_and_event),
        cmocka_unit_test(nothing_below_the_level_is_written),
        cmocka_unit_test(values_cannot_forge_a_line),
        cmocka_unit_test(a_long_line_is_cut_and_still_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
