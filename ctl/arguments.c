/* arguments.c - see arguments.h. */
#include "ctl/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_SECONDS 10 /* an order waits up to 5 s for the process that it concerns */
#define LIMIT_REQUESTS  50

#define FOR(id)  (1U << COMMAND_##id)
#define FOR_EACH ((1U << COMMAND_COUNT) - 1)

static const struct {
    const char *name;
    unsigned least, most;
    const char *words, *help;
} commands[] = {
#define COMMAND(id, name_, least_, most_, words_, help_)                                                     \
    {.name = name_, .least = least_, .most = most_, .words = words_, .help = help_},
    COMMANDS(COMMAND)
#undef COMMAND
};

enum value_type { VALUE_NONE, VALUE_TEXT, VALUE_WHOLE, VALUE_NUMBER };

struct option {
    const char *name, *unit;
    enum value_type type;
    size_t offset; /* of bool, const char *, int64_t or double */
    double min, max;
    unsigned commands;
    const char *help;
};

static const struct option options[] = {
    {"--url", "URL", VALUE_TEXT, offsetof(struct arguments, url), 1, 1000, FOR_EACH,
     "the gateway, instead of SLUICECTL_URL"},
    {"--metricsd", "URL", VALUE_TEXT, offsetof(struct arguments, metricsd), 1, 1000,
     FOR(STATUS) | FOR(HEALTH) | FOR(TOP) | FOR(TAIL), "metricsd, instead of SLUICECTL_METRICSD"},
    {"--json", "", VALUE_NONE, offsetof(struct arguments, json), 0, 0, FOR_EACH,
     "JSON instead of text, one value a line"},
    {"--timeout", "SECONDS", VALUE_NUMBER, offsetof(struct arguments, timeout_s), 0.01, 3600, FOR_EACH,
     "how long an answer may take (10)"},
    {"--count", "N", VALUE_WHOLE, offsetof(struct arguments, count), 1, 1e9, FOR(TOP) | FOR(TAIL),
     "so many pictures or events, then the end"},
    {"--limit", "N", VALUE_WHOLE, offsetof(struct arguments, limit), 1, 10000, FOR(QUEUE) | FOR(TOP),
     "so many requests at most (50; top: as many as fit)"},
    {"--client-id", "ID", VALUE_TEXT, offsetof(struct arguments, client_id), 1, 128, FOR(PURGE) | FOR(BURST),
     "whose answer or requests"},
    {"--lane", "NAME", VALUE_TEXT, offsetof(struct arguments, lane), 1, 64, FOR(PURGE) | FOR(BURST),
     "of which provider"},
    {"--priority", "N", VALUE_WHOLE, offsetof(struct arguments, priority), 0, 99, FOR(BURST),
     "0 (most urgent) to 99"},
    {"--repeat", "N", VALUE_WHOLE, offsetof(struct arguments, repeat), 1, 10000, FOR(BURST),
     "one CPF so often"},
    {"--concurrency", "N", VALUE_WHOLE, offsetof(struct arguments, concurrency), 1, 10000, FOR(BURST),
     "so many at once at most"},
    {"--rate", "N", VALUE_NUMBER, offsetof(struct arguments, rate), 0.001, 10000, FOR(BURST),
     "so many a second begin at most"},
    {"--help", "", VALUE_NONE, offsetof(struct arguments, help), 0, 0, FOR_EACH, "this"},
    {"--version", "", VALUE_NONE, offsetof(struct arguments, version), 0, 0, FOR_EACH, "which one this is"},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int refuse(char error[ARGUMENTS_ERROR_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(char error[ARGUMENTS_ERROR_BYTES], const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error, ARGUMENTS_ERROR_BYTES, format, list);
    va_end(list);
    return -EINVAL;
}

/* Without sign, exponent or white space: what a person means by a number. */
static bool read_number(const char *value, bool whole, double *number)
{
    char *end;

    if (!isdigit((unsigned char)value[0]) || value[strspn(value, whole ? "0123456789" : "0123456789.")])
        return false;
    *number = strtod(value, &end);
    return *end == '\0';
}

static int read_ranged(const char *name, const char *value, bool whole, double min, double max,
                       double *number, char error[ARGUMENTS_ERROR_BYTES])
{
    if (read_number(value, whole, number) && *number >= min && *number <= max)
        return 0;
    return refuse(error, "%s: '%.40s' is not a %snumber from %g to %.10g", name, value, whole ? "whole " : "",
                  min, max);
}

static int set_option(struct arguments *arguments, const struct option *option, const char *value,
                      char error[ARGUMENTS_ERROR_BYTES])
{
    void *at = (char *)arguments + option->offset;
    double number = 0;

    if (option->type == VALUE_NONE) {
        *(bool *)at = true;
        return 0;
    }
    if (option->type == VALUE_TEXT) {
        size_t bytes = strlen(value);

        if (bytes < (size_t)option->min || bytes > (size_t)option->max)
            return refuse(error, "%s: must have from %.0f to %.0f characters", option->name, option->min,
                          option->max);
        *(const char **)at = value;
        return 0;
    }
    if (read_ranged(option->name, value, option->type == VALUE_WHOLE, option->min, option->max, &number,
                    error) < 0)
        return -EINVAL;
    if (option->type == VALUE_WHOLE)
        *(int64_t *)at = (int64_t)number;
    else
        *(double *)at = number;
    return 0;
}

static const struct option *find_option(const char *word, size_t bytes)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) == bytes && memcmp(options[i].name, word, bytes) == 0)
            return &options[i];
    }
    return NULL;
}

