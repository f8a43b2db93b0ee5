/* look.h - looking into JSON whose shape may be another than expected. Pure. */
#ifndef SLUICE_CTL_LOOK_H
#define SLUICE_CTL_LOOK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* NULL where there is no such member, or no object. */
static inline struct json_object *look(const struct json_object *object, const char *key)
{
    struct json_object *member = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, key, &member);
    return member;
}

/* "" where it is no string. */
static inline const char *look_text(const struct json_object *object, const char *key)
{
    struct json_object *member = look(object, key);

    return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

static inline bool is_number(const struct json_object *value)
{
    return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
}

/* otherwise where it is no number. */
static inline double look_number(const struct json_object *object, const char *key, double otherwise)
{
    struct json_object *member = look(object, key);

    return is_number(member) ? json_object_get_double(member) : otherwise;
}

/* NULL where it is no list. */
static inline struct json_object *look_list(const struct json_object *object, const char *key)
{
    struct json_object *member = look(object, key);

    return json_object_is_type(member, json_type_array) ? member : NULL;
}

#endif
