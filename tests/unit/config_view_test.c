/* config_view_test.c - a process's options as JSON, and where it listens. */
#include "common/config_view.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct config config;

static bool holds(struct text text, const char *part)
{
    return memmem(text.at, text.bytes, part, strlen(part)) != NULL;
}

static void tells_the_port_only_of_who_listens(void **state)
{
    struct config_view gateway = {.config = &config, .process = FOR_GATEWAY, .port = 40123},
                       fetcher = {.config = &config, .process = FOR_FETCHER};
    char room[CONFIG_VIEW_BYTES], error[CONFIG_ERROR_BYTES];
    struct text text;

    (void)state;
    assert_int_equal(config_defaults(&config, error), 0);
    assert_int_equal(config_view_render(&gateway, room, sizeof(room), &text), 0);
    assert_true(holds(text, "{\"options\":{\"") && holds(text, "\"GATEWAY_PORT\":\"5000\""));
    assert_true(holds(text, "\"LOG_LEVEL\":\"info\"},\"port\":40123}"));
    assert_int_equal(config_view_render(&fetcher, room, sizeof(room), &text), 0);
    assert_true(holds(text, "\"LOG_LEVEL\":\"info\"}}") && !holds(text, "GATEWAY_PORT"));
    assert_int_equal(config_view_render(&fetcher, room, 100, &text), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_port_only_of_who_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
