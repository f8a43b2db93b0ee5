/* config.c - the option table: reading, checking and printing values. Pure; config_load.c reads the world. */
#include "common/config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/json.h"

struct option {
    enum option_type type;
    size_t offset;
    const char *name, *fallback;
    double min, max;
    const char *unit;
    unsigned processes;
    const char *help;
};

static const struct option options[] = {
#define OPTION(type_, member, name_, fallback_, min_, max_, unit_, processes_, help_)                        \
    {.type = OPTION_##type_,                                                                                 \
     .offset = offsetof(struct config, member),                                                              \
     .name = name_,                                                                                          \
     .fallback = fallback_,                                                                                  \
     .min = min_,                                                                                            \
     .max = max_,                                                                                            \
     .unit = unit_,                                                                                          \
     .processes = processes_,                                                                                \
     .help = help_},
#include "common/options.def"
#undef OPTION
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int refuse(char error[CONFIG_ERROR_BYTES], const struct option *option, struct text value,
                  const char *wanted)
{
    bool secret = option->type == OPTION_SECRET;

    snprintf(error, CONFIG_ERROR_BYTES, "%s: '%.*s' is not %s", option->name,
             secret ? 6 : (int)(value.bytes < 100 ? value.bytes : 100), secret ? "(hide)" : value.at, wanted);
    return -EINVAL;
}

/* A decimal number without sign, exponent or white space: what a person means by one. */
static bool read_number(struct text value, double *number)
{
    char digits[32], *end;

    if (value.bytes == 0 || value.bytes >= sizeof(digits))
        return false;
    for (size_t i = 0; i < value.bytes; i++) {
        if (!isdigit((unsigned char)value.at[i]) && value.at[i] != '.')
            return false;
    }
    memcpy(digits, value.at, value.bytes);
    digits[value.bytes] = '\0';
    *number = strtod(digits, &end);
    return *end == '\0' && end != digits;
}

static int set_number(const struct option *option, struct text value, char *at,
                      char error[CONFIG_ERROR_BYTES])
{
    bool whole = option->type != OPTION_SECONDS;
    char wanted[128];
    double number;

    if (!read_number(value, &number) || number < option->min || number > option->max ||
        (whole && number != floor(number))) {
        snprintf(wanted, sizeof(wanted), "%s from %.10g to %.10g (%s)", whole ? "a whole number" : "a number",
                 option->min, option->max, option->unit);
        return refuse(error, option, value, wanted);
    }
    if (option->type == OPTION_BOOL)
        *(bool *)at = number != 0;
    else
        *(int64_t *)(void *)at = (int64_t)llround(whole ? number : number * US_PER_SECOND);
    return 0;
}

static int set_text(const struct option *option, struct text value, char *at, char error[CONFIG_ERROR_BYTES])
{
    char wanted[128];

    for (size_t i = 0; i < value.bytes; i++) {
        if (value.at[i] <= ' ' || value.at[i] > '~')
            return refuse(error, option, value, "visible ASCII without spaces");
    }
    if ((double)value.bytes < option->min || (double)value.bytes > option->max) {
        snprintf(wanted, sizeof(wanted), "from %.0f to %.0f characters long", option->min, option->max);
        return refuse(error, option, value, wanted);
    }
    memcpy(at, value.at, value.bytes);
    at[value.bytes] = '\0';
    return 0;
}

static int set_choice(const struct option *option, struct text value, char *at,
                      char error[CONFIG_ERROR_BYTES])
{
    const char *choice = option->unit;
    char wanted[128];

    while (*choice) {
        size_t bytes = strcspn(choice, "|");

        if (bytes == value.bytes && memcmp(choice, value.at, bytes) == 0) {
            memcpy(at, choice, bytes);
            at[bytes] = '\0';
            return 0;
        }
        choice += bytes + (choice[bytes] == '|');
    }
    snprintf(wanted, sizeof(wanted), "one of %s", option->unit);
    return refuse(error, option, value, wanted);
}

static int set(struct config *config, const struct option *option, struct text value,
               char error[CONFIG_ERROR_BYTES])
{
    char *at = (char *)config + option->offset;

    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        return set_text(option, value, at, error);
    case OPTION_CHOICE:
        return set_choice(option, value, at, error);
    case OPTION_INT:
    case OPTION_SECONDS:
    case OPTION_BOOL:
        return set_number(option, value, at, error);
    }
    return -EINVAL;
}

int config_defaults(struct config *config, char error[CONFIG_ERROR_BYTES])
{
    int rc = 0;

    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < OPTION_COUNT && rc == 0; i++)
        rc = set(config, &options[i], text_of(options[i].fallback), error);
    return rc;
}

int config_set(struct config *config, struct text name, struct text value, char error[CONFIG_ERROR_BYTES])
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (text_equal(name, options[i].name))
            return set(config, &options[i], value, error);
    }
    snprintf(error, CONFIG_ERROR_BYTES, "%.*s: no such option", (int)(name.bytes < 100 ? name.bytes : 100),
             name.at);
    return -EINVAL;
}

static struct text trim(struct text text)
{
    while (text.bytes > 0 && isspace((unsigned char)text.at[0])) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes > 0 && isspace((unsigned char)text.at[text.bytes - 1]))
        text.bytes--;
    return text;
}

