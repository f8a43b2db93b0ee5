/* config_fuzz.c - .env and the environment: the input is .env; a line "!NAME=value" is a variable of the
 * environment instead.
 *
 * Whatever is taken lies in the range that the table (common/options.def) gives, and reads back as the same
 * when it is printed; what is refused is said in one line and changes nothing; what is told to everybody is
 * JSON, and holds no secret. */
#include <math.h>
#include <stdio.h>

#include "common/config.h"
#include "common/json.h"
#include "common/json_check.h"
#include "fetcher/fetcher.h"
#include "gateway/gateway.h"
#include "metricsd/metricsd.h"
#include "tests/fuzz/check.h"

#define SECRET "Xs3cretX"

static void check_number(double value, double min, double max)
{
    must(value >= min && value <= max, "a number lies in its range");
}

static void check_text(const char *value, double min, double max)
{
    size_t bytes = strlen(value);

    must((double)bytes >= min && (double)bytes <= max, "a text has its length");
    for (size_t i = 0; i < bytes; i++)
        must(value[i] > ' ' && value[i] <= '~', "a text is visible ASCII");
}

/* `unit` lists the choices. */
static void check_choice(const char *value, const char *unit)
{
    size_t bytes = strlen(value);
    const char *at = unit;

    while ((at = strstr(at, value))) {
        if ((at == unit || at[-1] == '|') && (at[bytes] == '|' || at[bytes] == '\0'))
            return;
        at++;
    }
    must(false, "a choice is one of those that there are");
}

#define CHECK_TEXT(member, min, max, unit)    check_text(config->member, min, max);
#define CHECK_SECRET(member, min, max, unit)  check_text(config->member, min, max);
#define CHECK_CHOICE(member, min, max, unit)  check_choice(config->member, unit);
#define CHECK_INT(member, min, max, unit)     check_number((double)config->member, min, max);
#define CHECK_SECONDS(member, min, max, unit) check_number((double)config->member / 1e6, min - 5e-7, max);
#define CHECK_BOOL(member, min, max, unit)    must(config->member || !config->member, unit);

static void check_ranges(const struct config *config)
{
#define OPTION(type, member, name, fallback, min, max, unit, processes, help)                                \
    CHECK_##type(member, min, max, unit)
#include "common/options.def"
#undef OPTION
}

/* One line, and with the name of what is wrong. */
static void check_error(const char *error)
{
    must(error[0] && strlen(error) < CONFIG_ERROR_BYTES, "what is wrong is said");
}

static void check_print(const struct config *config)
{
    static struct config again;
    char *printed = NULL, error[CONFIG_ERROR_BYTES] = "";
    size_t bytes = 0;
    FILE *out = open_memstream(&printed, &bytes);

    must(out, "memory");
    config_print(config, FOR_ALL, out);
    fclose(out);
    must(!strstr(printed, SECRET), "no secret is printed");
    config_defaults(&again, error);
    must(config_read(&again, (struct text){printed, bytes}, error) == 0, "what is printed can be read");
    memcpy(again.client_id, config->client_id, sizeof(again.client_id)); /* secrets are not printed */
    memcpy(again.admin_token, config->admin_token, sizeof(again.admin_token));
#define SAME_TEXT(member) must(strcmp(again.member, config->member) == 0, #member " is printed");
#define SAME_SECRET(member)
#define SAME_CHOICE(member)                                                   SAME_TEXT(member)
#define SAME_INT(member)                                                      must(again.member == config->member, #member " is printed");
#define SAME_SECONDS(member)                                                  SAME_INT(member)
#define SAME_BOOL(member)                                                     SAME_INT(member)
#define OPTION(type, member, name, fallback, min, max, unit, processes, help) SAME_##type(member)
#include "common/options.def"
#undef OPTION
    free(printed);
}

static void check_json(const struct config *config, unsigned process)
{
    static char room[CONFIG_JSON_BYTES];
    struct json json;
    struct text text;

    json_init(&json, room, sizeof(room));
    config_json(config, process, &json);
    must(json_finish(&json, &text) == 0 && json_check_object(text), "options are JSON");
    must(!memmem(text.at, text.bytes, SECRET, sizeof(SECRET) - 1), "no secret is told");
}

static void check_judges(struct config *config)
{
    static config_judge *const judges[] = {gateway_judge, fetcher_judge, metricsd_judge};
    char error[CONFIG_ERROR_BYTES] = "";

    config->upstream_ca_file[0] = '\0'; /* they would open these files */
    config->feed_curve_cert[0] = config->feed_curve_clients[0] = '\0';
    for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        error[0] = '\0';
        if (judges[i](config, error) < 0)
            check_error(error);
    }
}

/* In the order of a start: .env first. */
static int read_all(struct config *config, struct text input, char error[CONFIG_ERROR_BYTES])
{
    char *file = copy_of("", input.bytes + 1);
    struct text rest = input;
    size_t bytes = 0;
    int rc;

    while (rest.bytes > 0) {
        struct text line = cut(&rest, '\n');

        if (line.bytes > 0 && line.at[0] == '!')
            continue;
        if (line.bytes > 0)
            memcpy(file + bytes, line.at, line.bytes);
        bytes += line.bytes;
        file[bytes++] = '\n';
    }
    rc = config_read(config, (struct text){file, bytes}, error);
    free(file);
    while (input.bytes > 0 && rc == 0) {
        struct text value = cut(&input, '\n'), name;

        if (value.bytes == 0 || value.at[0] != '!')
            continue;
        name = cut(&value, '=');
        rc = config_set(config, (struct text){name.at + 1, name.bytes - 1}, value, error);
    }
    return rc;
}

/* A secret that is none by its form is refused without being told; a good one is taken. */
static void set_secrets(struct config *config)
{
    char error[CONFIG_ERROR_BYTES] = "";

    must(config_set(config, text_of("ADMIN_TOKEN"), text_of(SECRET " "), error) < 0, "no space");
    must(!strstr(error, SECRET), "no secret is told");
    must(config_set(config, text_of("ADMIN_TOKEN"), text_of(SECRET), error) == 0, "a token");
    must(config_set(config, text_of("CLIENT_ID"), text_of(SECRET), error) == 0, "an id");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config, usual;
    char error[CONFIG_ERROR_BYTES] = "";

    if (!usual.queue_max_size)
        must(config_defaults(&usual, error) == 0, "defaults");
    if (size > 0 && memmem(data, size, SECRET, sizeof(SECRET) - 1))
        return -1; /* it would be looked for in vain */
    config = usual;
    if (read_all(&config, (struct text){(const char *)data, size}, error) < 0)
        check_error(error);
    set_secrets(&config);
    check_ranges(&config);
    if (size % 16 == 0) /* dear */
        check_print(&config);
    else if (size % 16 < 4)
        check_json(&config, 1U << size % 4);
    check_judges(&config);
    return 0;
}
