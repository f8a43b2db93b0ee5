/* content.c - see content.h. */
#include "fetcher/content.h"

#include <json-c/json.h>

/* Read as json-c reads it, which is a little more than RFC 8259 allows (NaN, a line's end within a string).
 * A megabyte would take it some 60 ms, in the thread that sends on time, so what is long is taken at its
 * word. */
static bool is_json(struct text body)
{
    struct json_tokener *tokener;
    struct json_object *object;
    bool whole;

    if (body.bytes > CONTENT_CHECKED_BYTES)
        return true;
    tokener = memchr(body.at, '\0', body.bytes) ? NULL : json_tokener_new_ex(CONTENT_DEPTH_MAX);
    if (!tokener)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, body.at, (int)body.bytes);
    if (json_tokener_get_error(tokener) == json_tokener_continue) /* a number ends with what follows it */
        object = json_tokener_parse_ex(tokener, "", 1);
    whole = json_tokener_get_error(tokener) == json_tokener_success;
    json_object_put(object);
    json_tokener_free(tokener);
    return whole;
}

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
    return rule == CONTENT_ANY || (says_json && body.bytes > 0 && is_json(body));
}
