/* jsonc.h - json-c as a second opinion on JSON. Its header goes with none of ours, so it has a file of its
 * own. */
#ifndef TESTS_FUZZ_JSONC_H
#define TESTS_FUZZ_JSONC_H

#include <stdbool.h>

#include "common/text.h"

/* Whether it reads it: as one value, or as an object. */
bool jsonc_reads(struct text text, bool as_object);
/* Whether the object has that string under that key. */
bool jsonc_has(struct text object, const char *key, struct text value);

#endif
