/* stories.h - random whole lives of a lane, in which everything that can happen happens, and every promise is
 * checked at every step. */
#ifndef SIM_STORIES_H
#define SIM_STORIES_H

#include "tests/sim/world.h"

/* Tells stories 1 to `count`, of so many dispatches each; prints what was done and checked, or the first
 * promise that was not kept and the command that tells that story again. */
bool stories_tell(unsigned count, unsigned calls, unsigned jobs);

/* Tells one, event by event if aloud. */
bool story_tell(uint64_t seed, unsigned calls, bool aloud);

#endif
