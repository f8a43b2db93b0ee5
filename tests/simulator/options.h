/* options.h - the simulator's options: environment (SIMULATOR_PORT), and flags over it (--port). */
#ifndef SIMULATOR_OPTIONS_H
#define SIMULATOR_OPTIONS_H

#include <stdio.h>

#include "tests/simulator/simulator.h"

/* Returns 0; 1 when help was asked for and given; -EINVAL after saying on standard error which option is bad.
 */
int options_read(struct simulator_config *config, int argc, char **argv);

#endif
