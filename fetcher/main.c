/* main.c - sluice-fetcher: configuration, loop, process. */
#include <stdlib.h>

#include "fetcher/fetcher.h"

int main(int argc, char **argv)
{
    struct fetcher *fetcher = NULL;
    struct config config;
    struct loop *loop;
    int rc = config_load("sluice-fetcher", FOR_FETCHER, fetcher_judge, &config, argc, argv);

    if (rc != 0)
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    rc = EXIT_FAILURE;
    log_open("fetcher", config_log_level(&config));
    loop = loop_new("fetcher", LOOP_PRECISE, config.drain_us);
    if (loop)
        fetcher = fetcher_new(loop, &config);
    if (fetcher)
        rc = loop_run(loop);
    fetcher_free(fetcher);
    loop_free(loop);
    return rc;
}
