/* fleet.h - many independent tasks on all cores, each in a process of a few. */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include <stddef.h>

/* Does task 0 to count-1, each once, and leaves its result in results[task], of so many bytes each (to be
 * freed by munmap or never). The next task goes to whoever is free; when one of the workers dies, the program
 * ends with an error. */
void *fleet_run(unsigned count, unsigned jobs, size_t result_bytes,
                void (*work)(unsigned task, void *result));

#endif
