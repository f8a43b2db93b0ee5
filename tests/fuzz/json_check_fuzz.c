/* json_check_fuzz.c - whatever a provider answers, or a process sends as a view: what passes is JSON for
 * json-c, too, and as a view one object that breaks no line. */
#include "tests/fuzz/check.h"
#include "tests/fuzz/jsonc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = copy_of(data, size);
    struct text text = {copy, size};
    bool is_object = json_check_object(text), is_value = json_check_value(text);

    must(is_value || !is_object, "an object is a value");
    for (size_t i = 0; is_object && i < size; i++)
        must(data[i] >= ' ' && data[i] != 0x7f, "no control characters");
    if (is_value) {
        check_utf8(text);
        must(jsonc_reads(text, is_object), "json-c reads it, too");
    }
    free(copy);
    return 0;
}
