/* main.c - sluice-metricsd: options, log, loop, process. */
#include <stdlib.h>

#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "metricsd/metricsd.h"

int main(int argc, char **argv)
{
    struct metricsd *metricsd;
    struct config config;
    struct loop *loop;
    int rc = config_load("sluice-metricsd", FOR_METRICSD, metricsd_judge, &config, argc, argv);

    if (rc != 0)
        return rc > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    log_open("metricsd", config_log_level(&config));
    rc = EXIT_FAILURE;
    loop = loop_new("metricsd", LOOP_PRECISE, config.drain_us);
    metricsd = loop ? metricsd_new(loop, &config) : NULL;
    if (metricsd)
        rc = loop_run(loop);
    metricsd_free(metricsd);
    loop_free(loop);
    return rc;
}
