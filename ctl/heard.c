/* heard.c - see heard.h. */
#include "ctl/heard.h"

#include "ctl/look.h"

bool heard_of(const struct json_object *state, const char *process, int64_t pid)
{
    struct json_object *processes = look_list(state, "processes");
    size_t count = processes ? json_object_array_length(processes) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *each = json_object_array_get_idx(processes, i);

        if (strcmp(look_text(each, "process"), process) == 0 && look_number(each, "pid", -1) == (double)pid &&
            json_object_get_boolean(look(each, "up")))
            return true;
    }
    return false;
}
