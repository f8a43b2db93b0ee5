/* resident.h - tables that have all their memory from the start. What calloc gives takes none before it is
 * written to: a process whose rings fill over hours would grow for hours, and learn late that there is not
 * enough. */
#ifndef SLUICE_RESIDENT_H
#define SLUICE_RESIDENT_H

#include <stddef.h>

/* So many bytes of 0, to be given to free(). NULL: out of memory. */
void *resident_new(size_t bytes);

#endif
