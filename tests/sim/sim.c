/* sim.c - the deterministic simulation (tests/sim/README.md); tests/sim/run builds and starts it.
 *
 *   sim [--stories N] [--calls N] [--runs N] [--only NAME] [--jobs N]   the stories, then the pacing table
 *   sim --seed S [--calls N]                                            that story alone, event by event */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/debt.h"
#include "tests/sim/stories.h"
#include "tests/sim/table.h"

#define DEBT_SLOTS 300

struct options {
    unsigned stories, calls, runs, jobs;
    uint64_t seed;
    const char *only;
};

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        char *end;
        unsigned long long number = strtoull(value, &end, 10);

        if (strcmp(argv[i], "--only") == 0 && value[0])
            options->only = value;
        else if (!value[0] || *end)
            return false;
        else if (strcmp(argv[i], "--stories") == 0)
            options->stories = (unsigned)number;
        else if (strcmp(argv[i], "--calls") == 0)
            options->calls = (unsigned)number;
        else if (strcmp(argv[i], "--runs") == 0)
            options->runs = (unsigned)number;
        else if (strcmp(argv[i], "--jobs") == 0)
            options->jobs = (unsigned)number;
        else if (strcmp(argv[i], "--seed") == 0)
            options->seed = number;
        else
            return false;
    }
    return options->calls > 0 && options->jobs > 0;
}

int main(int argc, char **argv)
{
    struct options options = {
        .stories = 200, .calls = 10000, .runs = 2, .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
    bool good = true;

    if (!read_options(argc, argv, &options)) {
        fprintf(stderr,
                "usage: %s [--stories N] [--calls N] [--runs N] [--only NAME] [--jobs N] | --seed S [--calls "
                "N]\n",
                argv[0]);
        return EXIT_FAILURE;
    }
    if (options.seed)
        return story_tell(options.seed, options.calls, true) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (options.stories > 0)
        good = stories_tell(options.stories, options.calls, options.jobs) &&
               debt_compare(options.stories, DEBT_SLOTS);
    if (options.runs > 0)
        good = table_print(options.runs, options.calls, options.jobs, options.only) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
