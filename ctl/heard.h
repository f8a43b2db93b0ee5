/* heard.h - whether a process does its work, by what metricsd hears of it each second. Pure. */
#ifndef SLUICE_CTL_HEARD_H
#define SLUICE_CTL_HEARD_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* state is metricsd's /api/state. False for who is not in it, or has been silent for too long: a process that
 * hangs tells nothing. */
bool heard_of(const struct json_object *state, const char *process, int64_t pid);

#endif
