/* ctl.h - a command carried out: asked over HTTP, shown on standard output, what went wrong on standard
 * error. The result is what the program ends with. */
#ifndef SLUICE_CTL_CTL_H
#define SLUICE_CTL_CTL_H

#include "common/config.h"
#include "ctl/arguments.h"

enum ctl_end { CTL_DONE, CTL_REFUSED, CTL_USAGE, CTL_NOBODY };

enum ctl_end ctl_run(const struct arguments *arguments, const struct config *config);

#endif
