/* options.c - one table row per option; flag, help and check come from the row. */
#include "tests/simulator/options.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "tests/simulator/nanos.h"

enum option_kind { OPTION_NUMBER, OPTION_SECONDS, OPTION_TEXT, OPTION_PENALTY };

struct option {
    const char *name; /* behind SIMULATOR_; the flag is its lower case */
    enum option_kind kind;
    size_t offset;
    double least, most;
    const char *standard, *help;
};

#define AT(member) offsetof(struct simulator_config, member)

static const struct option options[] = {
    {"PORT", OPTION_NUMBER, AT(port), 0, 65535, "5555", "where to listen; 0: any free port"},
    {"BIND", OPTION_TEXT, AT(bind), 0, 0, "127.0.0.1", "address to listen on"},
    {"WINDOW_SECONDS", OPTION_SECONDS, AT(window_ns), 0, 86400, "1", "length of a window; 0: no limit"},
    {"BURST", OPTION_NUMBER, AT(burst), 1, 1e6, "1", "requests per window"},
    {"PENALTY_SECONDS", OPTION_SECONDS, AT(penalty_ns), 0.001, 86400, "2", "how long an early request costs"},
    {"PENALTY", OPTION_PENALTY, AT(delay), 0, 0, "reject", "reject (429) or delay (a late answer)"},
    {"SEED", OPTION_NUMBER, AT(seed), 0, 9e15, "1", "of the jitter"},
    {"FAULTS", OPTION_TEXT, AT(faults), 0, 0, "", "at the start: forward_ms=30&stall=1 ..."},
    {"LOG", OPTION_TEXT, AT(log_path), 0, 0, "", "file that every arrival is appended to, as JSON lines"},
    {"LOG_ENTRIES", OPTION_NUMBER, AT(log_entries), 1, 1e7, "200000", "arrivals kept in memory"},
    {"MAX_CONNECTIONS", OPTION_NUMBER, AT(max_connections), 1, 1e6, "1024", "more are closed at once"},
    {"MAX_CLIENTS", OPTION_NUMBER, AT(max_clients), 1, 1e6, "10000", "client-ids with an open window"},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int parse_number(const struct option *option, const char *value, double *number)
{
    char *end;

    if (value[0] == '\0' || strspn(value, "0123456789.") != strlen(value))
        return -EINVAL;
    *number = strtod(value, &end);
    if (*end != '\0' || *number < option->least || *number > option->most)
        return -EINVAL;
    return option->kind == OPTION_NUMBER && *number != floor(*number) ? -EINVAL : 0;
}

static int option_set(struct simulator_config *config, const struct option *option, const char *value)
{
    void *member = (char *)config + option->offset;
    double number;

    if (option->kind == OPTION_TEXT) {
        *(const char **)member = value;
        return 0;
    }
    if (option->kind == OPTION_PENALTY) {
        *(int64_t *)member = strcmp(value, "delay") == 0;
        return strcmp(value, "delay") == 0 || strcmp(value, "reject") == 0 ? 0 : -EINVAL;
    }
    if (parse_number(option, value, &number) < 0)
        return -EINVAL;
    if (option->kind == OPTION_SECONDS)
        number = round(number * (double)NS_PER_SECOND);
    *(int64_t *)member = (int64_t)number;
    return 0;
}

/* "window-seconds" for WINDOW_SECONDS */
static bool flag_is(const struct option *option, const char *flag, size_t bytes)
{
    size_t i = 0;

    for (; option->name[i] != '\0' && i < bytes; i++) {
        char c = option->name[i];
        char lower = c == '_' ? '-' : (char)(c | 32);

        if (flag[i] != lower)
            return false;
    }
    return option->name[i] == '\0' && i == bytes;
}

static int from_environment(struct simulator_config *config)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char name[64];
        const char *value;

        snprintf(name, sizeof(name), "SIMULATOR_%s", options[i].name);
        value = getenv(name);
        if (!value || value[0] == '\0')
            value = options[i].standard;
        if (option_set(config, &options[i], value) == 0)
            continue;
        fprintf(stderr, "sluice-simulator: bad value for %s: \"%s\" (%s)\n", name, value, options[i].help);
        return -EINVAL;
    }
    return 0;
}

static const struct option *option_find(const char *flag, size_t bytes)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (flag_is(&options[i], flag, bytes))
            return &options[i];
    return NULL;
}

/* "--port=0" or "--port" "0"; *at is the argument, and moves on. */
static int from_argument(struct simulator_config *config, int argc, char **argv, int *at)
{
    const char *flag = argv[*at];
    size_t bytes = strncmp(flag, "--", 2) == 0 ? strcspn(flag + 2, "=") : 0;
    const struct option *option = option_find(flag + 2, bytes);
    const char *value;

    if (bytes == 0 || !option) {
        fprintf(stderr, "sluice-simulator: unknown option %s (--help lists them)\n", flag);
        return -EINVAL;
    }
    if (flag[2 + bytes] == '=')
        value = flag + 2 + bytes + 1;
    else
        value = ++*at < argc ? argv[*at] : "";
    if (option_set(config, option, value) == 0)
        return 0;
    fprintf(stderr, "sluice-simulator: bad value for --%.*s: \"%s\" (%s)\n", (int)bytes, flag + 2, value,
            option->help);
    return -EINVAL;
}

static void write_help(void)
{
    printf("sluice-simulator: stands in for the provider of the score API, limit and penalties included.\n\n"
           "Options come from the environment; a flag wins: SIMULATOR_WINDOW_SECONDS, --window-seconds.\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++)
        printf("  SIMULATOR_%-16s %s [%s]\n", options[i].name, options[i].help, options[i].standard);
    printf("\nFaults (SIMULATOR_FAULTS, and POST /control/faults?...):\n\n");
    faults_write_help(stdout);
}

int options_read(struct simulator_config *config, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0)
            continue;
        write_help();
        return 1;
    }
    if (from_environment(config) < 0)
        return -EINVAL;
    for (int i = 1; i < argc; i++)
        if (from_argument(config, argc, argv, &i) < 0)
            return -EINVAL;
    return 0;
}
