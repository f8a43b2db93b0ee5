/* params.h - reads the parameters of a query string strictly (application/x-www-form-urlencoded). Pure.
 *
 * Only the wanted names are looked at; others are passed over, and none is passed on. A wanted name that
 * comes twice and a broken percent-encoding are refused: whoever reads them differently must not get another
 * request through than the one that was checked. */
#ifndef SLUICE_PARAMS_H
#define SLUICE_PARAMS_H

#include "common/text.h"

struct param {
    const char *name;  /* wanted; of letters, digits, '-' and '_' */
    struct text value; /* decoded; at == NULL: not given */
};

/* Fills in the values, which borrow from the query and from `room` (at least query.bytes long). 0 or
 * -EINVAL; *bad is then the name of the parameter, or "query" where it cannot be told. */
int params_read(struct text query, struct param *params, unsigned count, char *room, const char **bad);

#endif
