/* main.c - sluice-scheduler: configuration, loop, process. */
#include <stdlib.h>

#include "scheduler/scheduler.h"

int main(int argc, char **argv)
{
    struct scheduler *scheduler = NULL;
    struct config config;
    struct loop *loop;
    int rc = config_load("sluice-scheduler", FOR_SCHEDULER, NULL, &config, argc, argv);

    if (rc != 0)
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    rc = EXIT_FAILURE;
    log_open("scheduler", config_log_level(&config));
    loop = loop_new("scheduler", LOOP_PRECISE, config.drain_us);
    if (loop)
        scheduler = scheduler_new(loop, &config);
    if (scheduler)
        rc = loop_run(loop);
    scheduler_free(scheduler);
    loop_free(loop);
    return rc;
}
