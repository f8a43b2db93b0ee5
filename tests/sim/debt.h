/* debt.h - no phantom debt: requests that come and leave unserved change nothing for those that stay. */
#ifndef SIM_DEBT_H
#define SIM_DEBT_H

#include <stdbool.h>

/* So many pairs of lanes, each with so many slots: in one of the two, others come and hang up between the
 * slots. Prints what was compared, or the first pair that differed. */
bool debt_compare(unsigned pairs, unsigned slots);

#endif
