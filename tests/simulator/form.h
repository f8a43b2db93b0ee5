/* form.h - "a=1&b=two%20words": walks the fields of a query string or of a form body. Pure. */
#ifndef SIMULATOR_FORM_H
#define SIMULATOR_FORM_H

#include "common/text.h"

/* Decoded; name and value point into the rooms, so a field must not be copied. */
struct form_field {
    struct text name, value;
    bool cut; /* one of them was longer than its room */
    char name_room[64];
    char value_room[1024];
};

/* Reads the next field and moves *rest behind it; false at the end. Empty pieces ("&&") are passed over, a
 * '+' is a space, and a '%' that is no escape stands for itself. */
bool form_next(struct text *rest, struct form_field *field);

#endif
