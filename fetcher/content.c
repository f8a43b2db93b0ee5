/* content.c - see content.h. */
#include "fetcher/content.h"

#include "common/json_check.h"

bool content_rule_find(const char *name, enum content_rule *rule)
{
    static const char *const names[] = {[CONTENT_JSON] = "json", [CONTENT_ANY] = "any"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *rule = (enum content_rule)i;
            return true;
        }
    }
    return false;
}

bool content_storable(enum content_rule rule, bool says_json, struct text body)
{
    return rule == CONTENT_ANY ||
           (says_json && body.bytes > 0 && (body.bytes > CONTENT_CHECKED_BYTES || json_check_value(body)));
}
