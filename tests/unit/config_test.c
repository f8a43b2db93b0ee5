/* config_test.c - options: defaults, values, and errors that name what was wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/config.h"
#include "common/json.h"

static struct config config;
static char error[CONFIG_ERROR_BYTES];

static void defaults_are_the_seeds(void **state)
{
    (void)state;
    assert_int_equal(config_defaults(&config, error), 0);
    assert_int_equal(config.queue_max_size, 100);
    assert_int_equal(config.rate_limit_us, 1000000);
    assert_int_equal(config.cache_ttl_us, 60000000);
    assert_int_equal(config.external_api_timeout_us, 10000000);
    assert_int_equal(config.request_timeout_us, 60000000);
    assert_int_equal(config.breaker_fail_max, 3);
    assert_int_equal(config.breaker_reset_us, 30000000);
    assert_int_equal(config.gateway_port, 5000);
    assert_string_equal(config.queue_policy, "fifo");
    assert_true(config.abort_on_fin);
}

static void a_file_is_read_line_by_line(void **state)
{
    const char *file =
        "# comment\n\n  RATE_LIMIT_SECONDS = 0.02 \nQUEUE_POLICY=\"priority\"\r\nCLIENT_ID='abc'\n"
        "ABORT_ON_FIN=0";

    (void)state;
    assert_int_equal(config_defaults(&config, error), 0);
    assert_int_equal(config_read(&config, text_of(file), error), 0);
    assert_int_equal(config.rate_limit_us, 20000);
    assert_string_equal(config.queue_policy, "priority");
    assert_string_equal(config.client_id, "abc");
    assert_false(config.abort_on_fin);
}

static void bad_values_are_named_and_change_nothing(void **state)
{
    static const struct {
        const char *line, *named;
    } rows[] = {
        {"QUEUE_MAX_SIZ=5", "QUEUE_MAX_SIZ: no such option"},
        {"QUEUE_MAX_SIZE=0", "QUEUE_MAX_SIZE: '0' is not a whole number from 1"},
        {"QUEUE_MAX_SIZE=1.5", "QUEUE_MAX_SIZE: '1.5'"},
        {"QUEUE_MAX_SIZE=-5", "QUEUE_MAX_SIZE: '-5'"},
        {"QUEUE_MAX_SIZE=", "QUEUE_MAX_SIZE: ''"},
        {"QUEUE_MAX_SIZE=5 places", "QUEUE_MAX_SIZE: '5 places'"},
        {"RATE_LIMIT_SECONDS=1e3", "RATE_LIMIT_SECONDS: '1e3'"},
        {"RATE_LIMIT_SECONDS=1..2", "RATE_LIMIT_SECONDS: '1..2'"},
        {"RATE_LIMIT_SECONDS=nan", "RATE_LIMIT_SECONDS: 'nan'"},
        {"QUEUE_POLICY=lifo", "QUEUE_POLICY: 'lifo' is not one of fifo|"},
        {"QUEUE_POLICY=fif", "QUEUE_POLICY: 'fif'"},
        {"GATEWAY_PORT=65536", "GATEWAY_PORT: '65536'"},
        {"ABORT_ON_FIN=yes", "ABORT_ON_FIN: 'yes'"},
        {"GATEWAY_BIND=a b", "GATEWAY_BIND: 'a b' is not visible ASCII"},
        {"CLIENT_ID=s\xc3\xa9"
         "cret",
         "CLIENT_ID: '(hide)' is not"},
        {"just words", "line 1: not of the form NAME=value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config before;

        assert_int_equal(config_defaults(&config, error), 0);
        before = config;
        assert_true(config_read(&config, text_of(rows[i].line), error) < 0);
        if (!strstr(error, rows[i].named))
            fail_msg("'%s' is told as '%s'", rows[i].line, error);
        assert_memory_equal(&before, &config, sizeof(config));
    }
}

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    print(out);
    fclose(out);
    return text;
}

static void print_gateway(FILE *out)
{
    config_print(&config, FOR_GATEWAY, out);
}

static void what_is_printed_can_be_read_and_hides_secrets(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(config_defaults(&config, error), 0);
    assert_int_equal(config_set(&config, text_of("CLIENT_ID"), text_of("very-secret"), error), 0);
    assert_int_equal(config_set(&config, text_of("REQUEST_TIMEOUT_SECONDS"), text_of("0.25"), error), 0);
    text = printed(print_gateway);
    assert_null(strstr(text, "very-secret"));
    assert_non_null(strstr(text, "REQUEST_TIMEOUT_SECONDS=0.25\n"));
    assert_null(strstr(text, "QUEUE_POLICY")); /* another process's */
    assert_int_equal(config_read(&config, text_of(text), error), 0);
    free(text);
    text = printed(config_example);
    assert_non_null(strstr(text, "\n#QUEUE_MAX_SIZE=100\n"));
    free(text);
}

