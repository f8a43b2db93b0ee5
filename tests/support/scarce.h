/* scarce.h - memory that runs out when a test wants it to. A test program that includes this is linked so
 * that malloc, calloc and realloc of all that is under test come by here (tests/unit/CMakeLists.txt). */
#ifndef TESTS_SCARCE_H
#define TESTS_SCARCE_H

/* So many allocations succeed from now on, and then none. */
void scarce_after(unsigned allocations);
/* All do again. Gives how many have failed meanwhile. */
unsigned scarce_no_more(void);

#endif
