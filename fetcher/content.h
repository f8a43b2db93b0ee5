/* content.h - which bodies may be stored: a provider in trouble likes to say "200" over an empty page or an
 * error in HTML, and such an answer, passed on once, should not be repeated for a minute. Pure. */
#ifndef SLUICE_CONTENT_H
#define SLUICE_CONTENT_H

#include <stdbool.h>

#include "common/text.h"

/* A longer one that says that it is JSON is believed: a megabyte takes 4 ms, in the thread that sends on
 * time. */
#define CONTENT_CHECKED_BYTES ((size_t)64 * 1024)

enum content_rule {
    CONTENT_JSON, /* what says that it is JSON, and reads as such */
    CONTENT_ANY,
};

/* The rule of that name, as in CACHE_CONTENT; false when there is none. */
bool content_rule_find(const char *name, enum content_rule *rule);

/* Whether an answer may be stored for its body's sake. says_json: so does its Content-Type. */
bool content_storable(enum content_rule rule, bool says_json, struct text body);

#endif