static void what_is_shown_tells_no_secret(void **state)
{
    static const struct {
        const char *url, *shown;
    } urls[] = {
        {"https://score.example/api/score", "https://score.example/api/score"},
        {"https://user:pass@score.example:8443/api", "https://score.example:8443/api"},
        {"https://a@b:p@ss@score.example/x@y", "https://score.example/x@y"},
        {"https://score.example?key=hush", "https://score.example"},
        {"https://score.example/a?key=hush@home#hush", "https://score.example/a"},
        {"user:hush@score.example", "score.example"},
        {"", ""},
    };
    char room[CONFIG_JSON_BYTES], wanted[128];
    struct json json;
    struct text text;

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        print_message("  %s\n", urls[i].url);
        assert_int_equal(config_defaults(&config, error), 0);
        assert_int_equal(config_set(&config, text_of("UPSTREAM_URL"), text_of(urls[i].url), error), 0);
        json_init(&json, room, sizeof(room));
        config_json(&config, FOR_FETCHER, &json);
        assert_int_equal(json_finish(&json, &text), 0);
        snprintf(wanted, sizeof(wanted), "\"UPSTREAM_URL\":\"%s\",", urls[i].shown);
        assert_non_null(memmem(text.at, text.bytes, wanted, strlen(wanted)));
        assert_null(memmem(text.at, text.bytes, "hush", 4));
    }
    assert_int_equal(config_set(&config, text_of("ADMIN_TOKEN"), text_of("hush"), error), 0);
    json_init(&json, room, sizeof(room));
    config_json(&config, FOR_GATEWAY, &json);
    assert_int_equal(json_finish(&json, &text), 0);
    assert_null(memmem(text.at, text.bytes, "hush", 4));
    assert_non_null(memmem(text.at, text.bytes, "\"ADMIN_TOKEN\":\"set\"", 19));
    assert_non_null(memmem(text.at, text.bytes, "\"CLIENT_ID\":\"set\"", 17));
    assert_non_null(memmem(text.at, text.bytes, "\"ABORT_ON_FIN\":\"1\"", 18));
    assert_non_null(memmem(text.at, text.bytes, "\"REQUEST_TIMEOUT_SECONDS\":\"60\"", 30));
    assert_null(memmem(text.at, text.bytes, "QUEUE_POLICY", 12)); /* another process's */
}

/* Quotation marks and backslashes all over: every process's options fit all the same. */
static void the_longest_options_can_be_shown(void **state)
{
    static const char *const texts[] = {
        "UPSTREAM_URL", "UPSTREAM_CA_FILE", "UPSTREAM_PROXY", "CACHE_NEGATIVE_STATUSES",
        "GATEWAY_BIND", "CORS_ORIGINS",     "METRICSD_BIND",  "FEED_ENDPOINT",
        "RUNTIME_DIR",  "STATE_DIR",        "CACHE_DIR",      "ADMIN_TOKEN",
        "CLIENT_ID",    "GATEWAY_URL",      "DASHBOARD_URL",  "SIMULATOR_URL"};
    char room[CONFIG_JSON_BYTES], longest[CONFIG_TEXT_BYTES] = "";
    struct json json;
    struct text text;

    (void)state;
    assert_int_equal(config_defaults(&config, error), 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t bytes = CONFIG_TEXT_BYTES - 1;

        memset(longest, '"', bytes);
        while (config_set(&config, text_of(texts[i]), (struct text){longest, bytes}, error) < 0)
            assert_true(--bytes > 0);
    }
    for (unsigned process = FOR_GATEWAY; process <= FOR_METRICSD; process <<= 1) {
        json_init(&json, room, sizeof(room));
        config_json(&config, process, &json);
        assert_int_equal(json_finish(&json, &text), 0);
    }
}

static void endpoints_lie_in_the_runtime_directory(void **state)
{
    char endpoint[CONFIG_ENDPOINT_BYTES];

    (void)state;
    assert_int_equal(config_defaults(&config, error), 0);
    config_endpoint(&config, "gateways", endpoint);
    assert_string_equal(endpoint, "ipc://run/gateways.ipc");
    assert_int_equal(config_log_level(&config), LOG_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_seeds),
        cmocka_unit_test(a_file_is_read_line_by_line),
        cmocka_unit_test(bad_values_are_named_and_change_nothing),
        cmocka_unit_test(what_is_printed_can_be_read_and_hides_secrets),
        cmocka_unit_test(what_is_shown_tells_no_secret),
        cmocka_unit_test(the_longest_options_can_be_shown),
        cmocka_unit_test(endpoints_lie_in_the_runtime_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
