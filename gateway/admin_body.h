/* admin_body.h - reads the body of a request under /admin: one JSON object, strictly. An unknown member, one
 * that comes twice, a wrong type and a value out of range are refused by name. Pure. */
#ifndef SLUICE_ADMIN_BODY_H
#define SLUICE_ADMIN_BODY_H

#include <stdbool.h>

#include "common/text.h"
#include "gateway/caller.h"

struct json_object; /* of json-c, whose header does not go with common/json.h */

#define ADMIN_DETAIL_BYTES 160
#define ADMIN_TEXT_BYTES   CALLER_CLIENT_BYTES /* of a member at most */

enum member_type {
    MEMBER_TEXT,
    MEMBER_SECONDS, /* 0.001 to 86400 */
    MEMBER_NUMBER,  /* min to max */
    MEMBER_WHOLE,   /* the same without a fraction */
    MEMBER_VALUE,   /* whatever it is: its reader says what is wrong with it */
};

struct member {
    const char *name;
    enum member_type type;
    bool required;
    bool given;
    int most; /* characters of a text; 0: as many as a label has */
    double min, max;
    char text[ADMIN_TEXT_BYTES + 1];
    double number;
    struct json_object *value; /* borrowed from the body's object */
};

/* "what: why", for who sent it. Gives -EINVAL. */
int admin_refuse(char detail[ADMIN_DETAIL_BYTES], const char *what, const char *why);

/* Fills in the members, which are all that may be there. 0 or -EINVAL with the detail. An empty body is an
 * empty object. *object, which may be NULL, is set to what the values borrow from, to be put in any case. */
int admin_body_read(struct text body, struct member *members, unsigned count, struct json_object **object,
                    char detail[ADMIN_DETAIL_BYTES]);

#endif
