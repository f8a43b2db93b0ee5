/* hostile.h - answers that no provider should give: one table, from which the fault `hostile`, its help and
 * its bytes come. Pure. */
#ifndef SIMULATOR_HOSTILE_H
#define SIMULATOR_HOSTILE_H

#include <stdint.h>
#include <stdio.h>

#include "common/text.h"
#include "tests/simulator/server.h"

struct hostile {
    const char *name, *help;
    bool behind; /* the text comes behind the contract's answer, else in its place */
    bool late;   /* and HOSTILE_LATE_US after it */
    struct text text;
    struct text again;    /* what follows that, over and over */
    uint64_t again_bytes; /* so many bytes of it */
    enum reply_end end;
};

#define HOSTILE_LATE_US 20000

extern const char *const hostile_names[]; /* "none" first, ended by NULL */

/* By its place among the names; NULL for "none" and beyond the end. */
const struct hostile *hostile_at(int64_t place);

void hostile_write_help(FILE *out);

#endif