static struct text unquote(struct text value)
{
    bool quoted = value.bytes >= 2 && (value.at[0] == '"' || value.at[0] == '\'') &&
                  value.at[value.bytes - 1] == value.at[0];

    return quoted ? (struct text){value.at + 1, value.bytes - 2} : value;
}

static int read_line(struct config *config, struct text line, unsigned number, char error[CONFIG_ERROR_BYTES])
{
    const char *equals;
    struct text name, value;

    line = trim(line);
    if (line.bytes == 0 || line.at[0] == '#')
        return 0;
    equals = memchr(line.at, '=', line.bytes);
    if (!equals) {
        snprintf(error, CONFIG_ERROR_BYTES, "line %u: not of the form NAME=value", number);
        return -EINVAL;
    }
    name = trim((struct text){line.at, (size_t)(equals - line.at)});
    value = trim((struct text){equals + 1, line.bytes - (size_t)(equals + 1 - line.at)});
    return config_set(config, name, unquote(value), error);
}

int config_read(struct config *config, struct text file, char error[CONFIG_ERROR_BYTES])
{
    const char *at = file.at, *end = file.at + file.bytes;
    unsigned number = 0;
    int rc = 0;

    while (at < end && rc == 0) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;

        rc = read_line(config, (struct text){at, (size_t)(stop - at)}, ++number, error);
        at = newline ? newline + 1 : end;
    }
    return rc;
}

/* As it would stand in .env; not for secrets. */
static void write_value(const struct config *config, const struct option *option,
                        char value[CONFIG_TEXT_BYTES])
{
    const char *at = (const char *)config + option->offset;
    int64_t number;

    switch (option->type) {
    case OPTION_SECRET:
        value[0] = '\0';
        return;
    case OPTION_TEXT:
    case OPTION_CHOICE:
        snprintf(value, CONFIG_TEXT_BYTES, "%s", at);
        return;
    case OPTION_BOOL:
        snprintf(value, CONFIG_TEXT_BYTES, "%s", *(const bool *)at ? "1" : "0");
        return;
    case OPTION_INT:
    case OPTION_SECONDS:
        memcpy(&number, at, sizeof(number));
        snprintf(value, CONFIG_TEXT_BYTES, "%.12g",
                 option->type == OPTION_INT ? (double)number : (double)number / US_PER_SECOND);
        return;
    }
}

static bool has_secret(const struct config *config, const struct option *option)
{
    return option->type == OPTION_SECRET && ((const char *)config + option->offset)[0] != '\0';
}

void config_print(const struct config *config, unsigned process, FILE *out)
{
    char value[CONFIG_TEXT_BYTES];

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!(options[i].processes & process))
            continue;
        write_value(config, &options[i], value);
        fprintf(out, "%s=%s\n", options[i].name, has_secret(config, &options[i]) ? "********" : value);
    }
}

/* Without what may be a secret: user and password before the host, and what follows the path. */
static struct text bare_url(char *url)
{
    char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
    size_t authority = strcspn(host, "/?#");
    char *at = memrchr(host, '@', authority);

    if (at)
        memmove(host, at + 1, strlen(at + 1) + 1);
    return (struct text){.at = url, .bytes = strcspn(url, "?#")};
}

void config_json(const struct config *config, unsigned process, struct json *json)
{
    char value[CONFIG_TEXT_BYTES];

    json_begin_object(json);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!(options[i].processes & process))
            continue;
        write_value(config, &options[i], value);
        json_key(json, options[i].name);
        if (has_secret(config, &options[i]))
            json_string(json, "set");
        else if (strcmp(options[i].unit, CONFIG_UNIT_URL) == 0)
            json_text(json, bare_url(value));
        else
            json_string(json, value);
    }
    json_end_object(json);
}

void config_help(const char *program, unsigned process, FILE *out)
{
    fprintf(out, "Usage: %s [--help | --version | --check | --print-config | --env-example]\n", program);
    config_help_options(process, out);
}

void config_help_options(unsigned process, FILE *out)
{
    fputs("Options come from the environment, or from .env in the working directory:\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].processes & process)
            fprintf(out, "  %-30s %s [%s, default %s]\n", options[i].name, options[i].help, options[i].unit,
                    options[i].fallback[0] ? options[i].fallback : "empty");
    }
}

void config_example(FILE *out)
{
    fputs("# Sluice's options with their defaults. Copy to .env and change what you need.\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        fprintf(out, "\n# %s [%s]\n#%s=%s\n", options[i].help, options[i].unit, options[i].name,
                options[i].fallback);
}

enum log_level config_log_level(const struct config *config)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    int level = LOG_DEBUG;

    while (level < LOG_ERROR && strcmp(config->log_level, levels[level]) != 0)
        level++;
    return (enum log_level)level;
}

void config_endpoint(const struct config *config, const char *name, char endpoint[CONFIG_ENDPOINT_BYTES])
{
    snprintf(endpoint, CONFIG_ENDPOINT_BYTES, "ipc://%.79s/%.16s.ipc", config->runtime_dir, name);
}
