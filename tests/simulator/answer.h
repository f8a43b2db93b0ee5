/* answer.h - an HTTP answer as bytes. Pure. */
#ifndef SIMULATOR_ANSWER_H
#define SIMULATOR_ANSWER_H

#include <stdint.h>

#include "common/text.h"

struct answer {
    int status;
    const char *type;   /* Content-Type; NULL: none */
    struct text fields; /* more fields, each "Name: value\r\n"; borrowed */
    struct text body;   /* borrowed */
    bool head;          /* leave the body out, but count it */
    bool close;         /* say "Connection: close" */
};

/* Gives the bytes (free() them) and their number; NULL when out of memory. wall_s is for Date. */
char *answer_render(const struct answer *answer, int64_t wall_s, size_t *bytes);

#endif
