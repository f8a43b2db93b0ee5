/* json_check_fuzz.c - whatever a provider answers, or a process sends as a view: what passes is JSON for
 * json-c, too, and as a view one object that breaks no line. */
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

/* json-c as it is when it is not told to be strict: then all its versions agree. */
static void must_be_read(const uint8_t *data, size_t size, bool is_object)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_CHECK_VALUE_DEPTH + 1);
    struct json_object *object;

    if (!tokener)
        return;
    object = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
    if (json_tokener_get_error(tokener) == json_tokener_continue) /* a number ends with what follows it */
        object = json_tokener_parse_ex(tokener, "", 1);
    must(json_tokener_get_error(tokener) == json_tokener_success);
    must(!is_object || json_object_is_type(object, json_type_object));
    json_object_put(object);
    json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};
    bool is_object = json_check_object(text);

    if (!json_check_value(text)) {
        must(!is_object);
        return 0;
    }
    for (size_t i = 0; is_object && i < size; i++)
        must(data[i] >= ' ');
    must_be_read(data, size, is_object);
    return 0;
}
