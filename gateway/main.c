/* main.c - sluice-gateway: configuration, loop, process. */
#include <stdlib.h>

#include "gateway/gateway.h"

int main(int argc, char **argv)
{
    struct gateway *gateway = NULL;
    struct config config;
    struct loop *loop;
    int rc = config_load("sluice-gateway", FOR_GATEWAY, gateway_judge, &config, argc, argv);

    if (rc != 0)
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    rc = EXIT_FAILURE;
    log_open("gateway", config_log_level(&config));
    loop = loop_new("gateway", LOOP_COARSE, config.drain_us);
    if (loop)
        gateway = gateway_new(loop, &config);
    if (gateway)
        rc = loop_run(loop);
    gateway_free(gateway);
    loop_free(loop);
    return rc;
}
