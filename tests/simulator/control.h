/* control.h - /control/: the test's side door. No part of the provider: no faults, no limit, no arrival. */
#ifndef SIMULATOR_CONTROL_H
#define SIMULATOR_CONTROL_H

#include "tests/simulator/simulator.h"

#define CONTROL_PREFIX "/control/"

bool control_wants(const struct request *request);

/* Does what the request asks and answers it. */
void control_answer(struct simulator *simulator, struct exchange *exchange, const struct request *request);

#endif
