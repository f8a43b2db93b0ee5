/* json_check_fuzz.c - whatever a process sends as a view: what passes is one object for json-c, too, and
 * breaks no line. */
#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_tokener *tokener;
    struct json_object *object;

    if (!json_check_object((struct text){(const char *)data, size}))
        return 0;
    for (size_t i = 0; i < size; i++)
        must(data[i] >= ' ');
    tokener = json_tokener_new_ex(JSON_CHECK_DEPTH + 1);
    if (!tokener)
        return 0;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
    must(json_tokener_get_error(tokener) == json_tokener_success);
    must(json_object_is_type(object, json_type_object));
    json_object_put(object);
    json_tokener_free(tokener);
    return 0;
}
