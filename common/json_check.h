/* json_check.h - whether bytes of others are JSON (RFC 8259, UTF-8), and such that they may be passed on as
 * they are. json-c is not strict enough for that (it takes NaN), and its versions differ: 0.18, told to be
 * strict, takes every character beyond ASCII for a control character. Pure. */
#ifndef SLUICE_JSON_CHECK_H
#define SLUICE_JSON_CHECK_H

#include <stdbool.h>

#include "common/text.h"

/* Objects and arrays within each other, at most. */
#define JSON_CHECK_DEPTH       16
#define JSON_CHECK_VALUE_DEPTH 64

/* Whether it is exactly one object without control characters, not even between values: it may be put within
 * JSON of ours, or on one line. */
bool json_check_object(struct text text);
/* Whether it is exactly one value, of any kind. */
bool json_check_value(struct text text);

#endif
