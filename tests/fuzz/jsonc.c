/* jsonc.c - see jsonc.h. */
#include "tests/fuzz/jsonc.h"

#include <json-c/json.h>

#define DEPTH 65

/* As it is when it is not told to be strict: then all its versions agree. False when it reads nothing; "null"
 * is no object. */
static bool parse(struct text text, json_object **object)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
    bool fine;

    *object = json_tokener_parse_ex(tokener, text.at, (int)text.bytes);
    if (json_tokener_get_error(tokener) == json_tokener_continue) /* a number ends with what follows it */
        *object = json_tokener_parse_ex(tokener, "", 1);
    fine = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    return fine;
}

bool jsonc_reads(struct text text, bool as_object)
{
    json_object *object;
    bool reads = parse(text, &object) && (!as_object || json_object_is_type(object, json_type_object));

    json_object_put(object);
    return reads;
}

bool jsonc_has(struct text text, const char *key, struct text value)
{
    json_object *object, *found = NULL;
    bool same = parse(text, &object) && json_object_object_get_ex(object, key, &found) &&
                json_object_is_type(found, json_type_string) &&
                (size_t)json_object_get_string_len(found) == value.bytes &&
                memcmp(json_object_get_string(found), value.at, value.bytes) == 0;

    json_object_put(object);
    return same;
}
