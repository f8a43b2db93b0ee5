/* json_check.h - whether bytes of others are JSON that may be passed on as they are, within JSON of ours or
 * on one line. json-c is not strict enough for that: it takes NaN and line ends within strings. Pure. */
#ifndef SLUICE_JSON_CHECK_H
#define SLUICE_JSON_CHECK_H

#include <stdbool.h>

#include "common/text.h"

#define JSON_CHECK_DEPTH 16 /* objects and arrays within each other */

/* Whether it is exactly one object (RFC 8259, UTF-8) without control characters, not even between values. */
bool json_check_object(struct text text);

#endif