/* argv[*at] is an option; *at moves on to the last word of it. */
static int read_option(struct arguments *arguments, int argc, char *const *argv, int *at, unsigned *given,
                       char error[ARGUMENTS_ERROR_BYTES])
{
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t bytes = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option = find_option(word, bytes);
    const char *value = equals ? equals + 1 : NULL;

    if (!option)
        return refuse(error, "%.*s: no such option; see --help", (int)(bytes < 60 ? bytes : 60), word);
    if (option->type == VALUE_NONE && value)
        return refuse(error, "%s: takes no value", option->name);
    if (option->type != VALUE_NONE && !value) {
        if (*at + 1 >= argc)
            return refuse(error, "%s: needs a value (%s)", option->name, option->unit);
        value = argv[++*at];
    }
    *given |= 1U << (option - options);
    return set_option(arguments, option, value, error);
}

static int find_command(struct arguments *arguments, const char *word, char error[ARGUMENTS_ERROR_BYTES])
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(word, commands[i].name) == 0) {
            arguments->command = (enum command)i;
            return 0;
        }
    }
    return refuse(error, "%.60s: no such command; see --help", word);
}

static int read_breaker(struct arguments *arguments, char error[ARGUMENTS_ERROR_BYTES])
{
    const char *what = arguments->word_count > 0 ? arguments->words[0] : NULL;

    if (!what)
        return 0;
    if (strcmp(what, "trip") == 0)
        arguments->breaker = BREAKER_TRIP;
    else if (strcmp(what, "reset") == 0)
        arguments->breaker = BREAKER_RESET;
    else
        return refuse(error, "breaker: '%.40s' is neither trip nor reset", what);
    if (arguments->word_count == 1)
        return 0;
    if (arguments->breaker == BREAKER_RESET)
        return refuse(error, "breaker reset: takes no time");
    return read_ranged("breaker trip", arguments->words[1], false, 0.001, 86400, &arguments->seconds, error);
}

static int read_id(const char *id, char error[ARGUMENTS_ERROR_BYTES])
{
    size_t bytes = strlen(id);

    if (bytes == 0 || bytes > 64 || id[strspn(id, "0123456789abcdef-")])
        return refuse(error, "remove: '%.40s' is no id; `sluicectl queue` shows them", id);
    return 0;
}

static int read_words(struct arguments *arguments, char error[ARGUMENTS_ERROR_BYTES])
{
    const char *name = commands[arguments->command].name, *words = commands[arguments->command].words;

    if (arguments->word_count > commands[arguments->command].most)
        return refuse(error, "%s: too many words; usage: sluicectl %s %s", name, name, words);
    if (arguments->word_count < commands[arguments->command].least)
        return refuse(error, "%s: %s is missing", name, words);
    if (arguments->command == COMMAND_RATE)
        return read_ranged("rate", arguments->words[0], false, 0.001, 86400, &arguments->seconds, error);
    if (arguments->command == COMMAND_BREAKER)
        return read_breaker(arguments, error);
    if (arguments->command == COMMAND_REMOVE)
        return read_id(arguments->words[0], error);
    if (arguments->command == COMMAND_BURST && arguments->repeat > 0 && arguments->word_count != 1)
        return refuse(error, "--repeat: goes with one CPF only");
    return 0;
}

static int check_given(const struct arguments *arguments, unsigned given, char error[ARGUMENTS_ERROR_BYTES])
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (given & 1U << i && !(options[i].commands & 1U << arguments->command))
            return refuse(error, "%s: means nothing to %s", options[i].name,
                          commands[arguments->command].name);
    }
    if ((arguments->client_id || arguments->lane) && arguments->command == COMMAND_PURGE &&
        arguments->word_count == 0)
        return refuse(error, "purge: --client-id and --lane go with a KEY only");
    return 0;
}

int arguments_read(struct arguments *arguments, int argc, char *const *argv, const char **words,
                   char error[ARGUMENTS_ERROR_BYTES])
{
    bool only_words = false;
    unsigned count = 0, given = 0;

    *arguments =
        (struct arguments){.timeout_s = TIMEOUT_SECONDS, .priority = -1, .repeat = -1, .concurrency = -1};
    for (int i = 1; i < argc; i++) {
        if (only_words || strncmp(argv[i], "--", 2) != 0)
            words[count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (read_option(arguments, argc, argv, &i, &given, error) < 0)
            return -EINVAL;
    }
    if (arguments->help || arguments->version)
        return 0;
    if (count == 0)
        return refuse(error, "no command; see --help");
    if (find_command(arguments, words[0], error) < 0)
        return -EINVAL;
    arguments->words = words + 1;
    arguments->word_count = count - 1;
    if (arguments->limit == 0)
        arguments->limit = LIMIT_REQUESTS;
    if (read_words(arguments, error) < 0)
        return -EINVAL;
    return check_given(arguments, given, error);
}

void arguments_help(FILE *out)
{
    fputs("usage: sluicectl COMMAND [WORD...] [OPTION...]\n\ncommands:\n", out);
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s %-23s %s\n", commands[i].name, commands[i].words, commands[i].help);
    fputs("\noptions:\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        fprintf(out, "  %-13s %-8s %s\n", options[i].name, options[i].unit, options[i].help);
    fputs("\nends with 0: done; 1: refused, or not ready; 2: wrong usage; 3: nobody answers\n", out);
}
