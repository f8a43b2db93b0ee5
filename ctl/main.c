/* main.c - sluicectl: arguments, options, the command. */
#include <stdlib.h>

#include "ctl/ctl.h"

int main(int argc, char **argv)
{
    const char **words = calloc((size_t)argc + 1, sizeof(*words));
    char error[ARGUMENTS_ERROR_BYTES] = "out of memory";
    static struct config config;
    struct arguments arguments = {0};
    enum ctl_end end = CTL_USAGE;

    if (!words || arguments_read(&arguments, argc, argv, words, error) < 0) {
        fprintf(stderr, "sluicectl: %s\n", error);
    } else if (arguments.help) {
        arguments_help(stdout);
        fputc('\n', stdout);
        config_help_options(FOR_CTL, stdout);
        end = CTL_DONE;
    } else if (arguments.version) {
        printf("sluicectl %s\n", SLUICE_VERSION);
        end = CTL_DONE;
    } else if (config_load("sluicectl", FOR_CTL, NULL, &config, 1, argv) == 0) {
        end = ctl_run(&arguments, &config);
    }
    free(words);
    return (int)end;
}
