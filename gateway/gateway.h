/* gateway.h - the process that faces the clients: it answers from the cache, or submits to the scheduler and
 * waits. It decides neither order nor rate, and writes no cache. */
#ifndef SLUICE_GATEWAY_H
#define SLUICE_GATEWAY_H

#include "common/config.h"
#include "common/loop.h"

struct gateway;

/* Refuses options that the table cannot judge (config_judge of common/config.h): GATEWAY_BIND. */
int gateway_judge(const struct config *config, char error[CONFIG_ERROR_BYTES]);

/* Listens, connects and says READY. Borrows both until gateway_free(). NULL when it cannot; it has logged
 * why. */
struct gateway *gateway_new(struct loop *loop, const struct config *config);
void gateway_free(struct gateway *gateway); /* takes NULL; cuts what is open */

#endif
