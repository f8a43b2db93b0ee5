/* admin_body.c - see admin_body.h. json-c reads what has been found to be JSON. */
#include "gateway/admin_body.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "common/json_check.h"
#include "common/message.h"

#define JSON_DEPTH  4
#define SECONDS_MIN 0.001
#define SECONDS_MAX 86400
#define WHY_BYTES   96

int admin_refuse(char detail[ADMIN_DETAIL_BYTES], const char *what, const char *why)
{
    snprintf(detail, ADMIN_DETAIL_BYTES, "%.48s: %s", what, why);
    return -EINVAL;
}

/* json-c keeps the last of several members of one name, but as many colons came as there were members. */
static unsigned count_members(struct text body)
{
    unsigned count = 0, depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < body.bytes; i++) {
        char byte = body.at[i];

        if (quoted && byte == '\\')
            i++;
        else if (byte == '"')
            quoted = !quoted;
        else if (!quoted) {
            depth += byte == '{';
            depth -= byte == '}';
            count += byte == ':' && depth == 1;
        }
    }
    return count;
}

/* The object, to be put; NULL: the body is none. json-c's own strictness differs from version to version,
 * also in what it makes of numbers beyond 64 bits (the largest, or an error), so it is not asked for. */
static json_object *parse(struct text body)
{
    struct json_tokener *tokener = json_check_value(body) ? json_tokener_new_ex(JSON_DEPTH) : NULL;
    json_object *object = NULL;

    if (!tokener)
        return NULL;
    object = json_tokener_parse_ex(tokener, body.at, (int)body.bytes);
    json_tokener_free(tokener);
    if (json_object_is_type(object, json_type_object))
        return object;
    json_object_put(object);
    return NULL;
}

static int read_text(char *detail, struct member *member)
{
    int bytes = json_object_get_string_len(member->value);
    int most = member->most ? member->most : MESSAGE_LABEL_BYTES;
    char why[WHY_BYTES];

    if (!json_object_is_type(member->value, json_type_string))
        return admin_refuse(detail, member->name, "must be a string");
    snprintf(why, sizeof(why), "must have 1 to %d characters", most);
    if (bytes < 1 || bytes > most || strlen(json_object_get_string(member->value)) != (size_t)bytes)
        return admin_refuse(detail, member->name, why);
    memcpy(member->text, json_object_get_string(member->value), (size_t)bytes + 1);
    return 0;
}

static int read_number(char *detail, struct member *member)
{
    bool whole = json_object_is_type(member->value, json_type_int);
    double min = member->type == MEMBER_SECONDS ? SECONDS_MIN : member->min;
    double max = member->type == MEMBER_SECONDS ? SECONDS_MAX : member->max;
    char why[WHY_BYTES];

    if (!whole && member->type == MEMBER_WHOLE)
        return admin_refuse(detail, member->name, "must be a whole number");
    if (!whole && !json_object_is_type(member->value, json_type_double))
        return admin_refuse(detail, member->name, "must be a number");
    member->number = json_object_get_double(member->value);
    snprintf(why, sizeof(why), "must be from %.15g to %.15g", min, max);
    if (!(member->number >= min && member->number <= max)) /* nor NaN */
        return admin_refuse(detail, member->name, why);
    return 0;
}

/* Members have such names; what is none of these is not repeated: it may be a CPF, or end within a character.
 */
static bool is_word(const char *name)
{
    return name[strspn(name, "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

static int read_member(char *detail, struct member *members, unsigned count, const char *name,
                       json_object *value)
{
    for (unsigned i = 0; i < count; i++) {
        struct member *member = &members[i];

        if (strcmp(member->name, name) != 0)
            continue;
        member->given = true;
        member->value = value;
        if (member->type == MEMBER_VALUE)
            return 0;
        return member->type == MEMBER_TEXT ? read_text(detail, member) : read_number(detail, member);
    }
    return admin_refuse(detail, is_word(name) ? name : "body", "no such member");
}

static int read_members(char *detail, json_object *object, struct member *members, unsigned count)
{
    struct json_object_iterator at = json_object_iter_begin(object), end = json_object_iter_end(object);
    int rc = 0;

    for (; rc == 0 && !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        rc = read_member(detail, members, count, json_object_iter_peek_name(&at),
                         json_object_iter_peek_value(&at));
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        if (members[i].required && !members[i].given)
            rc = admin_refuse(detail, members[i].name, "is missing");
    }
    return rc;
}

int admin_body_read(struct text body, struct member *members, unsigned count, json_object **object,
                    char detail[ADMIN_DETAIL_BYTES])
{
    json_object *read = parse(body.bytes > 0 ? body : text_of("{}"));
    int rc;

    if (object)
        *object = read;
    if (!read)
        return admin_refuse(detail, "body", "must be one JSON object");
    rc = read_members(detail, read, members, count);
    if (rc == 0 && count_members(body) != (unsigned)json_object_object_length(read))
        rc = admin_refuse(detail, "body", "a member comes twice");
    if (!object)
        json_object_put(read);
    return rc;
}
